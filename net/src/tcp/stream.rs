//! [`TcpStream`]: a connection.
//!
//! This file has the type and, in [`poll_recv`](TcpStream::poll_recv) and its neighbours, the system calls
//! that all reading and writing come down to. They take `&self`, because three kinds of owner share them: the
//! stream, its borrowed halves and its owned halves. Each direction has one place for one waiter, so the public
//! methods built on them take `&mut` of the stream or of the one half that there is for the direction; what
//! would go wrong otherwise is a task that waits for ever because another took its place.
//! Methods that any number of tasks may call at a time (`peek`, `readable`) wait in a list.

mod connect;
mod descriptor;
mod option;
mod read;
pub(super) mod transfer;
mod write;

use super::split::{self, ReadHalf, WriteHalf};
use super::split_owned::{self, OwnedReadHalf, OwnedWriteHalf};
use egret_runtime::io::{Clears, Direction, Registration, Start};
use egret_runtime::sys::{Fd, IOV_MAX, ReadBuf};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::ops::Deref;
use std::task::{Context, Poll, ready};

pub(super) use connect::connect;

/// A TCP connection.
///
/// Made by [`connect`](TcpStream::connect), [`TcpListener::accept`](crate::TcpListener::accept) or
/// [`TcpSocket::connect`](crate::TcpSocket::connect). One task reads and writes; to read in one and write in
/// another, [`split`](TcpStream::split) it within a task or [`into_split`](TcpStream::into_split) it
/// across tasks. Dropping it closes the connection: what was written is still sent, unless bytes that the peer
/// sent are unread, for then the kernel resets the connection ([RFC 2525, 2.17]).
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_std`](TcpStream::into_std) takes it
/// out.
///
/// ```
/// use egret_net::{TcpListener, TcpStream};
///
/// # egret_runtime::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut server, _) = listener.accept().await?;
///
/// client.write_all(b"question").await?;
/// client.shutdown().await?;
///
/// let mut question = Vec::new();
/// let mut buf = [0; 4];
/// loop {
///     match server.read(&mut buf).await? {
///         0 => break,
///         n => question.extend_from_slice(&buf[..n]),
///     }
/// }
/// assert_eq!(question, b"question");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`tcp(7)`](https://man7.org/linux/man-pages/man7/tcp.7.html).
///
/// [RFC 2525, 2.17]: https://www.rfc-editor.org/rfc/rfc2525#section-2.17
pub struct TcpStream {
    registration: Registration<Fd>,
}

impl TcpStream {
    /// Registers a socket that is connected (`Unknown`) or connecting (`Empty`).
    #[track_caller]
    pub(super) fn new(fd: Fd, start: Start) -> io::Result<TcpStream> {
        let registration = Registration::new(fd, start).map_err(|(_closed, error)| error)?;
        Ok(TcpStream { registration })
    }

    /// Borrows the stream as two halves, to read and write at the same time within one task. This costs
    /// nothing.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (mut server, _) = listener.accept().await?;
    /// client.write_all(b"echo").await?;
    ///
    /// let (mut reader, mut writer) = server.split();
    /// let mut buf = [0; 16];
    /// let n = reader.read(&mut buf).await?;
    /// writer.write_all(&buf[..n]).await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::split(self)
    }

    /// Takes the stream apart into two halves that different tasks may own.
    ///
    /// Dropping the [`OwnedWriteHalf`] shuts the writing side down. The connection is closed when both are
    /// dropped; [`OwnedReadHalf::reunite`] puts them together again. This costs one allocation.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (mut server, _) = listener.accept().await?;
    ///
    /// let (mut reader, mut writer) = client.into_split();
    /// egret_runtime::spawn(async move { writer.write_all(b"question").await });
    ///
    /// let mut buf = [0; 8];
    /// server.read_exact(&mut buf).await?;
    /// server.write_all(b"answer").await?;
    /// assert_eq!(reader.read(&mut buf).await?, 6);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split_owned::split(self)
    }
}

