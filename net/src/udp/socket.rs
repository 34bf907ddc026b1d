//! [`UdpSocket`]: datagrams of IP.
//!
//! All operations take `&self`, and any number of tasks may wait in each: an event wakes them all, and one gets the
//! datagram. A short datagram proves nothing about the next, so only `EAGAIN` clears readiness.

mod append; // receives into a buffer that grows
mod descriptor; // from std and to std
mod many; // many datagrams in one call
mod message; // with what the kernel knows of them
mod multicast; // broadcast and groups
mod option; // options
mod recv; // receiving
mod send; // sending

use crate::addr::{self, ToSocketAddrs};
use crate::socket;
use egret_runtime::io::{Registration, Site, Start};
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;

/// A UDP socket.
///
/// A datagram longer than the buffer is truncated: the rest is lost. Any number of tasks may send and receive at a
/// time; a datagram goes to one of them. To share a socket among tasks, put it into an [`Rc`].
///
/// Network errors about a sent datagram are returned by the next operation of a [connected](UdpSocket::connect)
/// socket, whichever that is, as [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) and the like; the socket
/// stays usable. Unconnected sockets get no such errors.
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_std`](UdpSocket::into_std) takes it out.
///
/// ```
/// use egret_net::UdpSocket;
///
/// # egret_runtime::block_on(async {
/// let server = UdpSocket::bind("127.0.0.1:0").await?;
/// let client = UdpSocket::bind("127.0.0.1:0").await?;
/// client.send_to(b"ping", server.local_addr()?).await?;
///
/// let mut buf = [0; 1500];
/// let (n, from) = server.recv_from(&mut buf).await?;
/// assert_eq!((&buf[..n], from), (&b"ping"[..], client.local_addr()?));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`udp(7)`](https://man7.org/linux/man-pages/man7/udp.7.html) and
/// [`ip(7)`](https://man7.org/linux/man-pages/man7/ip.7.html).
///
/// [`Rc`]: std::rc::Rc
pub struct UdpSocket {
    registration: Registration<Fd>,
    /// Whether the kernel supports segments, once checked.
    kernel_cuts: Cell<Option<bool>>,
}

// A cell holds what was found out about the kernel: it is right whenever it is set.
impl std::panic::RefUnwindSafe for UdpSocket {}

impl UdpSocket {
    /// Binds a socket to an address; port 0 picks a free one, see [`local_addr`](UdpSocket::local_addr).
    ///
    /// If `addr` yields several addresses, they are tried in order until one can be bound. No option is set: for those that
    /// must be set before, see [`udp::Builder`](crate::udp::Builder). A name
    /// is looked up on another thread; see [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// That of the last address tried: [`AddrInUse`](io::ErrorKind::AddrInUse),
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) for an address of another host,
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a port below 1024 without the privilege; others by
    /// [`bind(2)`](https://man7.org/linux/man-pages/man2/bind.2.html), with their errno.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no address to try.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, there is no socket.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let socket = egret_net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<UdpSocket>> {
        Site::caller().within(async move {
            let mut last = None;
            for address in addr::resolve(&addr).await? {
                match bound_to(&address) {
                    Ok(socket) => return Ok(socket),
                    Err(error) => last = Some(error),
                }
            }
            Err(addr::all_failed(last))
        })
    }

    #[track_caller]
    #[inline]
    pub(crate) fn new(fd: Fd) -> io::Result<UdpSocket> {
        socket::register(fd, Start::Unknown).map(UdpSocket::registered)
    }

    #[inline]
    fn registered(registration: Registration<Fd>) -> UdpSocket {
        UdpSocket { registration, kernel_cuts: Cell::new(None) }
    }

    /// Sets the address that [`send`](UdpSocket::send) sends to, and the only one to receive from. It may be called
    /// again, for another.
    ///
    /// If `addr` yields several addresses, they are tried in order. This sends nothing: the peer need not exist.
    ///
    /// # Errors
    ///
    /// That of the last address tried: [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable), `EAFNOSUPPORT` for
    /// an address of the other family, [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a broadcast address
    /// without [`set_broadcast`](UdpSocket::set_broadcast); others by
    /// [`connect(2)`](https://man7.org/linux/man-pages/man2/connect.2.html), with their errno.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no address to try.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the connection is unchanged.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.connect(server.local_addr()?).await?;
    /// client.send(b"ping").await?;
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(async move {
            let mut last = None;
            for address in addr::resolve(&addr).await? {
                match self.registration.get_ref().connect(&address) {
                    Ok(_) => return Ok(()),
                    Err(error) => last = Some(error),
                }
            }
            Err(addr::all_failed(last))
        })
    }

    /// Returns the local address.
    ///
    /// # Errors
    ///
    /// Those of [`getsockname(2)`](https://man7.org/linux/man-pages/man2/getsockname.2.html); none in practice.
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.registration.get_ref().local_addr()
    }

    /// Returns the address that the socket is connected to.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected).
    #[inline]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.registration.get_ref().peer_addr()
    }
}

#[inline]
fn bound_to(address: &SocketAddr) -> io::Result<UdpSocket> {
    let fd = Backend::current().socket(Domain::of(address), Type::Datagram)?;
    fd.bind(address)?;
    UdpSocket::new(fd)
}
