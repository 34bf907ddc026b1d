//! Panics of user code: in a poll, in a destructor, in a waker, in `block_on`. A panic ends only
//! its own task; each value is still dropped once, and the runtime continues.

#![allow(missing_docs)]

use crate::support::{Gate, OnDrop, Trace, bounded, child, hold, message_of, outcome, this_waker, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::{Confined, yield_now};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;

/// Three tasks whose destructors write their number, the second of which panics in there.
fn three_of_which_the_second_panics_in_drop(rt: &Runtime, trace: &Trace<u32>) {
    for number in 1..=3 {
        let trace = trace.clone();
        drop(rt.spawn(hold(OnDrop::new(move || {
            trace.push(number);
            assert_ne!(number, 2, "the second is dropped");
        }))));
    }
    turn(rt);
}

// P1
#[test]
fn a_destructor_that_panics_when_the_runtime_is_dropped_does_not_keep_the_others_from_running() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    three_of_which_the_second_panics_in_drop(&rt, &trace);
    drop(rt);
    assert_eq!(trace.take(), [1, 2, 3]);
}

// P1, P7
#[test]
fn destructors_that_panic_while_the_runtime_is_dropped_by_a_panic_do_not_abort_the_process() {
    bounded(|| {
        let trace = Trace::new();
        let dropped = trace.clone();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let rt = Runtime::new().unwrap();
            three_of_which_the_second_panics_in_drop(&rt, &dropped);
            rt.block_on(async { panic!("the first panic") })
        }));
        assert_eq!(message_of(&*caught.unwrap_err()), "the first panic");
        assert_eq!(trace.take(), [1, 2, 3]);
    });
}

// P1
#[test]
fn a_destructor_that_panics_is_the_outcome_of_its_task_and_runs_once() {
    let rt = Runtime::new().unwrap();
    let drops = Rc::new(Cell::new(0));
    let bomb = || {
        let drops = drops.clone();
        OnDrop::new(move || {
            drops.set(drops.get() + 1);
            panic!("in drop");
        })
    };
    let (completes, aborted) = (bomb(), rt.spawn(hold(bomb())));
    let completes = rt.spawn(async move {
        yield_now().await;
        let output = 5;
        let _completes = completes;
        output
    });
    for polled in [2, 1] {
        assert_eq!(turn(&rt).2, polled);
    }
    let completes = outcome(completes).unwrap_err();
    assert_eq!((completes.is_panic(), completes.to_string().ends_with(" panicked: in drop")), (true, true));
    aborted.abort();
    let aborted = outcome(aborted).unwrap_err();
    assert_eq!((aborted.is_panic(), message_of(&*aborted.into_panic())), (true, "in drop"));
    assert_eq!(drops.get(), 2);
    turn(&rt);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

/// A future that has completed, and panics when it is destroyed after that.
struct BombAfterReady;

impl Future for BombAfterReady {
    type Output = OnDrop;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<OnDrop> {
        Poll::Ready(OnDrop::new(|| panic!("the output too")))
    }
}

impl Drop for BombAfterReady {
    fn drop(&mut self) {
        panic!("the future");
    }
}

// P1: the output is lost with the panic, and dropped, and may panic in turn.
#[test]
fn a_future_and_its_output_may_both_panic_in_drop() {
    let rt = Runtime::new().unwrap();
    let handle = rt.spawn(BombAfterReady);
    drop(rt.spawn(BombAfterReady));
    assert_eq!(turn(&rt), (0, 0, 2));
    let error = outcome(handle).map(|_| ()).unwrap_err();
    assert_eq!(message_of(&*error.into_panic()), "the future");
    assert_eq!(turn(&rt), (0, 0, 0));
    // An output that panics in the hands of the handle's owner is the owner's.
    let handle = rt.spawn(async { OnDrop::new(|| panic!("an output nobody took")) });
    turn(&rt);
    drop(handle);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

// P2
#[test]
fn a_task_that_panics_is_dropped_at_once_and_never_polled_again() {
    let rt = Runtime::new().unwrap();
    let polls = Rc::new(Cell::new(0));
    let trace = Trace::new();
    let waker = Rc::new(Cell::new(None::<Waker>));
    let handle = rt.spawn({
        let (polls, waker, guard) = (polls.clone(), waker.clone(), trace.on_drop("dropped"));
        poll_fn(move |cx| -> Poll<()> {
            let _guard = &guard;
            polls.set(polls.get() + 1);
            waker.set(Some(cx.waker().clone()));
            cx.waker().wake_by_ref(); // queued, and must not be polled for it
            panic_any(vec![1, 2, 3])
        })
    });
    let _inside = rt.enter();
    turn(&rt);
    assert_eq!(trace.take(), ["dropped"]);
    for _ in 0..3 {
        waker.take().into_iter().for_each(Waker::wake);
        turn(&rt);
    }
    assert_eq!(polls.get(), 1);
    assert!(handle.is_finished());
    let error = outcome(handle).unwrap_err();
    assert!(error.is_panic() && !error.is_cancelled());
    assert_eq!(error.to_string(), format!("task {} panicked", error.id()));
    assert_eq!(*error.into_panic().downcast::<Vec<i32>>().unwrap(), [1, 2, 3]);
    assert_eq!((rt.metrics().tasks_alive, rt.metrics().stale_generations), (0, 1));
}

#[test]
fn an_error_of_a_task_says_which_task_and_why() {
    let rt = Runtime::new().unwrap();
    let panics = rt.spawn(async { panic!("no {}", "luck".trim()) });
    let aborted = rt.spawn(pending::<()>());
    let ids = (panics.id(), aborted.id());
    assert_ne!(ids.0, ids.1);
    aborted.abort();
    turn(&rt);
    let (panics, aborted) = (outcome(panics).unwrap_err(), outcome(aborted).unwrap_err());
    assert_eq!((panics.id(), aborted.id()), ids);
    assert_eq!(panics.to_string(), format!("task {} panicked: no luck", ids.0));
    assert_eq!(aborted.to_string(), format!("task {} was cancelled", ids.1));
    assert_eq!(format!("{aborted:?}"), format!("JoinError(task {} was cancelled)", ids.1));
    let aborted = aborted.try_into_panic().unwrap_err();
    let asked = catch_unwind(AssertUnwindSafe(|| aborted.into_panic())).unwrap_err();
    let message = format!("JoinError::into_panic: task {} was cancelled; ask is_panic first", ids.1);
    assert_eq!(message_of(&*asked), message);
}

// P7
#[test]
fn a_panic_in_block_on_drops_no_task_and_leaves_a_runtime_that_works() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let trace = Trace::<usize>::new();
        let gate = Gate::default();
        for task in 0..100 {
            let (gate, guard) = (gate.clone(), trace.on_drop(task));
            drop(rt.spawn(async move {
                let _guard = guard;
                gate.wait().await;
            }));
        }
        let caught = catch_unwind(AssertUnwindSafe(|| {
            rt.block_on(async {
                yield_now().await;
                resume_unwind(Box::new("the root"))
            })
        }));
        let caught: Result<(), _> = caught;
        assert_eq!(message_of(&*caught.unwrap_err()), "the root");
        assert_eq!((trace.take(), rt.metrics().tasks_alive), (vec![], 100));

        // Neither running nor entered any more.
        assert!(catch_unwind(|| egret_runtime::spawn(async {})).is_err());
        let woken = rt.block_on(async {
            let handle = egret_runtime::spawn(async { 5 });
            gate.open();
            handle.await.unwrap()
        });
        assert_eq!(woken, 5);
        turn(&rt);
        assert_eq!((trace.take(), rt.metrics().tasks_alive), ((0..100).collect(), 0));
    });
}

