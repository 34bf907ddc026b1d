//! Aborts: by the task itself, by a task that it aborts in turn, and of a task that waits for itself. The result
//! is defined, and each future is dropped once.

#![allow(missing_docs)]

use crate::support::{OnDrop, Trace, hold, outcome, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::{JoinHandle, yield_now};
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::catch_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

// R9
#[test]
fn a_task_that_aborts_itself_is_dropped_when_its_poll_returns() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let own = Rc::new(RefCell::new(None::<JoinHandle<()>>));
    let handle = rt.spawn({
        let (own, trace) = (own.clone(), trace.clone());
        async move {
            let _guard = trace.on_drop("dropped");
            let aborts = |handle: &JoinHandle<()>| {
                handle.abort();
                assert!(!handle.is_finished());
            };
            own.borrow().as_ref().map(aborts).expect("the handle is there");
            trace.push("aborted");
            yield_now().await;
            trace.push("polled again");
        }
    });
    own.replace(Some(handle));
    assert_eq!(turn(&rt).2, 1);
    assert_eq!(trace.take(), ["aborted", "dropped"]);
    let handle = own.take().unwrap();
    assert!(handle.is_finished());
    assert!(outcome(handle).unwrap_err().is_cancelled());
    assert_eq!(rt.metrics().tasks_alive, 0);
}

// R9
#[test]
fn a_task_that_aborts_itself_in_its_last_poll_has_its_output() {
    let rt = Runtime::new().unwrap();
    let own = Rc::new(RefCell::new(None::<JoinHandle<i32>>));
    let handle = rt.spawn({
        let own = own.clone();
        poll_fn(move |_| {
            own.borrow().as_ref().unwrap().abort();
            Poll::Ready(5)
        })
    });
    own.replace(Some(handle));
    turn(&rt);
    assert_eq!(outcome(own.take().unwrap()).unwrap(), 5);
}

// R9
#[test]
fn a_task_that_drops_its_own_handle_goes_on() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let own = Rc::new(RefCell::new(None::<JoinHandle<()>>));
    let handle = rt.spawn({
        let (own, trace) = (own.clone(), trace.clone());
        async move {
            let _guard = trace.on_drop("dropped");
            drop(own.take());
            yield_now().await;
            trace.push("done");
        }
    });
    own.replace(Some(handle));
    turn(&rt);
    turn(&rt);
    assert_eq!(trace.take(), ["done", "dropped"]);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

// R9: A aborts B, whose destructor aborts A, which is being polled.
#[test]
fn two_tasks_of_which_each_aborts_the_other_are_both_dropped_once() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let handles = Rc::new(RefCell::new([None::<JoinHandle<()>>, None]));
    let abort = |which: usize| {
        let handles = handles.clone();
        move || handles.borrow()[which].as_ref().unwrap().abort()
    };
    let (abort_a, abort_b) = (abort(0), abort(1));
    let a = rt.spawn({
        let trace = trace.clone();
        async move {
            let _guard = trace.on_drop("a dropped");
            abort_b();
            trace.push("a aborted b");
            pending().await
        }
    });
    let b = rt.spawn({
        let trace = trace.clone();
        let guard = OnDrop::new(move || {
            trace.push("b dropped");
            abort_a();
            trace.push("b aborted a");
        });
        hold(guard)
    });
    handles.replace([Some(a), Some(b)]);
    turn(&rt);
    assert_eq!(trace.take(), ["b dropped", "b aborted a", "a aborted b", "a dropped"]);
    for handle in handles.take().map(Option::unwrap) {
        assert!(outcome(handle).unwrap_err().is_cancelled());
    }
    turn(&rt);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

// R9
#[test]
fn a_task_that_awaits_its_own_handle_waits_until_somebody_aborts_it() {
    let rt = Runtime::new().unwrap();
    let own = Rc::new(RefCell::new(None::<JoinHandle<()>>));
    let trace = Trace::new();
    let handle = rt.spawn({
        let (own, trace) = (own.clone(), trace.clone());
        async move {
            let _guard = trace.on_drop("dropped");
            poll_fn(|cx| Pin::new(own.borrow_mut().as_mut().unwrap()).poll(cx)).await.unwrap();
        }
    });
    own.replace(Some(handle));
    assert_eq!(turn(&rt), (0, 0, 1));
    assert_eq!(turn(&rt), (0, 0, 0));
    own.borrow().as_ref().unwrap().abort();
    assert_eq!(trace.take(), ["dropped"]);
    assert!(outcome(own.take().unwrap()).unwrap_err().is_cancelled());
}

// R9: the future owns its handle, so that both go together.
#[test]
fn a_task_that_owns_its_handle_is_dropped_with_its_runtime() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let own = Rc::new(RefCell::new(None::<JoinHandle<()>>));
    let handle = rt.spawn({
        let (own, trace) = (own.clone(), trace.clone());
        async move {
            let _guard = trace.on_drop("dropped");
            let own = own.take().unwrap();
            own.await.unwrap();
        }
    });
    own.replace(Some(handle));
    turn(&rt);
    drop(rt);
    assert_eq!(trace.take(), ["dropped"]);
}

#[test]
fn a_join_error_is_an_io_error_that_says_which_task_it_was() {
    let rt = Runtime::new().unwrap();
    let handle = rt.spawn(std::future::pending::<()>());
    handle.abort();
    let id = handle.id();
    let error = rt.block_on(async { handle.await.map_err(std::io::Error::from) }).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
    assert_eq!(error.to_string(), format!("task {id} was cancelled"));
}

// The future is dropped before the abort returns, so its destructors have a runtime only if the thread has entered it.
#[test]
fn an_abort_outside_of_the_runtime_drops_the_future_without_one_and_by_the_other_handle_the_loop_does() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let spawns_when_dropped = || {
        let trace = trace.clone();
        let task = rt.spawn(hold(OnDrop::new(move || {
            let spawned = catch_unwind(|| drop(egret_runtime::spawn(async {})));
            trace.push(if spawned.is_ok() { "in the runtime" } else { "outside" });
        })));
        turn(&rt);
        task
    };
    let outside = spawns_when_dropped();
    outside.abort();
    assert_eq!(trace.take(), ["outside"]);
    assert!(outcome(outside).unwrap_err().is_cancelled());

    let inside = spawns_when_dropped();
    {
        let _inside = rt.enter();
        inside.abort();
    }
    assert_eq!(trace.take(), ["in the runtime"]);
    assert!(outcome(inside).unwrap_err().is_cancelled());

    let by_the_loop = spawns_when_dropped();
    by_the_loop.abort_handle().abort();
    assert_eq!(trace.take(), [""; 0]);
    turn(&rt);
    assert_eq!(trace.take(), ["in the runtime"]);
    assert!(outcome(by_the_loop).unwrap_err().is_cancelled());
    while turn(&rt) != (0, 0, 0) {}
    assert_eq!(rt.metrics().tasks_alive, 0);
}

#[test]
fn an_abort_inside_of_another_runtime_ends_the_task_in_its_own() {
    let (rt, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (task, from_elsewhere) = (rt.spawn(pending::<()>()), rt.handle().spawn(pending::<()>()));
    turn(&rt);
    {
        let _inside = other.enter();
        task.abort_handle().abort();
        from_elsewhere.abort();
    }
    turn(&rt);
    assert!(task.is_finished() && from_elsewhere.is_finished());
}
