//! [`timeout`]: a limit on how long a future may take.

use super::sleep::Sleep;
use crate::observe::site::Site;
use crate::time::clock::Instant;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        limit: Sleep,
    }
}

/// Awaits `future` for `duration` at most.
///
/// The future is polled first: one that is ready at once is in time with any limit. After the limit it is not polled
/// again; it is dropped with the `Timeout`. A limit beyond the range of the clock never comes.
///
/// # Errors
///
/// [`Elapsed`] when the limit came first.
///
/// # Cancel safety
///
/// The same as that of `future`.
///
/// # Panics
///
/// When it is polled, and has to wait, on a thread that is not in a runtime.
///
/// ```
/// use egret_runtime::time::{Duration, timeout};
///
/// egret_runtime::block_on(async {
///     assert_eq!(timeout(Duration::ZERO, async { 42 }).await, Ok(42));
///     timeout(Duration::from_micros(50), std::future::pending::<()>()).await.unwrap_err();
/// });
/// ```
#[cfg_attr(feature = "inspect", track_caller)]
#[inline]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let limit = Sleep::until(Instant::now().checked_add(duration), Site::current());
    Timeout { future: future.into_future(), limit }
}

/// Awaits `future` until `deadline` at most: see [`timeout`].
///
/// # Errors
///
/// [`Elapsed`] when the deadline came first.
///
/// # Cancel safety
///
/// The same as that of `future`.
///
/// # Panics
///
/// When it is polled, and has to wait, on a thread that is not in a runtime.
///
/// ```
/// use egret_runtime::time::{Duration, Instant, timeout_at};
/// use std::future::pending;
///
/// egret_runtime::block_on(async {
///     // One deadline for two steps.
///     let deadline = Instant::now() + Duration::from_micros(50);
///     assert_eq!(timeout_at(deadline, async { 42 }).await, Ok(42));
///     timeout_at(deadline, pending::<()>()).await.unwrap_err();
/// });
/// ```
#[cfg_attr(feature = "inspect", track_caller)]
#[inline]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let limit = Sleep::until(Some(deadline), Site::current());
    Timeout { future: future.into_future(), limit }
}

impl<F> Timeout<F> {
    /// Returns the future.
    #[inline]
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// Returns the future, mutably.
    #[inline]
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// Returns the future, without the limit.
    #[inline]
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[track_caller]
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Not charged: a future that uses up its budget on each poll must not use up that of its limit.
        this.limit.poll_deadline(cx).map(|()| Err(Elapsed(())))
    }
}

/// The limit came before the future was ready.
///
/// As an [`io::Error`] it is of the kind [`TimedOut`](io::ErrorKind::TimedOut).
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    #[inline]
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}
