//! [`OwnedReadHalf`] and [`OwnedWriteHalf`]: a stream in two, for two tasks.
//!
//! They share the stream by a reference count. There is one of each kind, and so one waiter in each direction.
//! Dropping the writing half shuts the writing side down, because otherwise the peer would wait for the end of a
//! stream that nobody can write to any more; the descriptor is closed when both are gone.

use super::SocketAddr;
use super::stream::UnixStream;
use crate::byte_stream::{ByteStream, Read, Write, WriteAll};
use egret_runtime::sys::ReadBuf;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The reading half of a [`UnixStream`], made by [`UnixStream::into_split`].
///
/// Its methods are those of the stream and are documented there. Dropping it does not shut the reading side down.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::UnixStream;
///
/// let (mut client, server) = UnixStream::pair()?;
///
/// let (mut reader, _writer) = server.into_split();
/// let reading = egret_runtime::spawn(async move {
///     let mut buf = [0; 16];
///     reader.read(&mut buf).await
/// });
/// client.write_all(b"hello").await?;
/// assert_eq!(reading.await.unwrap()?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct OwnedReadHalf {
    stream: Rc<UnixStream>,
}

/// The writing half of a [`UnixStream`], made by [`UnixStream::into_split`].
///
/// Its methods are those of the stream and are documented there. Dropping it shuts the writing side down, unless it is dropped by
/// [`forget`](OwnedWriteHalf::forget) or put back by [`reunite`](OwnedWriteHalf::reunite).
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::UnixStream;
///
/// let (client, mut server) = UnixStream::pair()?;
///
/// let (_reader, writer) = client.into_split();
/// drop(writer);
/// assert_eq!(server.read(&mut [0; 16]).await?, 0);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Rc<UnixStream>,
    shutdown_on_drop: bool,
}

/// Two halves that were to be reunited and are not of one stream: here they are back.
///
/// ```
/// # egret_runtime::block_on(async {
/// # use egret_net::UnixStream;
/// let (one, other) = UnixStream::pair()?;
/// let (reader, _writer) = one.into_split();
/// let (_reader, writer) = other.into_split();
/// let error = reader.reunite(writer).unwrap_err();
/// assert_eq!(error.to_string(), "the halves are of different streams");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

pub(super) fn split(stream: UnixStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Rc::new(stream);
    (OwnedReadHalf { stream: stream.clone() }, OwnedWriteHalf { stream, shutdown_on_drop: true })
}

fn reunite(read: OwnedReadHalf, write: OwnedWriteHalf) -> Result<UnixStream, ReuniteError> {
    if !Rc::ptr_eq(&read.stream, &write.stream) {
        return Err(ReuniteError(read, write));
    }
    write.forget();
    Ok(Rc::into_inner(read.stream).expect("a stream has one half of each kind, and both are here"))
}

