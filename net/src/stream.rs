//! [`TcpStream`]: a connection.
//!
//! This file has the type; what all its reading and writing comes down to is [`ByteStream`]'s.

mod copy;
mod descriptor;
mod poll;
mod read;
mod sendfile;
mod transfer;
mod write;

use crate::halves;
use crate::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use egret_runtime::io::{Clears, Registration, Start};
use egret_runtime::sys::Fd;
pub use poll::ByteStream;
use std::io;

pub(crate) use poll::{read_to_end, read_to_string, total, within_limit, within_limit_mut};
pub(crate) use transfer::{Read, Write, WriteAll};

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
    pub(crate) registration: Registration<Fd>,
}

impl TcpStream {
    /// Registers a socket that is connected (`Unknown`) or connecting (`Empty`).
    #[track_caller]
    pub(crate) fn new(fd: Fd, start: Start) -> io::Result<TcpStream> {
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
        halves::borrow(self)
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
        halves::share(self)
    }
}

impl ByteStream for TcpStream {
    #[inline]
    fn registration(&self) -> &Registration<Fd> {
        &self.registration
    }

    /// A short transfer is the last for now: TCP is the one stream of which that is true.
    #[inline]
    fn clears(wanted: usize) -> Clears {
        Clears::ShortOf(wanted)
    }
}
