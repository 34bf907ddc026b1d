//! [`UnixStream`]: a connection within the host.
//!
//! This file has the type; what all its reading and writing comes down to is [`ByteStream`]'s. A short read says
//! nothing of what is left: `recv` stops at a message with descriptors beside it, and where credentials are passed at
//! each change of the writer, with more behind and no edge to come.

mod descriptor;
mod read;
mod sendfile;
mod write;

use super::connect::connect;
use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{SocketAddr, UCred};
use crate::halves;
use crate::stream::ByteStream;
use egret_runtime::io::{Clears, Registration, Start};
use egret_runtime::sys::{Backend, Fd, Type};
use std::io;
use std::path::Path;

/// A connection in the Unix domain: bytes between processes of one host, and descriptors and credentials beside them.
///
/// Made by [`connect`](UnixStream::connect), [`pair`](UnixStream::pair) or
/// [`UnixListener::accept`](crate::UnixListener::accept). One task reads and writes; to read in one and write in
/// another, [`split`](UnixStream::split) it within a task or [`into_split`](UnixStream::into_split) it across tasks.
/// Dropping it closes the connection: the peer reads what was written, and then the end, or
/// [`ConnectionReset`](io::ErrorKind::ConnectionReset) when bytes that it had sent are unread.
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_std`](UnixStream::into_std) takes it out.
///
/// ```
/// use egret_net::UnixStream;
///
/// # egret_runtime::block_on(async {
/// let (mut client, mut server) = UnixStream::pair()?;
/// client.write_all(b"question").await?;
/// client.shutdown().await?;
///
/// let mut buf = [0; 16];
/// assert_eq!(server.read(&mut buf).await?, 8);
/// assert_eq!(server.read(&mut buf).await?, 0);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html).
pub struct UnixStream {
    pub(super) registration: Registration<Fd>,
}

impl ByteStream for UnixStream {
    #[inline]
    fn registration(&self) -> &Registration<Fd> {
        &self.registration
    }

    /// A short transfer proves nothing, as the head of this file says.
    #[inline]
    fn clears(_wanted: usize) -> Clears {
        Clears::WouldBlock
    }
}

impl UnixStream {
    /// Registers a socket that is connected.
    #[track_caller]
    #[inline]
    pub(super) fn new(fd: Fd) -> io::Result<UnixStream> {
        let registration = Registration::new(fd, Start::Unknown).map_err(|(_closed, error)| error)?;
        Ok(UnixStream { registration })
    }

    /// Connects to the socket at a path, or, where `path` starts with a zero byte, to the abstract name behind that.
    ///
    /// When as many connections wait as the listener's backlog holds, this waits too: there is no event for room in a
    /// backlog, so it tries again, after a millisecond first and fifty at most.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when there is no such path;
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when nobody listens there, which is also what is left
    /// of a server that has ended; [`PermissionDenied`](io::ErrorKind::PermissionDenied) without the permission to
    /// write to the file; `EPROTOTYPE` when the file is a socket and none of streams. Others by
    /// [`connect(2)`](https://man7.org/linux/man-pages/man2/connect.2.html), with their errno.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that cannot be one: see
    /// [`SocketAddr::from_pathname`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the attempt is given up and its socket closed.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{UnixListener, UnixStream};
    ///
    /// # let name = format!("\0egret-doc-connect-{}", std::process::id());
    /// let listener = UnixListener::bind(&name)?;
    /// let mut client = UnixStream::connect(&name).await?;
    /// let (mut server, _) = listener.accept().await?;
    /// client.write_all(b"hello").await?;
    /// assert_eq!(server.read(&mut [0; 16]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&SocketAddr::from_path_or_name(path.as_ref())?).await
    }

    /// [`connect`](UnixStream::connect) to an address.
    ///
    /// # Errors
    ///
    /// As [`connect`](UnixStream::connect); [`InvalidInput`](io::ErrorKind::InvalidInput) for no name.
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](UnixStream::connect).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{UnixListener, UnixStream};
    ///
    /// # let name = format!("\0egret-doc-connect_addr-{}", std::process::id());
    /// let listener = UnixListener::bind(&name)?;
    /// let _client = UnixStream::connect_addr(&listener.local_addr()?).await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub async fn connect_addr(addr: &SocketAddr) -> io::Result<UnixStream> {
        UnixStream::new(connect(Type::Stream, addr).await?)
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    ///
    /// Those of [`socketpair(2)`](https://man7.org/linux/man-pages/man2/socketpair.2.html): when descriptors
    /// (`EMFILE`, `ENFILE`) or memory are used up; and those of `epoll_ctl(2)`.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let (mut one, mut other) = egret_net::UnixStream::pair()?;
    /// one.write_all(b"hello").await?;
    /// assert_eq!(other.read(&mut [0; 16]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = Backend::current().socket_pair(Type::Stream)?;
        Ok((UnixStream::new(one)?, UnixStream::new(other)?))
    }

    /// Borrows the stream as two halves, to read and write at the same time within one task. This costs nothing.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UnixStream;
    /// let (mut client, mut server) = UnixStream::pair()?;
    /// client.write_all(b"echo").await?;
    ///
    /// let (mut reader, mut writer) = server.split();
    /// let mut buf = [0; 16];
    /// let n = reader.read(&mut buf).await?;
    /// writer.write_all(&buf[..n]).await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        halves::borrow(self)
    }

    /// Takes the stream apart into two halves that different tasks may own.
    ///
    /// Dropping the [`OwnedWriteHalf`] shuts the writing side down. The connection is closed when both are dropped;
    /// [`OwnedReadHalf::reunite`] puts them together again. This costs one allocation.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UnixStream;
    /// let (client, mut server) = UnixStream::pair()?;
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
    #[inline]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        halves::share(self)
    }

    /// The address of this end; no name, unless it was accepted or bound.
    ///
    /// # Errors
    ///
    /// Those of [`getsockname(2)`](https://man7.org/linux/man-pages/man2/getsockname.2.html); none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let (one, _other) = egret_net::UnixStream::pair()?;
    /// assert!(one.local_addr()?.is_unnamed());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.registration.get_ref().local_addr_unix()?.into())
    }

    /// The address of the peer; that of a client has no name, unless it bound its socket before.
    ///
    /// # Errors
    ///
    /// Those of [`getpeername(2)`](https://man7.org/linux/man-pages/man2/getpeername.2.html); none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{UnixListener, UnixStream};
    /// # let name = format!("\0egret-doc-peer_addr-{}", std::process::id());
    /// let listener = UnixListener::bind(&name)?;
    /// let client = UnixStream::connect(&name).await?;
    /// assert_eq!(client.peer_addr()?.as_abstract_name(), Some(&name.as_bytes()[1..]));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.registration.get_ref().peer_addr_unix()?.into())
    }

    /// Who the peer was when it connected, or listened, or made the pair, `SO_PEERCRED`.
    ///
    /// # Errors
    ///
    /// Those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html); none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let (one, _other) = egret_net::UnixStream::pair()?;
    /// assert_eq!(one.peer_cred()?.pid(), Some(std::process::id() as i32));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn peer_cred(&self) -> io::Result<UCred> {
        self.registration.get_ref().peer_credentials().map(UCred)
    }

    /// Takes the error that the socket has kept, `SO_ERROR`: the next one of a read or a write, which then does not
    /// report it.
    ///
    /// # Errors
    ///
    /// As [`peer_cred`](UnixStream::peer_cred).
    #[inline]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.registration.get_ref().take_error()
    }
}
