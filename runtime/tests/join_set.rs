//! Tasks that belong together, taken in the order in which they end. N10 is of the list of pitfalls that the project
//! keeps: the cost of a wake must not grow with the number of those who wait.

#![allow(missing_docs)]

mod support;

use egret_runtime::runtime::{Builder, Runtime, UnhandledPanic};
use egret_runtime::task::{JoinError, JoinSet, yield_now};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use support::wakers::{Call, Count, hooked};
use support::{Gate, OnDrop, Trace, bounded, counted, hold, many, message_of, turn};

fn poll<T: 'static>(set: &mut JoinSet<T>, waker: &Waker) -> Poll<Option<Result<T, JoinError>>> {
    set.poll_join_next(&mut Context::from_waker(waker))
}

fn output<T>(poll: Poll<Option<Result<T, JoinError>>>) -> T {
    match poll {
        Poll::Ready(Some(result)) => result.unwrap(),
        Poll::Ready(None) => panic!("the set is empty"),
        Poll::Pending => panic!("nothing has ended"),
    }
}

#[test]
fn outputs_come_in_the_order_in_which_the_tasks_end_panics_and_aborts_among_them() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let mut set = JoinSet::new();
    let gates: [Gate; 4] = Default::default();
    for (number, gate) in gates.iter().enumerate() {
        let gate = gate.clone();
        set.spawn(async move {
            gate.wait().await;
            assert_ne!(number, 2, "the third panics");
            number
        });
    }
    let aborted = set.spawn(pending());
    turn(&rt);
    assert_eq!(set.len(), 5);
    for step in [2, 4, 0, 3, 1] {
        match gates.get(step) {
            Some(gate) => gate.open(),
            None => aborted.abort(),
        }
        turn(&rt);
    }
    assert_eq!(set.len(), 5);
    let ends = std::iter::from_fn(|| set.try_join_next()).map(|result| match result {
        Ok(number) => number.to_string(),
        Err(error) => error.to_string().split_once(' ').unwrap().1.split_once(' ').unwrap().1.to_owned(),
    });
    let ends: Vec<_> = ends.collect();
    assert!(ends[0].starts_with("panicked: ") && ends[0].contains("the third panics"), "{ends:?}");
    assert_eq!(ends[1..], ["was cancelled", "0", "3", "1"]);
    assert_eq!((set.len(), set.is_empty()), (0, true));
}

// N10
#[test]
fn a_task_that_ends_costs_one_poll_of_the_waiter_however_many_others_there_are() {
    let rt = Runtime::new().unwrap();
    let tasks = many(10_000, 50);
    let gates: Vec<Gate> = (0..tasks).map(|_| Gate::default()).collect();
    let joined = Rc::new(Cell::new(0));
    drop(rt.spawn({
        let (gates, joined) = (gates.clone(), joined.clone());
        async move {
            let mut set = JoinSet::new();
            for (number, gate) in gates.into_iter().enumerate() {
                set.spawn(async move {
                    gate.wait().await;
                    number
                });
            }
            while let Some(number) = set.join_next().await {
                joined.set(joined.get() + number.unwrap());
            }
        }
    }));
    while turn(&rt) != (0, 0, 0) {}
    let inside = rt.enter();
    // From the last to the first, one a turn.
    let cost = counted(&rt, || {
        for gate in gates.iter().rev() {
            gate.open();
            assert_eq!(turn(&rt).2, 1);
            assert_eq!(turn(&rt).2, 1);
        }
    });
    drop(inside);
    let n = tasks as i64;
    assert_eq!(joined.get() as i64, n * (n - 1) / 2);
    let expected = [
        ("turns", 2 * n),
        ("polls", 2 * n),
        ("local_wakes", 2 * n),
        ("epoll_waits", 2 * n),
        ("tasks_alive", -n - 1),
    ];
    assert_eq!(cost, expected);
}

// N10
#[test]
fn a_set_keeps_one_waker_and_not_one_for_each_task() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let mut set = JoinSet::new();
    let gate = Gate::default();
    for _ in 0..1000 {
        set.spawn(pending());
    }
    set.spawn(gate.clone().wait());
    while turn(&rt).2 > 0 {}
    let calls = Trace::new();
    let waker = || {
        let calls = calls.clone();
        hooked(move |call| calls.push(call))
    };
    let (first, second) = (waker(), waker());
    assert!(poll(&mut set, &first).is_pending());
    assert_eq!(calls.take(), [Call::Clone]);
    assert!(poll(&mut set, &second).is_pending());
    assert_eq!(calls.take(), [Call::Clone, Call::Drop]); // that of the first
    gate.open();
    turn(&rt);
    assert_eq!(calls.take(), [Call::Wake]);
    output(poll(&mut set, &second));
    assert_eq!(calls.take(), []);
}

#[test]
fn tasks_that_end_in_one_turn_wake_the_waiter_once() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let mut set = JoinSet::new();
    let count = Count::new();
    for number in 0..50 {
        set.spawn(ready(number));
    }
    assert!(poll(&mut set, &count.clone().into()).is_pending());
    assert_eq!(turn(&rt), (0, 0, 50));
    assert_eq!(count.take(), 1);
    for number in 0..50 {
        assert_eq!(output(poll(&mut set, Waker::noop())), number);
    }
    assert!(matches!(poll(&mut set, Waker::noop()), Poll::Ready(None)));
}

