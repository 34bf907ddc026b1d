//! [`UnixSocket`]: a Unix socket before it connects, listens or exchanges datagrams.

use super::SocketAddr;
use super::connect::connect_socket;
use super::datagram::UnixDatagram;
use super::listener::UnixListener;
use super::stream::UnixStream;
use crate::socket;
use egret_runtime::io::{Site, Start};
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

/// A Unix socket that is neither listening nor connected: for a named client, and for a listener with its own
/// backlog.
///
/// It is not registered until it connects, listens or becomes a datagram socket.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{UnixSocket, UnixStream};
///
/// # let name = format!("\0egret-doc-socket-{}", std::process::id());
/// let socket = UnixSocket::new_stream()?;
/// socket.bind(&name)?;
/// let listener = socket.listen(16)?;
/// let _client = UnixStream::connect(&name).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct UnixSocket {
    fd: Fd,
    kind: Type,
}

impl UnixSocket {
    /// Creates a new socket for streams.
    ///
    /// # Errors
    ///
    /// Those of [`socket(2)`](https://man7.org/linux/man-pages/man2/socket.2.html): when no descriptors (`EMFILE`,
    /// `ENFILE`) or memory are left.
    #[inline]
    pub fn new_stream() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::Stream)
    }

    /// Creates a new socket for datagrams.
    ///
    /// # Errors
    ///
    /// As [`new_stream`](UnixSocket::new_stream).
    #[inline]
    pub fn new_datagram() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::Datagram)
    }

    #[inline]
    fn new(kind: Type) -> io::Result<UnixSocket> {
        Ok(UnixSocket { fd: Backend::current().socket(Domain::Unix, kind)?, kind })
    }

    /// Binds the socket to a path, or, if `path` starts with a zero byte, to the abstract name after it.
    ///
    /// # Errors
    ///
    /// As [`UnixListener::bind`].
    #[inline]
    pub fn bind<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.bind_addr(&SocketAddr::from_path_or_name(path.as_ref())?)
    }

    /// [`bind`](UnixSocket::bind) to an address.
    ///
    /// # Errors
    ///
    /// As [`UnixListener::bind`].
    #[inline]
    pub fn bind_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        self.fd.bind_unix(addr.raw())
    }

    /// Makes the socket accept connections; up to `backlog` (at most `net.core.somaxconn`) plus one are queued.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an unbound socket, `EOPNOTSUPP` for a datagram socket; those
    /// of `epoll_ctl(2)`.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        self.fd.listen(backlog)?;
        UnixListener::new(self.fd)
    }

    /// Connects to the socket at a path, or with the abstract name after a zero byte.
    ///
    /// # Errors
    ///
    /// As [`UnixStream::connect`]; [`InvalidInput`](io::ErrorKind::InvalidInput) for a datagram socket.
    ///
    /// # Cancel safety
    ///
    /// As [`UnixStream::connect`].
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{UnixListener, UnixSocket};
    /// # let name = format!("\0egret-doc-socket-connect-{}", std::process::id());
    /// # let client_name = format!("\0egret-doc-socket-client-{}", std::process::id());
    /// let listener = UnixListener::bind(&name)?;
    /// let socket = UnixSocket::new_stream()?;
    /// socket.bind(&client_name)?;
    /// let client = socket.connect(&name).await?;
    /// let (_server, peer) = listener.accept().await?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect<P: AsRef<Path>>(self, path: P) -> impl Future<Output = io::Result<UnixStream>> {
        Site::caller().within(async move {
            if self.kind != Type::Stream {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a socket of datagrams is no stream",
                ));
            }
            let address = SocketAddr::from_path_or_name(path.as_ref())?;
            UnixStream::new(connect_socket(self.fd, &address).await?, Start::Unknown)
        })
    }

    /// Makes it a datagram socket.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a stream socket; those of `epoll_ctl(2)`.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        if self.kind != Type::Datagram {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket of streams has no datagrams"));
        }
        UnixDatagram::new(self.fd)
    }

    /// Returns the address that the socket is bound to, if any.
    ///
    /// # Errors
    ///
    /// Those of [`getsockname(2)`](https://man7.org/linux/man-pages/man2/getsockname.2.html); none in practice.
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.fd.local_addr_unix()?.into())
    }
}

impl From<UnixSocket> for OwnedFd {
    #[inline]
    fn from(socket: UnixSocket) -> OwnedFd {
        socket.fd.into()
    }
}

impl AsFd for UnixSocket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for UnixSocket {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl fmt::Debug for UnixSocket {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        socket::debug(f, "UnixSocket", &self.fd, self.local_addr(), None)
    }
}
