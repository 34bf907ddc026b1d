//! [`TcpSocket`]: a socket before it connects or listens.

mod option;
mod server;

use super::connect::connect;
use super::listener::TcpListener;
use super::stream::TcpStream;
use crate::socket;
use egret_runtime::io::Site;
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// A TCP socket that neither listens nor is connected: for options that must be set before, and for
/// [`bind`](TcpSocket::bind).
///
/// It is not registered with the runtime until it connects or listens. Unless a method says otherwise, its
/// errors are those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html): none in
/// practice.
///
/// ```
/// use egret_net::{TcpSocket, TcpStream};
///
/// # egret_runtime::block_on(async {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(128)?;
/// let _client = TcpStream::connect(listener.local_addr()?).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`socket(7)`](https://man7.org/linux/man-pages/man7/socket.7.html) and
/// [`tcp(7)`](https://man7.org/linux/man-pages/man7/tcp.7.html).
pub struct TcpSocket {
    fd: Fd,
    /// It may be a foreign, blocking socket: made non-blocking before it is registered.
    foreign: bool,
}

impl TcpSocket {
    /// Creates a new socket for IPv4.
    ///
    /// Unlike [`TcpListener::bind`], no option is set.
    ///
    /// # Errors
    ///
    /// Those of [`socket(2)`](https://man7.org/linux/man-pages/man2/socket.2.html): when no descriptors (`EMFILE`,
    /// `ENFILE`) or memory are left.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let socket = TcpSocket::new_v4()?;
    /// assert!(!socket.reuseaddr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::V4)
    }

    /// Creates a new socket for IPv6, and, unless the host is configured otherwise (`net.ipv6.bindv6only`), for IPv4 in
    /// mapped addresses.
    ///
    /// # Errors
    ///
    /// As [`new_v4`](TcpSocket::new_v4); and `EAFNOSUPPORT` where the kernel has no IPv6.
    #[inline]
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::V6)
    }

    #[inline]
    fn new(domain: Domain) -> io::Result<TcpSocket> {
        Ok(TcpSocket { fd: Backend::current().socket(domain, Type::Stream)?, foreign: false })
    }

    /// Takes over a foreign socket, through the standard library's type, that is neither connected nor listening. It
    /// becomes non-blocking when it connects or listens.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// use std::os::fd::OwnedFd;
    ///
    /// let made_elsewhere = OwnedFd::from(TcpSocket::new_v4()?);
    /// let socket = TcpSocket::from_std_stream(made_elsewhere.into());
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// let _listener = socket.listen(16)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn from_std_stream(std_stream: std::net::TcpStream) -> TcpSocket {
        OwnedFd::from(std_stream).into()
    }

    /// Binds the socket to an address; port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](io::ErrorKind::AddrInUse), [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) for an address
    /// of another host, [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a port below 1024 without the
    /// privilege, [`InvalidInput`](io::ErrorKind::InvalidInput) when it is already bound; others by
    /// [`bind(2)`](https://man7.org/linux/man-pages/man2/bind.2.html), with their errno.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.fd.bind(&addr)
    }

    /// Makes the socket accept connections; up to `backlog`, at most `net.core.somaxconn`, are queued. An unbound
    /// socket gets a free port.
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when another socket listens there; others by
    /// [`listen(2)`](https://man7.org/linux/man-pages/man2/listen.2.html), with their errno, and `epoll_ctl(2)`.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.bind("127.0.0.1:0".parse().unwrap())?;
    /// let listener = socket.listen(128)?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let fd = self.into_nonblocking()?;
        fd.listen(backlog)?;
        TcpListener::new(fd)
    }

    /// Connects to an address.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::connect`]; `EAFNOSUPPORT` for an IPv6 address on an IPv4 socket.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the attempt is cancelled and the socket closed.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// use egret_net::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_nodelay(true)?;
    /// let stream = socket.connect(listener.local_addr()?).await?;
    /// assert!(stream.nodelay()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect(self, addr: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> {
        Site::caller().within(async move { connect(self.into_nonblocking()?, &addr).await })
    }

    #[inline]
    fn into_nonblocking(self) -> io::Result<Fd> {
        if self.foreign {
            self.fd.set_nonblocking(true)?;
        }
        Ok(self.fd)
    }

    /// Returns the address that the socket is bound to; port 0 when it is not bound.
    ///
    /// # Errors
    ///
    /// Those of [`getsockname(2)`](https://man7.org/linux/man-pages/man2/getsockname.2.html); none in practice.
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.fd.local_addr()
    }

    /// Takes the pending error of the socket, `SO_ERROR`.
    #[inline]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.fd.take_error()
    }
}

impl From<OwnedFd> for TcpSocket {
    /// As [`TcpSocket::from_std_stream`].
    #[inline]
    fn from(fd: OwnedFd) -> TcpSocket {
        TcpSocket { fd: fd.into(), foreign: true }
    }
}

impl From<TcpSocket> for OwnedFd {
    #[inline]
    fn from(socket: TcpSocket) -> OwnedFd {
        socket.fd.into()
    }
}

impl AsFd for TcpSocket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl fmt::Debug for TcpSocket {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        socket::debug(f, "TcpSocket", &self.fd, self.local_addr(), None)
    }
}
