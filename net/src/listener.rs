//! [`TcpListener`]: a socket that connections come out of.

mod incoming;

pub use incoming::Incoming;

use crate::addr::{self, ToSocketAddrs};
use crate::stream::TcpStream;
use egret_runtime::io::{Direction, Registration, Start};
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll, ready};

/// A TCP socket that listens for connections.
///
/// ```no_run
/// use egret_net::TcpListener;
///
/// # egret_runtime::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// loop {
///     let (mut stream, peer) = listener.accept().await?;
///     egret_runtime::spawn(async move {
///         let greeting = format!("hello, {peer}\n");
///         stream.write_all(greeting.as_bytes()).await
///     });
/// }
/// # #[allow(unreachable_code)]
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`listen(2)`](https://man7.org/linux/man-pages/man2/listen.2.html) and
/// [`tcp(7)`](https://man7.org/linux/man-pages/man7/tcp.7.html).
pub struct TcpListener {
    registration: Registration<Fd>,
}

impl TcpListener {
    /// How many connections [`bind`](TcpListener::bind) lets wait to be accepted, where
    /// `net.core.somaxconn` allows as many.
    ///
    /// 4096 is the default of `somaxconn` since Linux 5.4, so this is what the host was set up for. A waiting
    /// connection costs no descriptor, and a client that finds the queue full is held up by at least the
    /// second that it takes to send its SYN again.
    pub const DEFAULT_BACKLOG: u32 = 4096;

    /// Listens on an address; port 0 asks for any free one, which [`local_addr`](TcpListener::local_addr)
    /// tells.
    ///
    /// Where `addr` stands for several addresses, they are tried in order until one can be bound.
    /// `SO_REUSEADDR` is set, so that a server can be started again while connections of its predecessor are
    /// in TIME-WAIT; on Linux it does not let two sockets listen on one address. Other options are set by way
    /// of [`TcpSocket`](crate::TcpSocket).
    ///
    /// A name is looked up on another thread; see [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// That of the last address tried: [`AddrInUse`](io::ErrorKind::AddrInUse),
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) for an address that is not this host's,
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a port below 1024 without the privilege;
    /// others by [`bind(2)`](https://man7.org/linux/man-pages/man2/bind.2.html), with their errno.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no address to try.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing listens.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::TcpListener;
    /// use std::io::ErrorKind;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let taken = TcpListener::bind(listener.local_addr()?).await;
    /// assert_eq!(taken.unwrap_err().kind(), ErrorKind::AddrInUse);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        let mut last = None;
        for address in addr::resolve(&addr).await? {
            match listen_on(&address) {
                Ok(listener) => return Ok(listener),
                Err(error) => last = Some(error),
            }
        }
        Err(addr::all_failed(last))
    }

    /// Registers a socket that listens.
    #[track_caller]
    pub(crate) fn new(fd: Fd) -> io::Result<TcpListener> {
        let registration = Registration::new(fd, Start::Unknown).map_err(|(_closed, error)| error)?;
        Ok(TcpListener { registration })
    }

    /// Waits for a connection and takes it, with the address of the peer.
    ///
    /// Any number of tasks may accept on one listener; a connection goes to one of them. Connections that the
    /// peer gave up while they waited are stepped over.
    ///
    /// # Errors
    ///
    /// When the process or the host has no descriptors or memory left (`EMFILE`, `ENFILE`, `ENOBUFS`,
    /// `ENOMEM`; compare [`raw_os_error`](io::Error::raw_os_error)): the connection stays in the queue and
    /// the next call tries again at once, with no new event needed. So let some time pass, or close
    /// something, before the next call; a loop that does not is a busy one. Others by
    /// [`accept(2)`](https://man7.org/linux/man-pages/man2/accept.2.html), among them
    /// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) after a long row of connections that were
    /// given up; and those of `epoll_ctl(2)` for the connection itself, which is closed then.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no connection is lost.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (server, peer) = listener.accept().await?;
    /// assert_eq!(peer, client.local_addr()?);
    /// assert_eq!(peer, server.peer_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (fd, peer) = self.registration.io(Direction::Read, Fd::accept).await?;
        Ok((TcpStream::new(fd, Start::Unknown)?, peer))
    }

    /// [`accept`](TcpListener::accept) as a poll function: takes a connection, or arranges for `cx` to be woken
    /// when there may be one. Every task of this runtime that polls is woken; of other wakers, such as those of
    /// `FuturesUnordered`, the last.
    ///
    /// # Errors
    ///
    /// As [`accept`](TcpListener::accept).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    /// use std::future::poll_fn;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let _client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (_server, _peer) = poll_fn(|cx| listener.poll_accept(cx)).await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (fd, peer) = ready!(self.registration.poll_io(cx, Direction::Read, Fd::accept))?;
        Poll::Ready(Ok((TcpStream::new(fd, Start::Unknown)?, peer)))
    }

    /// The next connection that waits now: asks the kernel, whatever is believed of it.
    pub(crate) fn accept_waiting(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        match self.registration.get_ref().accept() {
            Ok((fd, peer)) => Ok(Some((TcpStream::new(fd, Start::Unknown)?, peer))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The connections as a [`Stream`](futures_core::Stream) that never ends.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    /// use futures_core::Stream;
    /// use std::{future::poll_fn, pin::Pin};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let mut incoming = listener.incoming();
    /// let server = poll_fn(|cx| Pin::new(&mut incoming).poll_next(cx)).await.unwrap()?;
    /// assert_eq!(server.peer_addr()?, client.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming::new(self)
    }

    /// The address that is listened on.
    ///
    /// # Errors
    ///
    /// Those of [`getsockname(2)`](https://man7.org/linux/man-pages/man2/getsockname.2.html); none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let listener = egret_net::TcpListener::bind("127.0.0.1:0").await?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.registration.get_ref().local_addr()
    }

    /// The time to live of IPv4 packets that are sent, in hops, `IP_TTL`. IPv6 has a limit of its own, which
    /// this is not.
    ///
    /// # Errors
    ///
    /// Those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html); none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let listener = egret_net::TcpListener::bind("127.0.0.1:0").await?;
    /// listener.set_ttl(33)?;
    /// assert_eq!(listener.ttl()?, 33);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn ttl(&self) -> io::Result<u32> {
        self.registration.get_ref().ttl()
    }

    /// Sets the time to live of IPv4 packets, in hops, for this socket and the connections accepted from now
    /// on.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) outside of 1 to 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.registration.get_ref().set_ttl(ttl)
    }

    /// Takes over a listener of the standard library and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl(2)`; the listener is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let listener = egret_net::TcpListener::from_std(listener)?;
    /// let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let (_server, _peer) = listener.accept().await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        TcpListener::new(OwnedFd::from(listener).into())
    }

    /// Takes the listener out of the runtime, to be moved to another thread or loop.
    ///
    /// It stays non-blocking; call
    /// [`set_nonblocking(false)`](std::net::TcpListener::set_nonblocking) on it to have `accept` wait.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let listener = egret_net::TcpListener::bind("127.0.0.1:0").await?;
    /// let listener = listener.into_std()?;
    /// assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(OwnedFd::from(self.registration.into_inner()).into())
    }
}

fn listen_on(address: &SocketAddr) -> io::Result<TcpListener> {
    let fd = Backend::current().socket(Domain::of(address), Type::Stream)?;
    fd.set_reuseaddr(true)?;
    fd.bind(address)?;
    fd.listen(TcpListener::DEFAULT_BACKLOG)?;
    TcpListener::new(fd)
}

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// [`TcpListener::from_std`].
    #[track_caller]
    fn try_from(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registration.get_ref().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.registration.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TcpListener");
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        debug.field("fd", &self.as_raw_fd()).finish()
    }
}