#[test]
fn a_wait_that_is_given_up_loses_no_output() {
    bounded(|| {
        Runtime::new().unwrap().block_on(async {
            let mut set = JoinSet::new();
            let gate = Gate::default();
            set.spawn(gate.clone().wait());
            {
                let mut join = pin!(set.join_next());
                poll_fn(|cx| {
                    assert!(join.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                gate.open();
                yield_now().await;
            }
            assert_eq!(set.len(), 1);
            set.join_next().await.unwrap().unwrap();
            assert!(set.join_next().await.is_none());
        });
    });
}

#[test]
fn a_set_that_is_dropped_aborts_each_task_once() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let trace = Trace::<usize>::new();
    let mut set = JoinSet::new();
    for number in 0..100 {
        set.spawn(hold(trace.on_drop(number)));
    }
    turn(&rt);
    turn(&rt);
    assert_eq!(trace.take(), []);
    drop(set);
    assert_eq!(trace.take(), (0..100).collect::<Vec<_>>());
    // Their slots are given up when the queue comes to them, 64 a turn.
    turn(&rt);
    turn(&rt);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

#[test]
fn a_shutdown_waits_for_the_tasks_and_leaves_a_set_that_can_be_used() {
    bounded(|| {
        Runtime::new().unwrap().block_on(async {
            let trace = Trace::new();
            let mut set = JoinSet::new();
            set.spawn(async {});
            set.spawn(async { panic!("thrown away") });
            yield_now().await;
            set.spawn(hold(trace.on_drop("held")));
            set.shutdown().await;
            assert_eq!((trace.take(), set.len()), (vec!["held"], 0));
            set.spawn(async {});
            assert!(set.join_next().await.unwrap().is_ok());
        });
    });
}

#[test]
fn detached_tasks_go_on_and_what_they_say_is_not_taken_for_that_of_later_ones() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (old, new, trace) = (Gate::default(), Gate::default(), Trace::new());
    let mut set = JoinSet::new();
    set.spawn(ready("ended"));
    for name in ["first", "second"] {
        let (gate, trace) = (old.clone(), trace.clone());
        set.spawn(async move {
            gate.wait().await;
            trace.push(name);
            name
        });
    }
    let count = Count::new();
    turn(&rt);
    assert_eq!(output(poll(&mut set, Waker::noop())), "ended");
    assert!(poll(&mut set, &count.clone().into()).is_pending());
    set.detach_all();
    assert_eq!((count.take(), set.len()), (1, 0)); // whoever waited learns that there is nothing to wait for
    assert!(matches!(poll(&mut set, Waker::noop()), Poll::Ready(None)));

    let gate = new.clone();
    set.spawn(async move {
        gate.wait().await;
        "new"
    });
    turn(&rt);
    assert!(poll(&mut set, &count.clone().into()).is_pending());
    old.open();
    turn(&rt);
    assert_eq!((trace.take(), count.take()), (vec!["first", "second"], 0));
    assert!(poll(&mut set, &count.clone().into()).is_pending());
    new.open();
    turn(&rt);
    assert_eq!((output(poll(&mut set, Waker::noop())), count.take()), ("new", 1));
}

#[test]
fn a_task_with_many_outputs_to_take_lets_others_run() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let mut set = JoinSet::new();
    let tasks = 300;
    for _ in 0..tasks {
        set.spawn(async {});
    }
    while turn(&rt).2 > 0 {}
    drop(inside);
    let taken = Rc::new(Cell::new(0));
    drop(rt.spawn({
        let taken = taken.clone();
        async move {
            while set.join_next().await.is_some() {
                taken.set(taken.get() + 1);
            }
        }
    }));
    let mut turns = Vec::new();
    while turn(&rt).2 > 0 {
        turns.push(taken.get());
    }
    assert_eq!(turns, [128, 256, 300]);
}

/// A waker that polls what it woke for at once, in the middle of the wake.
#[test]
fn a_waker_that_comes_back_from_within_the_wake_gets_every_output() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let set = Rc::new(RefCell::new(JoinSet::new()));
    let trace = Trace::<String>::new();
    let this = Rc::new(RefCell::new(None::<Waker>));
    let waker = hooked({
        let (set, trace, this) = (set.clone(), trace.clone(), this.clone());
        move |call| {
            if call != Call::Wake {
                return;
            }
            let waker = this.borrow().clone().expect("set before the first wake");
            loop {
                let polled = poll(&mut set.borrow_mut(), &waker);
                match polled {
                    Poll::Pending => return trace.push("pending".to_owned()),
                    Poll::Ready(None) => return trace.push("empty".to_owned()),
                    Poll::Ready(Some(result)) => {
                        trace.push(result.unwrap_or_else(|error| error.to_string()[..4].to_owned()))
                    }
                }
            }
        }
    });
    let gates: [Gate; 2] = Default::default();
    for (gate, name) in gates.iter().zip(["a", "b"]) {
        let gate = gate.clone();
        set.borrow_mut().spawn(async move {
            gate.wait().await;
            name.to_owned()
        });
    }
    assert!(poll(&mut set.borrow_mut(), &waker).is_pending());
    *this.borrow_mut() = Some(waker);
    turn(&rt);
    for gate in &gates {
        gate.open();
    }
    turn(&rt);
    // Each time: told of the end before the output is there, then again.
    assert_eq!(trace.take(), ["pending", "a", "pending", "pending", "b", "empty"]);
    *this.borrow_mut() = None;
}