// P7
#[test]
fn a_panic_in_the_block_on_of_a_runtime_of_its_own_drops_each_task_once() {
    bounded(|| {
        let trace = Trace::<usize>::new();
        let tasks = trace.clone();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            egret_runtime::block_on(async {
                for task in 0..100 {
                    drop(egret_runtime::spawn(hold(tasks.on_drop(task))));
                }
                yield_now().await;
                panic!("the root");
            })
        }));
        let caught: Result<(), _> = caught;
        assert!(caught.is_err());
        assert_eq!(trace.take(), (0..100).collect::<Vec<_>>());
    });
}

// P7: by a turn, it is a task that panics, and the turn that goes on.
#[test]
fn a_task_that_panics_in_a_turn_does_not_end_the_turn() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    for name in ["a", "panics", "b"] {
        let trace = trace.clone();
        drop(rt.spawn(async move {
            this_waker().await.wake();
            trace.push(name);
            assert_ne!(name, "panics");
        }));
    }
    assert_eq!(turn(&rt), (0, 0, 3));
    assert_eq!(trace.take(), ["a", "panics", "b"]);
}

#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn the_panic_of_a_task_that_nobody_awaits_is_reported_with_the_place_that_spawned_it() {
    let at = line!() + 3;
    let Some(child) = child::alone(|| {
        egret_runtime::block_on(async {
            drop(egret_runtime::spawn(async { panic!("nobody asked") }));
            let awaited = egret_runtime::spawn(async { panic!("somebody asks") });
            yield_now().await;
            assert!(awaited.await.is_err());
            // Detached by a drop after the fact: the output is looked at then.
            let late = egret_runtime::spawn(async { panic!("nobody asked in time") });
            let aborted = egret_runtime::spawn(pending::<()>());
            yield_now().await;
            drop(late);
            aborted.abort();
            drop(aborted);
            eprintln!("the loop goes on");
        });
    }) else {
        return;
    };
    let stderr = String::from_utf8(child.stderr).unwrap();
    let ours = |line: &&str| line.starts_with("egret: ") || line.starts_with("the loop");
    let lines: Vec<_> = stderr.lines().filter(ours).collect();
    let [first, late, last] = lines[..] else { panic!("{stderr}") };
    let place = |line| format!(" spawned at runtime/tests/tasks/panics.rs:{line}:");
    assert!(first.contains(&place(at)) && first.ends_with("panicked: nobody asked"), "{first}");
    assert!(late.contains(&place(at + 5)) && late.ends_with("panicked: nobody asked in time"), "{late}");
    assert_eq!(last, "the loop goes on");
}

#[test]
fn a_value_that_panics_when_its_loop_drops_it_keeps_none_that_came_behind_it() {
    let (rt, trace) = (Runtime::new().unwrap(), Trace::new());
    let values = {
        let _inside = rt.enter();
        let panics = OnDrop::new(|| panic!("a destructor"));
        [Confined::new(panics), Confined::new(trace.on_drop("dropped by its loop"))]
    };
    thread::spawn(move || drop(values)).join().unwrap();
    assert_eq!(trace.take(), [] as [&str; 0]);
    turn(&rt);
    assert_eq!(trace.take(), ["dropped by its loop"]);
}
