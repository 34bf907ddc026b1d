//! How a task lets others run, and how it refuses to.

use crate::context::Unlimited;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Goes to the end of the run queue and lets every task that is queued now run first.
///
/// The loop looks at the kernel at least once in 64 polls however often tasks yield, so sockets and
/// the wakes of other threads are not starved by a task that yields in a loop.
///
/// ```
/// egret_runtime::block_on(async {
///     let other = egret_runtime::spawn(async {});
///     egret_runtime::task::yield_now().await;
///     assert!(other.is_finished());
/// });
/// ```
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

pin_project! {
    /// A future that the cooperative budget does not apply to: see [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

/// Lets `future` complete as many I/O operations in one poll as it can.
///
/// Without it an operation is `Pending`, once, when the task has completed 128 since it was last polled. A
/// future for which that is wrong may hold the loop for as long as its peers keep it fed, and no other task,
/// timer or socket of the thread is served meanwhile.
///
/// ```
/// # egret_runtime::block_on(async {
/// let n = egret_runtime::task::unconstrained(async { 1 }).await;
/// # assert_eq!(n, 1);
/// # });
/// ```
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _unlimited = Unlimited::start();
        self.project().future.poll(cx)
    }
}
