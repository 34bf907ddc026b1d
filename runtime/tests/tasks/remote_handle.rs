//! The handle of a task that another thread has spawned: aborted at any time, dropped at any time, and awaited by
//! foreign wakers.

#![allow(missing_docs)]

use crate::support::wakers::Count;
use crate::support::{Trace, bounded, hold, message_of, poll_once, poll_with, turn};
use egret_runtime::runtime::{Builder, Handle, Runtime, UnhandledPanic};
use egret_runtime::task::{AbortHandle, JoinError, RemoteJoinHandle};
use egret_runtime::test::settle;
use std::cell::Cell;
use std::future::{Ready, pending, ready};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, ThreadId};

const fn is_send_sync_and_unwind_safe<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
const _: () = is_send_sync_and_unwind_safe::<AbortHandle>();

/// The output of a completed handle.
fn outcome<T>(mut handle: RemoteJoinHandle<T>) -> Result<T, JoinError> {
    match poll_once(&mut handle) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("task {} is not over", handle.id()),
    }
}

/// Says on which thread it was dropped.
#[derive(Clone, Default)]
struct DroppedOn(Arc<Mutex<Vec<ThreadId>>>);

impl Drop for DroppedOn {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(thread::current().id());
    }
}

/// Panics when it is woken.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("in wake");
    }
}

/// Panics when it is dropped.
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

fn runtime(policy: UnhandledPanic) -> Runtime {
    Builder::new().unhandled_panic(policy).build().unwrap()
}

/// Spawns, from another thread.
fn spawned<F: Future + 'static>(
    rt: &Runtime,
    make: impl FnOnce() -> F + Send + 'static,
) -> RemoteJoinHandle<F::Output>
where
    F::Output: Send + 'static,
{
    let handle = rt.handle();
    thread::spawn(move || handle.spawn_with(make)).join().unwrap()
}

// P4
#[test]
fn a_waker_that_panics_when_it_is_told_does_not_end_the_loop() {
    let rt = runtime(UnhandledPanic::Shutdown);
    let bomb = Waker::from(Arc::new(Bomb));
    let trace = Trace::new();
    let mut completes = spawned(&rt, || async { 5 });
    let mut panics = spawned(&rt, || async { panic!("the task") });
    let mut is_not_made = spawned(&rt, || -> Ready<()> { panic!("make") });
    let mut is_aborted = spawned(&rt, pending::<()>);
    assert!(poll_with(Pin::new(&mut completes), &bomb).is_pending());
    assert!(poll_with::<RemoteJoinHandle<()>>(Pin::new(&mut panics), &bomb).is_pending());
    assert!(poll_with(Pin::new(&mut is_not_made), &bomb).is_pending());
    assert!(poll_with(Pin::new(&mut is_aborted), &bomb).is_pending());
    is_aborted.abort();
    drop(rt.spawn({
        let trace = trace.clone();
        async move { trace.push("behind them") }
    }));
    assert_eq!(settle(&rt).polled, 3);
    assert_eq!(trace.take(), ["behind them"]);
    assert_eq!(outcome(completes).unwrap(), 5);
    assert_eq!(outcome(panics).unwrap_err().try_into_panic().unwrap().downcast_ref(), Some(&"the task"));
    assert_eq!(outcome(is_not_made).unwrap_err().try_into_panic().unwrap().downcast_ref(), Some(&"make"));
    assert!(outcome(is_aborted).unwrap_err().is_cancelled());
    assert_eq!(rt.metrics().tasks_alive, 0);
}

#[test]
fn a_handle_that_is_dropped_lets_go_of_its_waker_at_once() {
    let rt = Runtime::new().unwrap();
    let waker = Count::new();
    let mut task = spawned(&rt, pending::<()>);
    assert!(poll_with(Pin::new(&mut task), &waker.clone().into()).is_pending());
    assert_eq!(settle(&rt).polled, 1);
    assert_eq!(Arc::strong_count(&waker), 2);
    drop(task);
    assert_eq!((Arc::strong_count(&waker), waker.take()), (1, 0));
    assert_eq!(rt.metrics().tasks_alive, 1);
}

#[test]
fn the_panic_of_what_makes_the_future_is_unhandled_when_the_handle_is_gone() {
    bounded(|| {
        for gone_first in [true, false] {
            let rt = runtime(UnhandledPanic::Shutdown);
            let handle = rt.handle();
            let line = line!() + 2;
            let make = || -> Ready<()> { panic!("boom") };
            let task = thread::spawn(move || handle.spawn_with(make)).join().unwrap();
            if gone_first {
                drop(task);
            } else {
                assert_eq!(settle(&rt).polled, 0); // it may still be asked for
                assert!(task.is_finished());
                drop(task);
            }
            // One turn makes the future, the next reports the panic.
            let ended = catch_unwind(AssertUnwindSafe(|| [turn(&rt), turn(&rt)])).unwrap_err();
            let place = format!(" spawned at runtime/tests/tasks/remote_handle.rs:{line}:");
            let report = message_of(&*ended);
            assert!(report.contains(&place) && report.contains(" panicked: boom; "), "{report}");
        }
    });
}

