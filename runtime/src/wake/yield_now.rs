//! [`yield_now`]: a task that wakes itself.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Puts the current task at the end of the run queue and lets every task that is queued now run first.
///
/// The loop polls the kernel at least once in 64 polls however often tasks yield, so a task that yields in a loop does
/// not starve sockets or wakes of other threads.
///
/// ```
/// egret_runtime::block_on(async {
///     let other = egret_runtime::spawn(async {});
///     egret_runtime::task::yield_now().await;
///     assert!(other.is_finished());
/// });
/// ```
///
/// # Cancel safety
///
/// Safe: the task stays queued, and is polled once more.
#[inline]
pub fn yield_now() -> impl Future<Output = ()> {
    YieldNow { yielded: false }
}

#[must_use = "futures do nothing unless awaited"]
struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
