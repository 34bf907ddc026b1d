//! A runtime as a part of a loop that is not egret's.

use super::Runtime;
use crate::executor::embed::Until;
use crate::time::Instant;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// # As a part of another loop
///
/// A program that has a loop of its own, such as that of a graphical toolkit, turns a runtime from it. Each round:
///
/// 1. [`next_deadline`](Runtime::next_deadline) says until when the loop may sleep. It is the last call of the runtime
///    before the sleep.
/// 2. The loop waits until the [descriptor](Runtime::as_fd) of the runtime is readable, and no longer than that.
/// 3. [`turn`](Runtime::turn) with a timeout of zero does what there is to do.
///
/// No wake is missed: one of another thread, or of this thread outside of the runtime, that comes after step 1 makes the
/// descriptor readable, and one that came before makes the deadline "now". A loop that skips step 1 misses wakes. A
/// loop that has nothing to do makes no turns: the descriptor becomes readable once for each event, and is not while
/// the turn has left nothing.
///
/// ```
/// use egret_runtime::runtime::Runtime;
/// use egret_runtime::time::{Duration, Instant, sleep};
///
/// let rt = Runtime::new()?;
/// let task = rt.spawn(sleep(Duration::from_millis(1)));
/// while !task.is_finished() {
///     if let Some(deadline) = rt.next_deadline() {
///         // Here: `poll(2)` on `rt.as_fd()`, and on what else the loop waits for.
///         std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
///     }
///     rt.turn(Some(Duration::ZERO));
/// }
/// # std::io::Result::Ok(())
/// ```
///
/// The other loop may not be an egret runtime on the same thread: one runs at a time.
impl Runtime {
    /// Returns until when a loop that turns this runtime may sleep: the earliest deadline of a timer, or the time now
    /// when there are tasks to poll; `None` when only an event of the [descriptor](Runtime::as_fd) ends the sleep.
    ///
    /// It also announces the sleep to other threads: the first wake from now on, until the next
    /// [`turn`](Runtime::turn), is an event of the descriptor, which costs that thread a system call. Two calls in a row
    /// are one. A task that is spawned or woken on this thread after the call is seen by the next call.
    ///
    /// On a clock that a test has paused, it is a time on that clock.
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.executor.announce_sleep() {
            Until::Now => Some(Instant::from_nanoseconds(self.executor.clock.now())),
            Until::Deadline(nanoseconds) => Some(Instant::from_nanoseconds(nanoseconds)),
            Until::Event => None,
        }
    }
}

impl AsFd for Runtime {
    /// Returns the epoll instance of the runtime: readable when there is an event for a turn. Only for waiting: a
    /// program that changes what it watches breaks the runtime.
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.executor.descriptor()
    }
}

impl AsRawFd for Runtime {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