#[test]
fn what_nobody_wants_may_panic_when_it_is_dropped() {
    let rt = runtime(UnhandledPanic::Ignore);
    drop(spawned(&rt, || ready(PanicsInDrop)));
    drop(spawned(&rt, || -> Ready<()> { panic_any(PanicsInDrop) }));
    drop(spawned(&rt, || async { panic_any(PanicsInDrop) }));
    let late = spawned(&rt, || ready(PanicsInDrop));
    let trace = Trace::new();
    drop(rt.spawn(hold(trace.on_drop("the last"))));
    assert_eq!(settle(&rt).polled, 4);
    assert_eq!(rt.metrics().tasks_alive, 1);
    drop(late);
    drop(rt);
    assert_eq!(trace.take(), ["the last"]);
}

#[test]
fn an_output_that_nobody_wants_is_dropped_on_the_thread_that_finds_that_out() {
    let rt = Runtime::new().unwrap();
    let dropped = DroppedOn::default();
    let gone = spawned(&rt, {
        let output = DroppedOn(dropped.0.clone());
        || ready(output)
    });
    let late = spawned(&rt, {
        let output = DroppedOn(dropped.0.clone());
        || ready(output)
    });
    let elsewhere = thread::spawn(|| drop(gone));
    let first = elsewhere.thread().id();
    elsewhere.join().unwrap();
    assert_eq!(settle(&rt).polled, 2);
    assert_eq!(*dropped.0.lock().unwrap(), [thread::current().id()]);
    let elsewhere = thread::spawn(|| drop(late));
    let second = elsewhere.thread().id();
    elsewhere.join().unwrap();
    assert_eq!(*dropped.0.lock().unwrap(), [thread::current().id(), second]);
    assert_ne!(first, second);
}

#[test]
fn an_abort_ends_the_task_wherever_it_is_on_its_way() {
    let rt = Runtime::new().unwrap();
    let dropped = DroppedOn::default();
    let home = thread::current().id();

    // Before it is there: what makes it is not called, and dropped where it was to be called.
    let made = Arc::new(Mutex::new(0));
    let early = spawned(&rt, {
        let (held, made) = (DroppedOn(dropped.0.clone()), made.clone());
        move || {
            *made.lock().unwrap() += 1;
            hold(held)
        }
    });
    early.abort();
    early.abort_handle().abort();
    assert!(!early.is_finished());
    assert_eq!((settle(&rt).polled, *made.lock().unwrap()), (0, 0));
    assert!(early.is_finished());
    assert_eq!(std::mem::take(&mut *dropped.0.lock().unwrap()), [home]);
    assert!(outcome(early).unwrap_err().is_cancelled());

    // While it is made: it is not polled.
    let (give, take) = channel::<AbortHandle>();
    let by_itself = spawned(&rt, {
        let held = DroppedOn(dropped.0.clone());
        move || {
            take.recv().unwrap().abort();
            hold(held)
        }
    });
    assert_eq!(by_itself.abort_handle().id(), by_itself.id());
    give.send(by_itself.abort_handle()).unwrap();
    let polls = rt.metrics().polls;
    settle(&rt);
    assert_eq!((rt.metrics().polls - polls, rt.metrics().tasks_alive), (0, 0));
    assert_eq!(std::mem::take(&mut *dropped.0.lock().unwrap()), [home]);
    assert!(outcome(by_itself).unwrap_err().is_cancelled());

    // When it waits, from another thread: in the next turn, on the thread of the loop.
    let waits = spawned(&rt, {
        let held = DroppedOn(dropped.0.clone());
        || hold(held)
    });
    assert_eq!(settle(&rt).polled, 1);
    let abort = waits.abort_handle();
    thread::spawn(move || (0..1000).for_each(|_| abort.abort())).join().unwrap();
    assert!(!waits.is_finished());
    settle(&rt);
    assert_eq!(std::mem::take(&mut *dropped.0.lock().unwrap()), [home]);
    assert!(outcome(waits).unwrap_err().is_cancelled());
    assert_eq!(rt.metrics().tasks_alive, 0);
}

#[test]
fn an_abort_inside_the_runtime_drops_the_future_before_it_returns() {
    egret_runtime::block_on(async {
        let (started, told) = (Rc::new(Cell::new(false)), channel());
        let dropped = DroppedOn::default();
        let task = Handle::current().spawn_with({
            let (held, tell) = (DroppedOn(dropped.0.clone()), told.0);
            move || async move {
                tell.send(()).unwrap();
                hold(held).await
            }
        });
        while told.1.try_recv().is_err() {
            egret_runtime::task::yield_now().await;
            started.set(true);
        }
        assert!(started.get());
        task.abort();
        assert_eq!(*dropped.0.lock().unwrap(), [thread::current().id()]);
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn an_abort_of_what_is_over_changes_nothing() {
    let rt = Runtime::new().unwrap();
    let done = spawned(&rt, || ready(5));
    assert_eq!(settle(&rt).polled, 1);
    let abort = done.abort_handle();
    done.abort();
    abort.abort();
    thread::scope(|scope| scope.spawn(|| abort.abort()).join().unwrap());
    settle(&rt);
    assert_eq!(outcome(done).unwrap(), 5);
    let unfinished = spawned(&rt, pending::<()>);
    drop(rt);
    unfinished.abort();
    abort.abort(); // of what has no runtime any more
    assert!(outcome(unfinished).unwrap_err().is_cancelled());
}
