//! [`UnixDatagram`]: datagrams within the host.

mod append; // receives into a buffer that grows
mod descriptor; // from std and to std
mod ready; // readiness
mod transfer; // sending and receiving

use super::{SocketAddr, UCred};
use crate::socket;
use egret_runtime::io::{Registration, Start};
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::io;
use std::net::Shutdown;
use std::path::Path;

/// A Unix datagram socket. No datagram is lost or reordered: if the receiver has no room, sending waits.
///
/// A datagram longer than the buffer is truncated, which only [`recv_message`](UnixDatagram::recv_message) reports.
/// Any number of tasks may send and receive; a datagram goes to one of them.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::UnixDatagram;
///
/// # let name = format!("\0egret-doc-datagram-{}", std::process::id());
/// let server = UnixDatagram::bind(&name)?;
/// let client = UnixDatagram::bind_unique()?;
/// client.send_to(b"ping", &name).await?;
///
/// let mut buf = [0; 16];
/// let (n, from) = server.recv_from(&mut buf).await?;
/// assert_eq!(from, client.local_addr()?);
/// server.send_to_addr(&buf[..n], &from).await?;
/// assert_eq!(client.recv(&mut buf).await?, 4);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html).
pub struct UnixDatagram {
    registration: Registration<Fd>,
}

impl UnixDatagram {
    /// Binds a socket to a path, or, if `path` starts with a zero byte, to the abstract name after it. The file
    /// outlives the socket.
    ///
    /// # Errors
    ///
    /// As [`UnixListener::bind`](crate::UnixListener::bind).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        UnixDatagram::bind_addr(&SocketAddr::from_path_or_name(path.as_ref())?)
    }

    /// [`bind`](UnixDatagram::bind) to an address, with its errors and panics.
    #[track_caller]
    #[inline]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixDatagram> {
        let fd = Backend::current().socket(Domain::Unix, Type::Datagram)?;
        fd.bind_unix(addr.raw())?;
        UnixDatagram::new(fd)
    }

    /// Binds a socket to an abstract name that the kernel chooses. For clients that need a return address but no
    /// well-known name.
    ///
    /// # Errors
    ///
    /// Those of [`socket(2)`](https://man7.org/linux/man-pages/man2/socket.2.html), and `ENOSPC` when all of the
    /// million names are taken.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn bind_unique() -> io::Result<UnixDatagram> {
        // A bind to no name requests one: "autobind" of unix(7).
        UnixDatagram::bind_addr(&egret_runtime::sys::UnixAddress::UNNAMED.into())
    }

    /// Creates an unnamed socket: its datagrams cannot be answered.
    ///
    /// # Errors
    ///
    /// Those of [`socket(2)`](https://man7.org/linux/man-pages/man2/socket.2.html): when no descriptors (`EMFILE`,
    /// `ENFILE`) or memory are left; and those of `epoll_ctl(2)`.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::new(Backend::current().socket(Domain::Unix, Type::Datagram)?)
    }

    /// Creates two connected sockets.
    ///
    /// # Errors
    ///
    /// As [`UnixStream::pair`](crate::UnixStream::pair).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let (one, other) = egret_net::UnixDatagram::pair()?;
    /// one.send(b"hello").await?;
    /// assert_eq!(other.recv(&mut [0; 16]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = Backend::current().socket_pair(Type::Datagram)?;
        Ok((UnixDatagram::new(one)?, UnixDatagram::new(other)?))
    }

    #[track_caller]
    #[inline]
    pub(super) fn new(fd: Fd) -> io::Result<UnixDatagram> {
        socket::register(fd, Start::Unknown).map(|registration| UnixDatagram { registration })
    }

    /// Sets the target of [`send`](UnixDatagram::send), and the only sender to receive from: the socket at a path, or
    /// with the abstract name after a zero byte. It may be called again, for another.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when the path does not exist,
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when no socket is bound to it any more,
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) when that socket is connected to another or the file is
    /// not writable, `EPROTOTYPE` when it is no datagram socket; others by
    /// [`connect(2)`](https://man7.org/linux/man-pages/man2/connect.2.html).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UnixDatagram;
    /// # let name = format!("\0egret-doc-datagram-connect-{}", std::process::id());
    /// let server = UnixDatagram::bind(&name)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.connect(&name)?;
    /// client.send(b"hello").await?;
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.connect_addr(&SocketAddr::from_path_or_name(path.as_ref())?)
    }

    /// [`connect`](UnixDatagram::connect) to an address, with its errors.
    #[inline]
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        self.registration.get_ref().connect_unix(addr.raw())
    }

    /// Shuts one direction or both.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected).
    #[inline]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.registration.get_ref().shutdown(how)
    }

    /// Returns the local address.
    ///
    /// # Errors
    ///
    /// Those of [`getsockname(2)`](https://man7.org/linux/man-pages/man2/getsockname.2.html); none in practice.
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.registration.get_ref().local_addr_unix()?.into())
    }

    /// Returns the address of the socket that this one is connected to.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected).
    #[inline]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.registration.get_ref().peer_addr_unix()?.into())
    }

    /// Returns the credentials of the maker of the [`pair`](UnixDatagram::pair), `SO_PEERCRED`. Without a pair there
    /// is no process, and user and group are `u32::MAX`.
    ///
    /// # Errors
    ///
    /// Those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html); none in practice.
    #[inline]
    pub fn peer_cred(&self) -> io::Result<UCred> {
        self.registration.get_ref().peer_credentials().map(UCred)
    }

    /// Returns whether datagrams carry the credentials of their sender, `SO_PASSCRED`.
    ///
    /// # Errors
    ///
    /// As [`peer_cred`](UnixDatagram::peer_cred).
    #[inline]
    pub fn passcred(&self) -> io::Result<bool> {
        self.registration.get_ref().passcred()
    }

    /// Makes datagrams carry the credentials of their sender, for [`recv_message`](UnixDatagram::recv_message).
    ///
    /// # Errors
    ///
    /// As [`peer_cred`](UnixDatagram::peer_cred).
    #[inline]
    pub fn set_passcred(&self, passcred: bool) -> io::Result<()> {
        self.registration.get_ref().set_passcred(passcred)
    }

    /// Takes the pending error of the socket, `SO_ERROR`.
    ///
    /// # Errors
    ///
    /// As [`peer_cred`](UnixDatagram::peer_cred).
    #[inline]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.registration.get_ref().take_error()
    }
}
