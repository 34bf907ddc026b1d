//! [`frame`]: a named part of a task, for a dump.

use crate::observe::frame::Frame;
use crate::observe::site::Site;
use pin_project_lite::pin_project;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// A future with a name: see [`frame`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Framed<F> {
        #[pin]
        future: F,
        // After the future, to be dropped after it.
        frame: Frame,
    }
}

/// Names a part of a task: a dump of feature `inspect` shows what the future waits for under the name.
///
/// Frames nest, so the waits of a task are shown as a tree. Waits outside of all frames are shown on their own.
/// Without the feature this is the future alone, at no cost.
///
/// ```
/// use egret_runtime::task::frame;
/// use egret_runtime::time::{Duration, sleep};
///
/// async fn answer() -> u32 {
///     frame("asking the database", sleep(Duration::from_micros(10))).await;
///     42
/// }
///
/// let answered = egret_runtime::block_on(frame("handling a request", answer()));
/// assert_eq!(answered, 42);
/// ```
#[inline]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn frame<F: Future>(name: impl Into<Cow<'static, str>>, future: F) -> Framed<F> {
    Framed { future, frame: Frame::new(name, Site::caller()) }
}

/// [`frame`] as a method of every future.
///
/// ```
/// use egret_runtime::task::{FrameExt, yield_now};
///
/// egret_runtime::block_on(yield_now().named("waiting for its turn"));
/// ```
pub trait FrameExt: Future + Sized {
    /// Names the future: see [`frame`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn named(self, name: impl Into<Cow<'static, str>>) -> Framed<Self> {
        frame(name, self)
    }
}

impl<F: Future> FrameExt for F {}

impl<F: Future> Future for Framed<F> {
    type Output = F::Output;

    #[inline]
    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _within = this.frame.enter();
        this.future.poll(cx)
    }
}

impl<F> fmt::Debug for Framed<F> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed").finish_non_exhaustive()
    }
}

#[cfg(not(feature = "inspect"))]
const _: () = assert!(size_of::<Framed<u64>>() == size_of::<u64>());
