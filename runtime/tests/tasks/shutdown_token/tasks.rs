//! Tasks of a `Shutdown`: spawned late, aborted, panicking, and left without a runtime.

use super::clock::*;
use crate::support::wakers::Count;
use crate::support::{OnDrop, Trace, bounded, hold, poll_with, turn};
use egret_runtime::runtime::{Builder, Runtime, UnhandledPanic};
use egret_runtime::shutdown::{Drained, Shutdown};
use egret_runtime::task::{JoinHandle, yield_now};
use std::cell::RefCell;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::Waker;

#[test]
fn what_is_spawned_after_the_request_is_run_and_after_the_deadline_it_is_aborted() {
    paused(|| async {
        let shutdown = Shutdown::new();
        shutdown.request();
        assert_eq!(shutdown.spawn(async { 1 }).await.unwrap(), 1);
        shutdown.abort();
        let late = shutdown.spawn(async { 2 });
        assert_eq!((late.is_finished(), shutdown.live()), (true, 0));
        assert!(late.await.unwrap_err().is_cancelled());
    });
}

// R2
#[test]
fn destructors_at_the_deadline_may_spawn_and_abort_and_ask() {
    paused(|| async {
        let (shutdown, trace) = (Shutdown::new(), Trace::new());
        let other = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let (theirs, late, ends) = (shutdown.clone(), trace.clone(), other.clone());
        drop(shutdown.spawn(hold(OnDrop::new(move || {
            let second = late.on_drop("spawned by the first");
            drop(theirs.spawn(hold(second)));
            ends.take().inspect(JoinHandle::abort);
            theirs.abort();
            theirs.request();
            late.push("first");
        }))));
        *other.borrow_mut() = Some(shutdown.spawn(hold(trace.on_drop("second"))));
        drop(shutdown.spawn(hold(trace.on_drop("third"))));
        yield_now().await;
        assert_eq!(shutdown.drain(SECOND).await, Drained::Aborted(3));
        assert_eq!(trace.take(), ["spawned by the first", "second", "third", "first"]);
        assert_eq!(shutdown.live(), 0);
    });
}

#[test]
fn a_task_that_aborts_everything_itself_included_ends_with_its_poll() {
    bounded(|| {
        Runtime::new().unwrap().block_on(async {
            let (shutdown, trace) = (Shutdown::new(), Trace::new());
            let (theirs, held, after) = (shutdown.clone(), trace.on_drop("itself"), trace.clone());
            let task = shutdown.spawn(async move {
                let _held = held;
                theirs.abort();
                after.push("after the abort");
                pending::<()>().await
            });
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!((trace.take(), shutdown.live()), (vec!["after the abort", "itself"], 0));
        });
    });
}

#[test]
fn a_connection_that_panics_is_gone_like_any_other() {
    let rt = Builder::new().unhandled_panic(UnhandledPanic::Ignore).build().unwrap();
    let inside = rt.enter();
    let shutdown = Shutdown::new();
    drop(shutdown.spawn(async { panic!("a connection") }));
    drop(shutdown.spawn(hold(OnDrop::new(|| panic!("in drop")))));
    assert_eq!((turn(&rt).2, shutdown.live()), (2, 1));
    shutdown.abort();
    assert_eq!(shutdown.live(), 0);
    assert!(poll_with(pin!(shutdown.drained()), Waker::noop()).is_ready());
    drop(inside);
}

// D2
#[test]
fn it_outlives_its_runtime_and_so_may_its_guards() {
    let shutdown = Shutdown::new();
    let (handle, trace) = {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        let trace = Trace::new();
        let handle = shutdown.spawn(hold(trace.on_drop("task")));
        let theirs = shutdown.clone();
        drop(rt.spawn(async move { theirs.drained().await }));
        turn(&rt);
        (handle, trace)
    };
    assert_eq!((trace.take(), shutdown.live()), (vec!["task"], 0));
    let guard = shutdown.guard();
    shutdown.abort();
    let count = Count::new();
    let mut drained = pin!(shutdown.drained());
    assert!(poll_with(drained.as_mut(), &count.clone().into()).is_pending());
    drop(guard);
    assert_eq!(count.take(), 1);
    assert!(poll_with(drained.as_mut(), Waker::noop()).is_ready());
    drop(handle);
}

// D3
#[test]
fn a_task_that_is_spawned_while_the_runtime_is_dropped_is_dropped_and_does_not_count() {
    let rt = Runtime::new().unwrap();
    let (shutdown, trace) = (Shutdown::new(), Trace::new());
    let (theirs, late) = (shutdown.clone(), trace.clone());
    drop(rt.spawn(hold(OnDrop::new(move || drop(theirs.spawn(hold(late.on_drop("dropped"))))))));
    turn(&rt);
    drop(rt);
    assert_eq!((trace.take(), shutdown.live()), (vec!["dropped"], 0));
}
