//! [`OwnedReadHalf`] and [`OwnedWriteHalf`]: a stream in two, for two tasks.
//!
//! They share the stream by a reference count. There is one of each kind, and so one waiter in each direction.
//! Dropping the writing half shuts the writing side down, because otherwise the peer would wait for the end of a
//! stream that nobody can write to any more; the descriptor is closed when both are gone.

use super::stream::TcpStream;
use crate::byte_stream::{ByteStream, Read, Write, WriteAll};
use egret_runtime::sys::ReadBuf;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The reading half of a [`TcpStream`], made by [`TcpStream::into_split`].
///
/// Its methods are those of the stream and are documented there. Dropping it does not shut the reading side down.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
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
    stream: Rc<TcpStream>,
}

/// The writing half of a [`TcpStream`], made by [`TcpStream::into_split`].
///
/// Its methods are those of the stream and are documented there. Dropping it shuts the writing side down, unless it is dropped by
/// [`forget`](OwnedWriteHalf::forget) or put back by [`reunite`](OwnedWriteHalf::reunite).
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut server, _) = listener.accept().await?;
///
/// let (_reader, writer) = client.into_split();
/// drop(writer);
/// assert_eq!(server.read(&mut [0; 16]).await?, 0);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Rc<TcpStream>,
    shutdown_on_drop: bool,
}

/// Two halves that were to be reunited and are not of one stream: here they are back.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let (one, _keep) = TcpStream::connect(listener.local_addr()?).await?.into_split();
/// let (_keep, other) = TcpStream::connect(listener.local_addr()?).await?.into_split();
/// let error = one.reunite(other).unwrap_err();
/// assert_ne!(error.0.local_addr()?, error.1.local_addr()?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

pub(super) fn split(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Rc::new(stream);
    (OwnedReadHalf { stream: stream.clone() }, OwnedWriteHalf { stream, shutdown_on_drop: true })
}

fn reunite(read: OwnedReadHalf, write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
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
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// let (reader, writer) = client.into_split();
    /// let mut client = reader.reunite(writer).unwrap();
    /// client.write_all(b"still open").await?;
    /// assert_eq!(server.read(&mut [0; 16]).await?, 10);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        reunite(self, other)
    }

    /// [`TcpStream::read`] of this half, with its errors and cancel safety.
    #[inline]
    pub fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Read { stream: &*self.stream, buf }
    }

    /// [`TcpStream::poll_read`] of this half, with its errors.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_recv(cx, buf)
    }

    /// [`TcpStream::read_uninit`] of this half, with its errors and cancel safety.
    pub async fn read_uninit<'b>(&mut self, buf: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b mut [u8]> {
        let mut buf = ReadBuf::uninit(buf);
        poll_fn(|cx| self.stream.poll_recv_uninit(cx, &mut buf)).await?;
        Ok(buf.into_filled())
    }

    /// [`TcpStream::read_vectored`] of this half, with its errors and cancel safety.
    #[doc(alias = "readv")]
    pub async fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        poll_fn(|cx| self.stream.poll_recv_vectored(cx, bufs)).await
    }

    /// [`TcpStream::read_exact`] of this half, with its errors and cancel safety.
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        poll_fn(|cx| self.stream.poll_recv_exact(cx, buf, &mut filled)).await
    }

    /// [`TcpStream::peek`] of this half, with its errors and cancel safety.
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(buf).await
    }

    /// [`TcpStream::poll_peek`] of this half, with its errors.
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_peek(cx, buf)
    }

    /// [`TcpStream::readable`] of this half, with its errors and cancel safety.
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// [`TcpStream::try_read`] of this half, with its errors.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.try_recv(buf)
    }

    /// [`TcpStream::try_read_vectored`] of this half, with its errors.
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.stream.try_recv_vectored(bufs)
    }

    /// [`TcpStream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// [`TcpStream::peer_addr`], with its errors.
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
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        reunite(other, self)
    }

    /// Drops this half without shutting the writing side down; it stays open until the other half is
    /// dropped too.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
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

    /// [`TcpStream::write`] of this half, with its errors and cancel safety.
    #[inline]
    pub fn write<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Write { stream: &*self.stream, buf }
    }

    /// [`TcpStream::poll_write`] of this half, with its errors.
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_send(cx, buf)
    }

    /// [`TcpStream::write_all`] of this half, with its errors and cancel safety.
    #[inline]
    pub fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        WriteAll { stream: &*self.stream, rest: buf }
    }

    /// [`TcpStream::write_vectored`] of this half, with its errors and cancel safety.
    #[doc(alias = "writev")]
    pub async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        poll_fn(|cx| self.stream.poll_send_vectored(cx, bufs)).await
    }

    /// [`TcpStream::write_all_vectored`] of this half, with its errors and cancel safety.
    pub async fn write_all_vectored(&mut self, mut bufs: &mut [IoSlice<'_>]) -> io::Result<()> {
        poll_fn(|cx| self.stream.poll_send_all_vectored(cx, &mut bufs)).await
    }

    /// [`TcpStream::flush`] of this half: it does nothing.
    pub async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// [`TcpStream::shutdown`] of this half, with its errors and cancel safety.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shut_writing()
    }

    /// [`TcpStream::writable`] of this half, with its errors and cancel safety.
    pub async fn writable(&self) -> io::Result<()> {
        self.stream.writable().await
    }

    /// [`TcpStream::try_write`] of this half, with its errors.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.stream.try_send(buf)
    }

    /// [`TcpStream::try_write_vectored`] of this half, with its errors.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.try_send_vectored(bufs)
    }

    /// [`TcpStream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// [`TcpStream::peer_addr`], with its errors.
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

impl AsRef<TcpStream> for OwnedReadHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsRef<TcpStream> for OwnedWriteHalf {
    fn as_ref(&self) -> &TcpStream {
        &self.stream
    }
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different streams")
    }
}

impl Error for ReuniteError {}
