//! [`UnixStream`], and what is specific to the Unix domain.

use super::connect::connect;
use super::{SocketAddr, UCred};
use crate::family::{Family, Unix};
use crate::stream::Stream;
use egret_runtime::io::{Clears, Site, Start};
use egret_runtime::sys::{Backend, Fd, Moved, ReadBuf, Type};
use std::io::{self, IoSliceMut};
use std::os::unix::net;
use std::path::Path;

/// A Unix stream: bytes between processes of one host, with descriptors and credentials as control data.
///
/// Made by [`connect`](UnixStream::connect), [`pair`](UnixStream::pair) or
/// [`UnixListener::accept`](crate::UnixListener::accept). One task reads and writes; to read in one and write in
/// another, [`split`](UnixStream::split) it within a task or [`into_split`](UnixStream::into_split) it across tasks.
/// Dropping it closes the connection: the peer reads the written bytes, and then the end, or
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
pub type UnixStream = Stream<Unix>;

impl Family for Unix {
    type Addr = SocketAddr;
    type StdStream = net::UnixStream;
    type StdListener = net::UnixListener;

    const STREAM: &'static str = "UnixStream";
    const LISTENER: &'static str = "UnixListener";

    /// A short write proves nothing.
    #[inline]
    fn write_clears(_wanted: usize) -> Clears {
        Clears::WouldBlock
    }

    /// A read stops at a message with descriptors, and with `SO_PASSCRED` at each change of the writer, with more
    /// queued and no edge to come. The kernel says when it may have.
    #[inline]
    fn recv(fd: &Fd, buf: &mut [u8]) -> io::Result<Moved> {
        fd.recv_unix(buf)
    }

    #[inline]
    fn recv_uninit(fd: &Fd, buf: &mut ReadBuf<'_>) -> io::Result<Moved> {
        fd.recv_unix_uninit(buf)
    }

    #[inline]
    fn recv_vectored(fd: &Fd, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        fd.recv_unix_vectored(bufs)
    }

    #[inline]
    fn accept(fd: &Fd) -> io::Result<(Fd, SocketAddr)> {
        fd.accept_unix().map(|(fd, peer)| (fd, peer.into()))
    }

    #[inline]
    fn local_addr(fd: &Fd) -> io::Result<SocketAddr> {
        Ok(fd.local_addr_unix()?.into())
    }

    #[inline]
    fn peer_addr(fd: &Fd) -> io::Result<SocketAddr> {
        Ok(fd.peer_addr_unix()?.into())
    }
}

impl UnixStream {
    /// Connects to the socket at a path, or, if `path` starts with a zero byte, to the abstract name after it.
    ///
    /// When the listener's backlog is full, this waits too: no event reports room in a backlog, so it retries, after
    /// a millisecond at first and fifty at most.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when the path does not exist;
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when no socket listens there, as after the end of a
    /// server; [`PermissionDenied`](io::ErrorKind::PermissionDenied) without the permission to write to the file;
    /// `EPROTOTYPE` when the file is a socket of another type. Others by
    /// [`connect(2)`](https://man7.org/linux/man-pages/man2/connect.2.html), with their errno.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an invalid path: see [`SocketAddr::from_pathname`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the attempt is cancelled and its socket closed.
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
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<UnixStream>> {
        Site::caller().within(async move {
            UnixStream::connect_addr(&SocketAddr::from_path_or_name(path.as_ref())?).await
        })
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
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect_addr(addr: &SocketAddr) -> impl Future<Output = io::Result<UnixStream>> {
        Site::caller()
            .within(async move { UnixStream::new(connect(Type::Stream, addr).await?, Start::Unknown) })
    }

    /// Creates two connected streams.
    ///
    /// # Errors
    ///
    /// Those of [`socketpair(2)`](https://man7.org/linux/man-pages/man2/socketpair.2.html): when no descriptors
    /// (`EMFILE`, `ENFILE`) or memory are left; and those of `epoll_ctl(2)`.
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
        Ok((UnixStream::new(one, Start::Unknown)?, UnixStream::new(other, Start::Unknown)?))
    }

    /// Returns the credentials of the peer when it connected, listened or made the pair, `SO_PEERCRED`.
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
        self.fd().peer_credentials().map(UCred)
    }
}

impl TryFrom<net::UnixStream> for UnixStream {
    type Error = io::Error;

    /// [`UnixStream::from_std`].
    #[track_caller]
    #[inline]
    fn try_from(stream: net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_std(stream)
    }
}