impl OwnedReadHalf {
    /// Puts the halves of one stream together again.
    ///
    /// # Errors
    ///
    /// With the halves handed back, when they are of different streams.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// let (reader, writer) = client.into_split();
    /// let mut client = reader.reunite(writer).unwrap();
    /// client.write_all(b"still open").await?;
    /// assert_eq!(server.read(&mut [0; 16]).await?, 10);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<UnixStream, ReuniteError> {
        reunite(self, other)
    }

    /// [`UnixStream::read`] of this half, with its errors and cancel safety.
    #[inline]
    pub fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Read { stream: &*self.stream, buf }
    }

    /// [`UnixStream::poll_read`] of this half, with its errors.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_recv(cx, buf)
    }

    /// [`UnixStream::read_uninit`] of this half, with its errors and cancel safety.
    pub async fn read_uninit<'b>(&mut self, buf: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b mut [u8]> {
        let mut buf = ReadBuf::uninit(buf);
        poll_fn(|cx| self.stream.poll_recv_uninit(cx, &mut buf)).await?;
        Ok(buf.into_filled())
    }

    /// [`UnixStream::read_vectored`] of this half, with its errors and cancel safety.
    #[doc(alias = "readv")]
    pub async fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        poll_fn(|cx| self.stream.poll_recv_vectored(cx, bufs)).await
    }

    /// [`UnixStream::read_exact`] of this half, with its errors and cancel safety.
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        poll_fn(|cx| self.stream.poll_recv_exact(cx, buf, &mut filled)).await
    }

    /// [`UnixStream::peek`] of this half, with its errors and cancel safety.
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(buf).await
    }

    /// [`UnixStream::poll_peek`] of this half, with its errors.
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_peek(cx, buf)
    }

    /// [`UnixStream::readable`] of this half, with its errors and cancel safety.
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// [`UnixStream::try_read`] of this half, with its errors.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.try_recv(buf)
    }

    /// [`UnixStream::try_read_vectored`] of this half, with its errors.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.stream.try_recv_vectored(bufs)
    }

    /// [`UnixStream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// [`UnixStream::peer_addr`], with its errors.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl OwnedWriteHalf {
    /// Puts the halves of one stream together again.
    ///
    /// # Errors
    ///
    /// With the halves handed back, when they are of different streams.
    pub fn reunite(self, other: OwnedReadHalf) -> Result<UnixStream, ReuniteError> {
        reunite(other, self)
    }

    /// Drops this half without shutting the writing side down; it stays open until the other half is
    /// dropped too.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// let (mut reader, writer) = client.into_split();
    /// writer.forget();
    /// server.write_all(b"hello").await?;
    /// assert_eq!(reader.read(&mut [0; 16]).await?, 5);
    /// let open = server.try_read(&mut [0; 16]).unwrap_err();
    /// assert_eq!(open.kind(), std::io::ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn forget(mut self) {
        self.shutdown_on_drop = false;
    }

    /// [`UnixStream::write`] of this half, with its errors and cancel safety.
    #[inline]
    pub fn write<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Write { stream: &*self.stream, buf }
    }

    /// [`UnixStream::poll_write`] of this half, with its errors.
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_send(cx, buf)
    }

    /// [`UnixStream::write_all`] of this half, with its errors and cancel safety.
    #[inline]
    pub fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        WriteAll { stream: &*self.stream, rest: buf }
    }

    /// [`UnixStream::write_vectored`] of this half, with its errors and cancel safety.
    #[doc(alias = "writev")]
    pub async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        poll_fn(|cx| self.stream.poll_send_vectored(cx, bufs)).await
    }

    /// [`UnixStream::write_all_vectored`] of this half, with its errors and cancel safety.
    pub async fn write_all_vectored(&mut self, mut bufs: &mut [IoSlice<'_>]) -> io::Result<()> {
        poll_fn(|cx| self.stream.poll_send_all_vectored(cx, &mut bufs)).await
    }

    /// [`UnixStream::flush`] of this half: it does nothing.
    pub async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// [`UnixStream::shutdown`] of this half, with its errors and cancel safety.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shut_writing()
    }

    /// [`UnixStream::writable`] of this half, with its errors and cancel safety.
    pub async fn writable(&self) -> io::Result<()> {
        self.stream.writable().await
    }

    /// [`UnixStream::try_write`] of this half, with its errors.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.stream.try_send(buf)
    }

    /// [`UnixStream::try_write_vectored`] of this half, with its errors.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.try_send_vectored(bufs)
    }

    /// [`UnixStream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// [`UnixStream::peer_addr`], with its errors.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shutdown_on_drop {
            // Nobody is left to tell of an error, and the connection is no worse for it.
            let _ = self.stream.shut_writing();
        }
    }
}

impl AsRef<UnixStream> for OwnedReadHalf {
    fn as_ref(&self) -> &UnixStream {
        &self.stream
    }
}

impl AsRef<UnixStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &UnixStream {
        &self.stream
    }
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different streams")
    }
}

impl Error for ReuniteError {}
