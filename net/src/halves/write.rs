//! Writing to a half.

use super::WriteHalf;
use crate::stream::{ByteStream, Write, WriteAll};
use egret_runtime::io::Direction;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::task::{Context, Poll};

/// # Writing
///
/// These are the methods of the stream and do what they do there, where the errors, the cancel safety and examples are:
/// [`TcpStream`](crate::TcpStream#writing), [`UnixStream`](crate::UnixStream#writing).
impl<S: Deref<Target: ByteStream>> WriteHalf<S> {
    /// Writes as much as there is room for, waiting until there is some:
    /// [`TcpStream::write`](crate::TcpStream::write), [`UnixStream::write`](crate::UnixStream::write).
    #[inline]
    pub fn write<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Write { stream: &*self.0, buf }
    }

    /// [`write`](Self::write) as a poll function: [`TcpStream::poll_write`](crate::TcpStream::poll_write),
    /// [`UnixStream::poll_write`](crate::UnixStream::poll_write).
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_send(cx, buf)
    }

    /// Writes all of `buf`: [`TcpStream::write_all`](crate::TcpStream::write_all),
    /// [`UnixStream::write_all`](crate::UnixStream::write_all). It is not cancel safe.
    #[inline]
    pub fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        WriteAll { stream: &*self.0, rest: buf }
    }

    /// Writes several buffers as one: [`TcpStream::write_vectored`](crate::TcpStream::write_vectored),
    /// [`UnixStream::write_vectored`](crate::UnixStream::write_vectored).
    #[doc(alias = "writev")]
    #[inline]
    pub async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        poll_fn(|cx| self.0.poll_send_vectored(cx, bufs)).await
    }

    /// [`write_vectored`](Self::write_vectored) as a poll function:
    /// [`TcpStream::poll_write_vectored`](crate::TcpStream::poll_write_vectored),
    /// [`UnixStream::poll_write_vectored`](crate::UnixStream::poll_write_vectored).
    #[inline]
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send_vectored(cx, bufs)
    }

    /// Writes all of several buffers: [`TcpStream::write_all_vectored`](crate::TcpStream::write_all_vectored),
    /// [`UnixStream::write_all_vectored`](crate::UnixStream::write_all_vectored). It is not cancel safe.
    #[inline]
    pub async fn write_all_vectored(&mut self, mut bufs: &mut [IoSlice<'_>]) -> io::Result<()> {
        poll_fn(|cx| self.0.poll_send_all_vectored(cx, &mut bufs)).await
    }

    /// Does nothing: a stream holds no bytes back. It is here for code that is ported.
    #[inline]
    pub async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Shuts the writing side down, which the peer reads as the end of the stream:
    /// [`TcpStream::shutdown`](crate::TcpStream::shutdown), [`UnixStream::shutdown`](crate::UnixStream::shutdown).
    #[inline]
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.0.shut_writing()
    }

    /// [`shutdown`](Self::shutdown) as a poll function; it is always ready.
    #[inline]
    pub fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.shut_writing())
    }

    /// Waits until there is room to write: [`TcpStream::writable`](crate::TcpStream::writable),
    /// [`UnixStream::writable`](crate::UnixStream::writable).
    #[inline]
    pub async fn writable(&self) -> io::Result<()> {
        self.0.registration().ready(Direction::Write).await
    }

    /// [`writable`](Self::writable) as a poll function:
    /// [`TcpStream::poll_write_ready`](crate::TcpStream::poll_write_ready),
    /// [`UnixStream::poll_write_ready`](crate::UnixStream::poll_write_ready).
    #[inline]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.registration().poll_ready(cx, Direction::Write)
    }

    /// Writes as much as there is room for, without waiting: [`TcpStream::try_write`](crate::TcpStream::try_write),
    /// [`UnixStream::try_write`](crate::UnixStream::try_write).
    #[inline]
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_send(buf)
    }

    /// [`try_write`](Self::try_write) of several buffers:
    /// [`TcpStream::try_write_vectored`](crate::TcpStream::try_write_vectored),
    /// [`UnixStream::try_write_vectored`](crate::UnixStream::try_write_vectored).
    #[inline]
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_send_vectored(bufs)
    }

    /// Sends part of a file, as much as there is room for: [`TcpStream::sendfile`](crate::TcpStream::sendfile),
    /// [`UnixStream::sendfile`](crate::UnixStream::sendfile).
    #[inline]
    pub async fn sendfile(&mut self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        poll_fn(|cx| self.0.poll_send_file(cx, file, offset, count)).await
    }

    /// [`sendfile`](Self::sendfile) as a poll function:
    /// [`TcpStream::poll_sendfile`](crate::TcpStream::poll_sendfile),
    /// [`UnixStream::poll_sendfile`](crate::UnixStream::poll_sendfile).
    #[inline]
    pub fn poll_sendfile(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send_file(cx, file, offset, count)
    }

    /// [`sendfile`](Self::sendfile) without waiting: [`TcpStream::try_sendfile`](crate::TcpStream::try_sendfile),
    /// [`UnixStream::try_sendfile`](crate::UnixStream::try_sendfile).
    #[inline]
    pub fn try_sendfile(&self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        self.0.try_send_file(file, offset, count)
    }
}