/// The system calls. An empty buffer makes none: 0 bytes were asked for and 0 bytes is the answer, which says
/// nothing about the end of the stream.
impl TcpStream {
    #[inline]
    pub(super) fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration.poll_transfer(cx, Direction::Read, Clears::ShortOf(buf.len()), |fd| fd.recv(buf))
    }

    #[inline]
    pub(super) fn poll_recv_uninit(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(0));
        }
        self.registration
            .poll_transfer(cx, Direction::Read, Clears::ShortOf(buf.remaining()), |fd| fd.recv_uninit(buf))
    }

    pub(super) fn poll_recv_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = within_limit_mut(bufs);
        match total(bufs) {
            0 => Poll::Ready(Ok(0)),
            wanted => self
                .registration
                .poll_transfer(cx, Direction::Read, Clears::ShortOf(wanted), |fd| fd.recv_vectored(bufs)),
        }
    }

    /// Receives until `buf` is full; `filled` keeps count from one poll to the next.
    pub(super) fn poll_recv_exact(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        filled: &mut usize,
    ) -> Poll<io::Result<usize>> {
        while *filled < buf.len() {
            let n = ready!(self.poll_recv(cx, &mut buf[*filled..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            *filled += n;
        }
        Poll::Ready(Ok(*filled))
    }

    pub(super) fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.registration.try_transfer(Direction::Read, Clears::ShortOf(buf.len()), |fd| fd.recv(buf))
    }

    pub(super) fn try_recv_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let bufs = within_limit_mut(bufs);
        match total(bufs) {
            0 => Ok(0),
            wanted => self
                .registration
                .try_transfer(Direction::Read, Clears::ShortOf(wanted), |fd| fd.recv_vectored(bufs)),
        }
    }

    #[inline]
    pub(super) fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration.poll_transfer(cx, Direction::Write, Clears::ShortOf(buf.len()), |fd| fd.send(buf))
    }

    pub(super) fn poll_send_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = within_limit(bufs);
        match total(bufs) {
            0 => Poll::Ready(Ok(0)),
            wanted => self
                .registration
                .poll_transfer(cx, Direction::Write, Clears::ShortOf(wanted), |fd| fd.send_vectored(bufs)),
        }
    }

    /// Sends until `rest` is empty.
    #[inline]
    pub(super) fn poll_send_all(&self, cx: &mut Context<'_>, rest: &mut &[u8]) -> Poll<io::Result<()>> {
        while !rest.is_empty() {
            let n = ready!(self.poll_send(cx, rest))?;
            if n == rest.len() {
                break; // nearly always, and the cheapest to tell
            }
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *rest = &rest[n..];
        }
        Poll::Ready(Ok(()))
    }

    /// Sends until `rest` holds no byte, moving its start on.
    pub(super) fn poll_send_all_vectored(
        &self,
        cx: &mut Context<'_>,
        rest: &mut &mut [IoSlice<'_>],
    ) -> Poll<io::Result<()>> {
        // Empty buffers at the start would read as a transfer of nothing.
        IoSlice::advance_slices(rest, 0);
        while !rest.is_empty() {
            let n = ready!(self.poll_send_vectored(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            IoSlice::advance_slices(rest, n);
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.registration.try_transfer(Direction::Write, Clears::ShortOf(buf.len()), |fd| fd.send(buf))
    }

    pub(super) fn try_send_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let bufs = within_limit(bufs);
        match total(bufs) {
            0 => Ok(0),
            wanted => self
                .registration
                .try_transfer(Direction::Write, Clears::ShortOf(wanted), |fd| fd.send_vectored(bufs)),
        }
    }

    /// Sends FIN. A connection that is gone needs none: that is no error.
    pub(super) fn shut_writing(&self) -> io::Result<()> {
        match self.registration.get_ref().shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

/// The buffers that one system call takes. Whether a transfer was short is asked of these alone: the others
/// were never offered.
fn within_limit<'a, 'b>(bufs: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    &bufs[..bufs.len().min(IOV_MAX)]
}

fn within_limit_mut<'a, 'b>(bufs: &'a mut [IoSliceMut<'b>]) -> &'a mut [IoSliceMut<'b>] {
    let len = bufs.len().min(IOV_MAX);
    &mut bufs[..len]
}

/// How many bytes the buffers hold. One slice may be named many times, so this may be more than there is memory.
fn total<B: Deref<Target = [u8]>>(bufs: &[B]) -> usize {
    bufs.iter().fold(0, |sum, buf| sum.saturating_add(buf.len()))
}
