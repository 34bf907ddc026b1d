//! [`Handle::block_on`]: a future on a thread that has no loop.
//!
//! The thread parks until its waker unparks it. The thread of the runtime drives whatever the future awaits of it,
//! such as a task. Sockets and timers belong to a loop, which this thread has not.

use super::Handle;
use crate::executor;
use crate::executor::running::Running;
use crate::wake::context::JobScope;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

impl Handle {
    /// Runs `future` on this thread, which is not that of the runtime, until it is done.
    ///
    /// For a thread that waits for tasks of the runtime, for a channel, or for what a blocking job awaits. Inside,
    /// [`Handle::current`] is this runtime. The future need not be `Send`, but it is no task, and sockets, timers and
    /// [`spawn`](crate::spawn) belong to the thread of the loop: they panic here. `spawn_with` makes a future on that thread,
    /// and awaits its output on this one:
    ///
    /// ```
    /// use egret_runtime::runtime::Handle;
    /// use egret_runtime::task::spawn_blocking;
    /// use egret_runtime::time::{Duration, sleep};
    ///
    /// egret_runtime::block_on(async {
    ///     let job = spawn_blocking(|| {
    ///         let handle = Handle::current();
    ///         handle.block_on(handle.spawn_with(|| async {
    ///             sleep(Duration::from_micros(10)).await; // or a socket
    ///             42
    ///         }))
    ///     });
    ///     assert_eq!(job.await.unwrap().unwrap(), 42);
    /// });
    /// ```
    ///
    /// It does not drive the runtime. A task makes no progress while its loop is not turned. A task that awaits this
    /// thread, while the future awaits the task, is a deadlock. When the runtime ends, its handles return a
    /// cancellation and `future` goes on.
    ///
    /// # Panics
    ///
    /// Inside of a runtime, in a task or in the future of [`block_on`](crate::block_on): await the future there. When
    /// `future` panics. Under a guard of [`Runtime::enter`](crate::runtime::Runtime::enter), when `future` has to wait for a
    /// socket or a timer of that runtime, which nothing drives meanwhile: call `Runtime::block_on`.
    #[track_caller]
    #[inline]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        Running::check();
        let _inside = JobScope::start(self.address);
        let mut future = pin!(future);
        let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(false) });
        let waker = Waker::from(unpark.clone());
        let cx = &mut Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return output;
            }
            unpark.wait(|| wakes_from_elsewhere(&waker));
        }
    }
}

/// # Panics
///
/// When `waker` is in the loop of the runtime that this thread is in: it would be woken by this thread, which waits.
#[track_caller]
#[inline]
fn wakes_from_elsewhere(waker: &Waker) {
    assert!(
        !executor::try_current().is_some_and(|executor| executor.has_waiter(waker)),
        "`Handle::block_on` waits for a socket or a timer of the runtime whose `Runtime::enter` guard this thread holds, \
         and nothing drives that runtime meanwhile: call `Runtime::block_on`, which does"
    );
}

/// Wakes a thread. The flag tells a wake from an `unpark` by other code, and keeps one that other code has consumed.
struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Unpark {
    /// Waits for a wake since the last call. `before` is called before the thread parks.
    #[track_caller]
    #[inline]
    fn wait(&self, before: impl Fn()) {
        while !self.woken.swap(false, Ordering::AcqRel) {
            before();
            thread::park();
        }
    }
}

impl Wake for Unpark {
    #[inline]
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}
