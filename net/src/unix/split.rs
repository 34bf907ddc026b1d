//! [`ReadHalf`] and [`WriteHalf`]: a borrowed stream in two, for one task.
//!
//! Each half is the only one of its kind while the borrow lasts, and so the only waiter in its direction.

use super::SocketAddr;
use super::stream::UnixStream;
use crate::byte_stream::{ByteStream, Read, Write, WriteAll};
use egret_runtime::sys::ReadBuf;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

/// The reading half of a [`UnixStream`], made by [`UnixStream::split`].
///
/// Its methods are those of the stream and are documented there.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::UnixStream;
///
/// let (mut client, mut server) = UnixStream::pair()?;
/// client.write_all(b"hello").await?;
///
/// let (mut reader, writer) = server.split();
/// let mut buf = [0; 16];
/// assert_eq!(reader.read(&mut buf).await?, 5);
/// assert_eq!(reader.peer_addr()?, writer.peer_addr()?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a UnixStream);

/// The writing half of a [`UnixStream`], made by [`UnixStream::split`].
///
/// Its methods are those of the stream and are documented there. Dropping it does nothing: the stream is still whole.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::UnixStream;
///
/// let (mut client, mut server) = UnixStream::pair()?;
///
/// let (_reader, mut writer) = client.split();
/// writer.write_all(b"hello").await?;
/// client.write_all(b" again").await?;
/// let mut buf = [0; 11];
/// server.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"hello again");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a UnixStream);

pub(super) fn split(stream: &mut UnixStream) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf(stream), WriteHalf(stream))
}

impl ReadHalf<'_> {
    /// [`UnixStream::read`] of this half, with its errors and cancel safety.
    #[inline]
    pub fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Read { stream: self.0, buf }
    }

    /// [`UnixStream::poll_read`] of this half, with its errors.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_recv(cx, buf)
    }

    /// [`UnixStream::read_uninit`] of this half, with its errors and cancel safety.
    pub async fn read_uninit<'b>(&mut self, buf: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b mut [u8]> {
        let mut buf = ReadBuf::uninit(buf);
        poll_fn(|cx| self.0.poll_recv_uninit(cx, &mut buf)).await?;
        Ok(buf.into_filled())
    }

    /// [`UnixStream::read_vectored`] of this half, with its errors and cancel safety.
    #[doc(alias = "readv")]
    pub async fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        poll_fn(|cx| self.0.poll_recv_vectored(cx, bufs)).await
    }

    /// [`UnixStream::read_exact`] of this half, with its errors and cancel safety.
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        poll_fn(|cx| self.0.poll_recv_exact(cx, buf, &mut filled)).await
    }

    /// [`UnixStream::peek`] of this half, with its errors and cancel safety.
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buf).await
    }

    /// [`UnixStream::poll_peek`] of this half, with its errors.
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_peek(cx, buf)
    }

    /// [`UnixStream::readable`] of this half, with its errors and cancel safety.
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// [`UnixStream::try_read`] of this half, with its errors.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_recv(buf)
    }

    /// [`UnixStream::try_read_vectored`] of this half, with its errors.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.try_recv_vectored(bufs)
    }

    /// [`UnixStream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// [`UnixStream::peer_addr`], with its errors.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl WriteHalf<'_> {
    /// [`UnixStream::write`] of this half, with its errors and cancel safety.
    #[inline]
    pub fn write<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Write { stream: self.0, buf }
    }

    /// [`UnixStream::poll_write`] of this half, with its errors.
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_send(cx, buf)
    }

    /// [`UnixStream::write_all`] of this half, with its errors and cancel safety.
    #[inline]
    pub fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        WriteAll { stream: self.0, rest: buf }
    }

    /// [`UnixStream::write_vectored`] of this half, with its errors and cancel safety.
    #[doc(alias = "writev")]
    pub async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        poll_fn(|cx| self.0.poll_send_vectored(cx, bufs)).await
    }

    /// [`UnixStream::write_all_vectored`] of this half, with its errors and cancel safety.
    pub async fn write_all_vectored(&mut self, mut bufs: &mut [IoSlice<'_>]) -> io::Result<()> {
        poll_fn(|cx| self.0.poll_send_all_vectored(cx, &mut bufs)).await
    }

    /// [`UnixStream::flush`] of this half: it does nothing.
    pub async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// [`UnixStream::shutdown`] of this half, with its errors and cancel safety.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.0.shut_writing()
    }

    /// [`UnixStream::writable`] of this half, with its errors and cancel safety.
    pub async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// [`UnixStream::try_write`] of this half, with its errors.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_send(buf)
    }

    /// [`UnixStream::try_write_vectored`] of this half, with its errors.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_send_vectored(bufs)
    }

    /// [`UnixStream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// [`UnixStream::peer_addr`], with its errors.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl AsRef<UnixStream> for ReadHalf<'_> {
    fn as_ref(&self) -> &UnixStream {
        self.0
    }
}

impl AsRef<UnixStream> for WriteHalf<'_> {
    fn as_ref(&self) -> &UnixStream {
        self.0
    }
}
