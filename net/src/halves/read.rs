//! Reading from a half.

use super::ReadHalf;
use crate::stream::{self, ByteStream, Read};
use egret_runtime::io::Direction;
use egret_runtime::sys::ReadBuf;
use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::task::{Context, Poll, ready};

/// # Reading
///
/// These are the methods of the stream and do what they do there, where the errors, the cancel safety and examples are:
/// [`TcpStream`](crate::TcpStream#reading), [`UnixStream`](crate::UnixStream#reading).
impl<S: Deref<Target: ByteStream>> ReadHalf<S> {
    /// Reads what has come, waiting until something has: [`TcpStream::read`](crate::TcpStream::read),
    /// [`UnixStream::read`](crate::UnixStream::read).
    #[inline]
    pub fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Read { stream: &*self.0, buf }
    }

    /// [`read`](Self::read) as a poll function: [`TcpStream::poll_read`](crate::TcpStream::poll_read),
    /// [`UnixStream::poll_read`](crate::UnixStream::poll_read).
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_recv(cx, buf)
    }

    /// Reads into memory that need not have been zeroed:
    /// [`TcpStream::read_uninit`](crate::TcpStream::read_uninit),
    /// [`UnixStream::read_uninit`](crate::UnixStream::read_uninit).
    #[inline]
    pub async fn read_uninit<'b>(&mut self, buf: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b mut [u8]> {
        let mut buf = ReadBuf::uninit(buf);
        poll_fn(|cx| self.0.poll_recv_uninit(cx, &mut buf)).await?;
        Ok(buf.into_filled())
    }

    /// [`read_uninit`](Self::read_uninit) as a poll function:
    /// [`TcpStream::poll_read_uninit`](crate::TcpStream::poll_read_uninit),
    /// [`UnixStream::poll_read_uninit`](crate::UnixStream::poll_read_uninit).
    #[inline]
    pub fn poll_read_uninit<'b>(
        &mut self,
        cx: &mut Context<'_>,
        buf: &'b mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<&'b mut [u8]>> {
        let mut buf = ReadBuf::uninit(buf);
        ready!(self.0.poll_recv_uninit(cx, &mut buf))?;
        Poll::Ready(Ok(buf.into_filled()))
    }

    /// Reads into several buffers: [`TcpStream::read_vectored`](crate::TcpStream::read_vectored),
    /// [`UnixStream::read_vectored`](crate::UnixStream::read_vectored).
    #[doc(alias = "readv")]
    #[inline]
    pub async fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        poll_fn(|cx| self.0.poll_recv_vectored(cx, bufs)).await
    }

    /// [`read_vectored`](Self::read_vectored) as a poll function:
    /// [`TcpStream::poll_read_vectored`](crate::TcpStream::poll_read_vectored),
    /// [`UnixStream::poll_read_vectored`](crate::UnixStream::poll_read_vectored).
    #[inline]
    pub fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_recv_vectored(cx, bufs)
    }

    /// Reads until `buf` is full: [`TcpStream::read_exact`](crate::TcpStream::read_exact),
    /// [`UnixStream::read_exact`](crate::UnixStream::read_exact). It is not cancel safe.
    #[inline]
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        poll_fn(|cx| self.0.poll_recv_exact(cx, buf, &mut filled)).await
    }

    /// Reads until the end and appends to `buf`: [`TcpStream::read_to_end`](crate::TcpStream::read_to_end),
    /// [`UnixStream::read_to_end`](crate::UnixStream::read_to_end).
    #[inline]
    pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        stream::read_to_end(&*self.0, buf).await
    }

    /// The same as text: [`TcpStream::read_to_string`](crate::TcpStream::read_to_string),
    /// [`UnixStream::read_to_string`](crate::UnixStream::read_to_string).
    #[inline]
    pub async fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        stream::read_to_string(&*self.0, buf).await
    }

    /// Reads and leaves the bytes to be read again: [`TcpStream::peek`](crate::TcpStream::peek),
    /// [`UnixStream::peek`](crate::UnixStream::peek).
    #[inline]
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.recv_peek(buf).await
    }

    /// [`peek`](Self::peek) as a poll function: [`TcpStream::poll_peek`](crate::TcpStream::poll_peek),
    /// [`UnixStream::poll_peek`](crate::UnixStream::poll_peek).
    #[inline]
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_recv_peek(cx, buf)
    }

    /// Waits until there is something to read: [`TcpStream::readable`](crate::TcpStream::readable),
    /// [`UnixStream::readable`](crate::UnixStream::readable).
    #[inline]
    pub async fn readable(&self) -> io::Result<()> {
        self.0.registration().ready(Direction::Read).await
    }

    /// [`readable`](Self::readable) as a poll function:
    /// [`TcpStream::poll_read_ready`](crate::TcpStream::poll_read_ready),
    /// [`UnixStream::poll_read_ready`](crate::UnixStream::poll_read_ready).
    #[inline]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.registration().poll_ready(cx, Direction::Read)
    }

    /// Reads what has come, without waiting: [`TcpStream::try_read`](crate::TcpStream::try_read),
    /// [`UnixStream::try_read`](crate::UnixStream::try_read).
    #[inline]
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_recv(buf)
    }

    /// [`try_read`](Self::try_read) into several buffers:
    /// [`TcpStream::try_read_vectored`](crate::TcpStream::try_read_vectored),
    /// [`UnixStream::try_read_vectored`](crate::UnixStream::try_read_vectored).
    #[inline]
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.try_recv_vectored(bufs)
    }
}
