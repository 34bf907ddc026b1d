//! Reading from a half.

use super::ReadHalf;
use crate::stream::transfer::Read;
use crate::stream::{Family, Stream};
use egret_runtime::io::{Direction, Interest, Ready, Site};
use egret_runtime::sys::ReadBuf;
use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::task::{Context, Poll, ready};

/// # Reading
///
/// These methods are those of the stream; errors, cancel safety and examples are documented there:
/// [`Stream`](crate::stream::Stream#reading).
impl<F: Family, S: Deref<Target = Stream<F>>> ReadHalf<S> {
    /// Reads the queued bytes; waits until there are some: [`Stream::read`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Read { stream: &*self.0, buf, at: Site::caller() }
    }

    /// [`read`](Self::read) as a poll function: [`Stream::poll_read`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_recv(cx, buf)
    }

    /// Reads into memory that need not be zeroed: [`Stream::read_uninit`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_uninit<'b>(
        &mut self,
        buf: &'b mut [MaybeUninit<u8>],
    ) -> impl Future<Output = io::Result<&'b mut [u8]>> {
        Site::caller().within(async move {
            let mut buf = ReadBuf::uninit(buf);
            poll_fn(|cx| self.0.poll_recv_uninit(cx, &mut buf)).await?;
            Ok(buf.into_filled())
        })
    }

    /// [`read_uninit`](Self::read_uninit) as a poll function:
    /// [`Stream::poll_read_uninit`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_uninit<'b>(
        &mut self,
        cx: &mut Context<'_>,
        buf: &'b mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<&'b mut [u8]>> {
        let mut buf = ReadBuf::uninit(buf);
        ready!(self.0.poll_recv_uninit(cx, &mut buf))?;
        Poll::Ready(Ok(buf.into_filled()))
    }

    /// Reads into several buffers: [`Stream::read_vectored`].
    #[doc(alias = "readv")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.0.poll_recv_vectored(cx, bufs)).await })
    }

    /// [`read_vectored`](Self::read_vectored) as a poll function:
    /// [`Stream::poll_read_vectored`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_recv_vectored(cx, bufs)
    }

    /// Fills `buf`: [`Stream::read_exact`]. Not cancel safe.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            let mut filled = 0;
            poll_fn(|cx| self.0.poll_recv_exact(cx, buf, &mut filled)).await
        })
    }

    /// Reads until the end and appends to `buf`: [`Stream::read_to_end`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_to_end(&mut self, buf: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { self.0.recv_to_end(buf).await })
    }

    /// [`read_to_end`](Self::read_to_end) as text: [`Stream::read_to_string`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_to_string(&mut self, buf: &mut String) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { self.0.recv_to_string(buf).await })
    }

    /// Reads without removing the bytes: [`Stream::peek`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn peek(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { self.0.recv_peek(buf).await })
    }

    /// [`peek`](Self::peek) as a poll function: [`Stream::poll_peek`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_recv_peek(cx, buf)
    }

    /// Waits until the stream is ready for one of `interest`: [`Stream::ready`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        self.0.registration().ready_for(interest)
    }

    /// Waits until the stream is readable: [`Stream::readable`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.0.registration().ready(Direction::Read)
    }

    /// [`readable`](Self::readable) as a poll function:
    /// [`Stream::poll_read_ready`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.registration().poll_ready(cx, Direction::Read)
    }

    /// Reads the queued bytes without waiting: [`Stream::try_read`].
    #[inline]
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_recv(buf)
    }

    /// [`try_read`](Self::try_read) into several buffers:
    /// [`Stream::try_read_vectored`].
    #[inline]
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.try_recv_vectored(bufs)
    }
}
