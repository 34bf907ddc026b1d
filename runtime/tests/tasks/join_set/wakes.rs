//! The wakes of a member that ends, and wakers that re-enter the set.

use super::polled::*;
use crate::support::wakers::{Call, Count, hooked};
use crate::support::{Gate, Trace, counted, many, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::JoinSet;
use egret_runtime::time::{pause, sleep};
use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

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
    // Each time: woken by the end before the output is there, then again.
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

/// As by a future that polls its set, and takes new work after that.
#[test]
fn a_first_job_that_is_added_after_the_set_was_polled_wakes_the_waiter() {
    egret_runtime::block_on(async {
        pause(); // time goes on when the jobs are over
        let mut set = JoinSet::new();
        set.spawn(pending());
        let count = Count::new();
        assert!(poll(&mut set, &count.clone().into()).is_pending());
        set.spawn_blocking(|| "job");
        sleep(Duration::from_millis(1)).await;
        assert_eq!(count.take(), 1);
        assert_eq!(output(poll(&mut set, Waker::noop())), "job");
    });
}

#[test]
fn a_task_that_ends_while_the_first_job_clones_the_waker_is_not_waited_for_in_vain() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (mut set, trace) = (JoinSet::new(), Trace::new());
    let abort = set.spawn(pending());
    let waker = hooked({
        let (trace, polled) = (trace.clone(), Cell::new(false));
        move |call| {
            trace.push(call);
            if call == Call::Clone && polled.replace(true) {
                abort.abort();
            }
        }
    });
    assert!(poll(&mut set, &waker).is_pending());
    assert_eq!(trace.take(), [Call::Clone]);
    set.spawn_blocking(|| ());
    assert_eq!(trace.take(), [Call::Clone, Call::Wake]);
}
