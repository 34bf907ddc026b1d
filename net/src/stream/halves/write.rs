//! Writing to a half.

use super::WriteHalf;
use crate::stream::transfer::{Write, WriteAll};
use crate::stream::{Family, Stream};
use egret_runtime::io::{Direction, Interest, Ready, Site};
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::task::{Context, Poll};

/// # Writing
///
/// These methods are those of the stream; errors, cancel safety and examples are documented there:
/// [`Stream`](crate::stream::Stream#writing).
impl<F: Family, S: Deref<Target = Stream<F>>> WriteHalf<S> {
    /// Writes as much as there is room for; waits until there is room: [`Stream::write`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Write { stream: &*self.0, buf, at: Site::caller() }
    }

    /// [`write`](Self::write) as a poll function: [`Stream::poll_write`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_send(cx, buf)
    }

    /// Writes all of `buf`: [`Stream::write_all`]. Not cancel safe.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        WriteAll { stream: &*self.0, rest: buf, at: Site::caller() }
    }

    /// Writes several buffers as one: [`Stream::write_vectored`].
    #[doc(alias = "writev")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.0.poll_send_vectored(cx, bufs)).await })
    }

    /// [`write_vectored`](Self::write_vectored) as a poll function:
    /// [`Stream::poll_write_vectored`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send_vectored(cx, bufs)
    }

    /// Writes all of several buffers: [`Stream::write_all_vectored`]. Not cancel safe.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_all_vectored(
        &mut self,
        mut bufs: &mut [IoSlice<'_>],
    ) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(async move { poll_fn(|cx| self.0.poll_send_all_vectored(cx, &mut bufs)).await })
    }

    /// Does nothing: a stream has no buffer. For ported code.
    #[inline]
    pub async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Shuts down the write side; the peer reads the end of the stream: [`Stream::shutdown`].
    #[inline]
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.0.shut_writing()
    }

    /// [`shutdown`](Self::shutdown) as a poll function; it is always ready.
    #[inline]
    pub fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.shut_writing())
    }

    /// Waits until the stream is ready for one of `interest`: [`Stream::ready`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        self.0.registration().ready_for(interest)
    }

    /// Waits until the stream is writable: [`Stream::writable`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.0.registration().ready(Direction::Write)
    }

    /// [`writable`](Self::writable) as a poll function:
    /// [`Stream::poll_write_ready`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.registration().poll_ready(cx, Direction::Write)
    }

    /// Writes as much as there is room for, without waiting: [`Stream::try_write`].
    #[inline]
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_send(buf)
    }

    /// [`try_write`](Self::try_write) of several buffers:
    /// [`Stream::try_write_vectored`].
    #[inline]
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_send_vectored(bufs)
    }

    /// Sends part of a file, as much as there is room for: [`Stream::sendfile`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn sendfile(
        &mut self,
        file: &File,
        offset: u64,
        count: usize,
    ) -> impl Future<Output = io::Result<usize>> {
        Site::caller()
            .within(async move { poll_fn(|cx| self.0.poll_send_file(cx, file, offset, count)).await })
    }

    /// [`sendfile`](Self::sendfile) as a poll function:
    /// [`Stream::poll_sendfile`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_sendfile(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send_file(cx, file, offset, count)
    }

    /// [`sendfile`](Self::sendfile) without waiting: [`Stream::try_sendfile`].
    #[inline]
    pub fn try_sendfile(&self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        self.0.try_send_file(file, offset, count)
    }
}
