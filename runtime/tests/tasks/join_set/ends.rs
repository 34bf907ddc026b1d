//! The end of a set, of its members and of its runtime.

use super::polled::*;
use crate::support::wakers::Count;
use crate::support::{Gate, OnDrop, Trace, bounded, hold, message_of, turn};
use egret_runtime::runtime::{Builder, Runtime, UnhandledPanic};
use egret_runtime::task::{JoinSet, yield_now};
use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, Waker};

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
    assert_eq!((count.take(), set.len()), (1, 0)); // the waiter is woken: nothing is left to wait for
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
    assert!(message.contains(&format!(" spawned at {}:{line}:", file!())), "{message}");
}
