//! A runtime and its tasks from other threads: `Handle`, `RemoteJoinHandle`, `AbortHandle`.
//!
//! Row H7, and other interleavings of two threads and a loop that ends.

#![allow(missing_docs)]

use egret_runtime::runtime::{Handle, Runtime};
use egret_runtime::spawn;
use egret_runtime::task::{AbortHandle, JoinError, RemoteJoinHandle, yield_now};
use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Where a hang is the failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sends the thread that it is dropped on.
struct SaysWhere(mpsc::Sender<ThreadId>);

impl Drop for SaysWhere {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

const fn is_send_and_sync<T: Send + Sync>() {}

const _: () = {
    is_send_and_sync::<Handle>();
    is_send_and_sync::<AbortHandle>();
    is_send_and_sync::<RemoteJoinHandle<u8>>();
    is_send_and_sync::<JoinError>();
};

/// A runtime on a thread of its own that sleeps until the closure ends it, and runs spawned tasks.
fn sleeping_runtime() -> (Handle, ThreadId, impl FnOnce()) {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        let rt = Runtime::new().unwrap();
        let stop = Rc::new(Cell::new(None));
        let theirs = stop.clone();
        rt.block_on(async move {
            let forever = spawn(pending::<()>());
            theirs.set(Some(forever.abort_handle()));
            tell.send((Handle::current(), theirs.take().unwrap(), thread::current().id())).unwrap();
            assert!(forever.await.unwrap_err().is_cancelled());
        });
    });
    let (handle, stop, id) = told.recv_timeout(PATIENCE).unwrap();
    let end = move || {
        stop.abort();
        thread.join().unwrap();
    };
    (handle, id, end)
}

// H7
#[test]
fn a_task_that_another_thread_aborts_is_dropped_on_its_own_though_the_loop_sleeps() {
    let (handle, home, end) = sleeping_runtime();
    let (dropped, drops) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let spawner = handle.spawn_with(move || async move {
        let guard = SaysWhere(dropped);
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
        yield_now().await;
        tell.send(task.abort_handle()).unwrap();
    });
    let abort = told.recv_timeout(PATIENCE).unwrap();
    egret_runtime::block_on(spawner).unwrap();
    assert!(drops.try_recv().is_err());
    abort.abort();
    assert_eq!(drops.recv_timeout(PATIENCE), Ok(home));
    abort.abort(); // of what is over: nothing
    end();
    abort.abort(); // of what has no runtime any more: nothing
}

#[test]
fn an_abort_from_inside_drops_the_future_before_it_returns() {
    egret_runtime::block_on(async {
        let (dropped, drops) = mpsc::channel();
        let guard = SaysWhere(dropped);
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await
        });
        yield_now().await;
        task.abort_handle().abort();
        assert_eq!(drops.try_recv(), Ok(thread::current().id()));
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn an_abort_handle_whose_task_is_over_does_not_end_the_next_one_in_its_place() {
    egret_runtime::block_on(async {
        let first = spawn(async {});
        let stale = first.abort_handle();
        first.await.unwrap();
        let second = spawn(async {
            yield_now().await;
            2
        });
        stale.abort();
        thread::spawn(move || stale.abort()).join().unwrap();
        assert_eq!(second.await.unwrap(), 2);
    });
}

#[test]
fn a_task_of_another_thread_gives_its_output_its_panic_or_its_end() {
    let (handle, home, end) = sleeping_runtime();
    let output = handle.spawn(async { thread::current().id() });
    assert_eq!(egret_runtime::block_on(output).unwrap(), home);

    let panicked = egret_runtime::block_on(handle.spawn(async { panic!("over there") })).unwrap_err();
    assert_eq!(*panicked.into_panic().downcast::<&str>().unwrap(), "over there");

    // Not `Send`, so it is made there.
    let made = handle.spawn_with(|| async {
        let count = Rc::new(Cell::new(1));
        yield_now().await;
        count.set(count.get() + 1);
        count.get()
    });
    assert_eq!(egret_runtime::block_on(made).unwrap(), 2);
    let unmade = handle.spawn_with(|| -> std::future::Ready<()> { panic!("not made") });
    assert!(egret_runtime::block_on(unmade).unwrap_err().is_panic());

    let unfinished = handle.spawn(pending::<()>());
    end();
    assert!(egret_runtime::block_on(unfinished).unwrap_err().is_cancelled());
    let late = handle.spawn(async {});
    assert!(late.is_finished());
    assert!(egret_runtime::block_on(late).unwrap_err().is_cancelled());
}

#[test]
fn a_runtime_that_comes_after_runs_nothing_that_was_for_the_one_before() {
    let first = Runtime::new().unwrap();
    let handle = first.handle();
    drop(first);
    let next: Vec<_> = (0..4).map(|_| Runtime::new().unwrap()).collect();
    let late = handle.spawn(async {});
    for rt in &next {
        assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 0);
    }
    assert!(egret_runtime::block_on(late).unwrap_err().is_cancelled());
}

#[test]
fn a_thousand_tasks_from_four_threads_all_run() {
    let (handle, _, end) = sleeping_runtime();
    let each = if cfg!(miri) { 5 } else { 250 };
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let handle = handle.clone();
            thread::spawn(move || {
                let tasks: Vec<_> =
                    (0..each).map(|number| handle.spawn(async move { thread * each + number })).collect();
                egret_runtime::block_on(async {
                    let mut sum = 0;
                    for task in tasks {
                        sum += task.await.unwrap();
                    }
                    sum
                })
            })
        })
        .collect();
    let sum: i32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    let all = 4 * each;
    assert_eq!(sum, all * (all - 1) / 2);
    end();
}

#[test]
#[should_panic(expected = "after it had given its output")]
fn a_remote_handle_that_has_given_its_output_says_so() {
    let rt = Runtime::new().unwrap();
    let mut task = rt.handle().spawn(async {});
    rt.block_on(async {
        (&mut task).await.unwrap();
        let _ = (&mut task).await;
    });
}