#[test]
fn a_task_that_ends_while_the_set_clones_a_waker_is_not_waited_for_in_vain() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    for at in [Call::Clone, Call::Drop] {
        let mut set = JoinSet::<()>::new();
        let abort = set.spawn(pending());
        let waker = hooked(move |call| {
            if call == at {
                abort.abort();
            }
        });
        // The drop of the waker is that of the first, when the second takes its place.
        let polled = [poll(&mut set, &waker), poll(&mut set, &Count::new().into())];
        let ended = polled.into_iter().filter(|polled| matches!(polled, Poll::Ready(Some(Err(_)))));
        assert_eq!(ended.count(), 1, "{at:?}");
    }
}

#[test]
fn a_member_may_drop_the_set_that_it_is_in() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let trace = Trace::new();
    let place = Rc::new(Cell::new(None));
    let mut set = JoinSet::new();
    set.spawn(hold(trace.on_drop("another")));
    let (theirs, held, events) = (place.clone(), trace.on_drop("itself"), trace.clone());
    set.spawn(async move {
        let _held = held;
        drop(theirs.take());
        events.push("dropped the set");
        yield_now().await;
        events.push("never");
    });
    place.set(Some(set));
    drop(inside);
    while turn(&rt).2 > 0 {}
    assert_eq!(trace.take(), ["another", "dropped the set", "itself"]);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

#[test]
fn a_set_outlives_its_runtime() {
    let rt = Runtime::new().unwrap();
    let mut set = JoinSet::new();
    {
        let _inside = rt.enter();
        set.spawn(pending());
        set.spawn(ready(1));
        turn(&rt);
    }
    let count = Count::new();
    assert_eq!(output(poll(&mut set, Waker::noop())), 1);
    assert!(poll(&mut set, &count.clone().into()).is_pending());
    drop(rt);
    assert_eq!(count.take(), 1);
    assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
    assert!(set.is_empty());
}

#[test]
fn a_task_that_is_spawned_while_the_runtime_is_dropped_is_cancelled() {
    let rt = Runtime::new().unwrap();
    let set = Rc::new(RefCell::new(JoinSet::new()));
    let theirs = set.clone();
    drop(rt.spawn(hold(OnDrop::new(move || {
        theirs.borrow_mut().spawn(pending::<()>());
    }))));
    turn(&rt);
    drop(rt);
    let set = &mut *set.borrow_mut();
    assert_eq!(set.len(), 1);
    assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
    assert!(set.try_join_next().is_none());
}

#[test]
fn a_spawn_outside_of_a_runtime_says_so_and_leaves_the_set_as_it_was() {
    let mut set = JoinSet::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| set.spawn(ready(0)))).unwrap_err();
    assert!(message_of(&*panicked).starts_with("there is no egret runtime on this thread"));
    assert!(set.is_empty());
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    set.spawn(ready(7));
    assert!(poll(&mut set, Waker::noop()).is_pending());
    turn(&rt);
    assert_eq!(output(poll(&mut set, Waker::noop())), 7);
}

#[test]
fn a_panic_that_nobody_takes_out_of_the_set_is_unhandled() {
    let rt = Builder::new().unhandled_panic(UnhandledPanic::Shutdown).build().unwrap();
    let inside = rt.enter();
    let mut set = JoinSet::new();
    let line = line!() + 1;
    set.spawn(async { panic!("boom") });
    drop(inside);
    turn(&rt);
    drop(rt.spawn(async move { drop(set) }));
    let panicked = catch_unwind(AssertUnwindSafe(|| turn(&rt))).unwrap_err();
    let message = message_of(&*panicked);
    assert!(message.contains(&format!(" spawned at runtime/tests/join_set.rs:{line}:")), "{message}");
}

#[test]
fn the_future_of_a_task_is_dropped_before_its_output_comes_out_of_the_set() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let trace = Trace::new();
        let guard = trace.on_drop("future");
        let mut set = JoinSet::new();
        // The guard is the future's and not its output's.
        let mut guard = Some(guard);
        set.spawn(poll_fn(move |_| {
            let _ = &mut guard;
            Poll::Ready(())
        }));
        set.join_next().await.unwrap().unwrap();
        assert_eq!(trace.take(), ["future"]);
    });
    fn is_unpin<T: Unpin>() {}
    is_unpin::<JoinSet<std::marker::PhantomPinned>>();
    let _: Pin<&mut JoinSet<()>> = Pin::new(&mut JoinSet::new());
}
