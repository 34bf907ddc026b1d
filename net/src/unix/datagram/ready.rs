//! Waiting for readiness of a [`UnixDatagram`].

use super::UnixDatagram;
use egret_runtime::io::{Direction, Interest, Ready};
use std::io;
use std::task::{Context, Poll};

/// # Readiness
impl UnixDatagram {
    /// Waits until the kernel has reported the socket as readable: a [`try_recv`](UnixDatagram::try_recv) would find
    /// something. The report may be false; any number of tasks may wait.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (ours, theirs) = egret_net::UnixDatagram::pair()?;
    /// ours.send(b"hello").await?;
    /// theirs.readable().await?;
    /// assert_eq!(theirs.try_recv(&mut [0; 16])?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration.ready(Direction::Read)
    }

    /// Waits until the kernel has reported the socket as writable, as [`readable`](UnixDatagram::readable). It does
    /// not report room at an unconnected receiver.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration.ready(Direction::Write)
    }

    /// [`readable`](UnixDatagram::readable) as a poll function. Wakes each task of this runtime that polls it; of
    /// other wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, Direction::Read)
    }

    /// [`writable`](UnixDatagram::writable) as a poll function, with the wakers of
    /// [`poll_recv_ready`](UnixDatagram::poll_recv_ready).
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, Direction::Write)
    }

    /// Waits until the kernel has reported one of `interest`, and returns those of it that are reported.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        self.registration.ready_for(interest)
    }
}
