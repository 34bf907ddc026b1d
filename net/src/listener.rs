//! [`Listener`]: a listening socket, of TCP or of the Unix domain.
//!
//! Public as the aliases [`TcpListener`](crate::TcpListener) and [`UnixListener`](crate::UnixListener). Methods that
//! only one of them has are in `tcp/listener.rs` and `unix/listener.rs`.

use crate::family::Family;
use crate::socket;
use crate::stream::Stream;
use egret_runtime::io::{Direction, Registration, Site, Start};
use egret_runtime::sys::Fd;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A socket that listens for connections: [`TcpListener`](crate::TcpListener), [`UnixListener`](crate::UnixListener).
///
/// Methods of both; constructors and specific methods are on their pages.
pub struct Listener<F> {
    registration: Registration<Fd>,
    family: PhantomData<F>,
}

impl<F: Family> Listener<F> {
    /// The backlog of `bind`, capped by `net.core.somaxconn`.
    ///
    /// 4096 is the default of `somaxconn` since Linux 5.4, so this is what the host is configured for. A queued
    /// connection costs no descriptor. A TCP client that finds the queue full is delayed by the second before it
    /// resends its SYN, or more; a Unix client waits, or gets an error.
    pub const DEFAULT_BACKLOG: u32 = 4096;

    /// Registers a listening socket.
    #[track_caller]
    pub(crate) fn new(fd: Fd) -> io::Result<Listener<F>> {
        socket::register(fd, Start::Unknown).map(Listener::registered)
    }

    fn registered(registration: Registration<Fd>) -> Listener<F> {
        Listener { registration, family: PhantomData }
    }

    /// Returns the socket, for a call that does not wait.
    pub(crate) fn fd(&self) -> &Fd {
        self.registration.get_ref()
    }

    /// Waits for a connection and accepts it, with the address of the peer, which is unnamed for nearly all Unix
    /// clients.
    ///
    /// Any number of tasks may accept on one listener; a connection goes to one of them. Queued TCP connections that
    /// the peer gave up are skipped; a Unix connection whose peer is gone is returned like any other: its data can be
    /// read.
    ///
    /// # Errors
    ///
    /// When the process or the host has no descriptors or memory left (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`;
    /// compare [`raw_os_error`](io::Error::raw_os_error)): the connection stays queued and the next call retries at
    /// once, without a new event. So wait for a while, or close something, before the next call; otherwise the loop
    /// is busy. Others by [`accept(2)`](https://man7.org/linux/man-pages/man2/accept.2.html), among them
    /// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) after a long series of TCP connections that were given
    /// up; and those of `epoll_ctl(2)` for the connection itself, which is closed then.
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
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn accept(&self) -> impl Future<Output = io::Result<(Stream<F>, F::Addr)>> {
        Site::caller().within(async move {
            let (fd, peer) = self.registration.io(Direction::Read, F::accept).await?;
            Ok((Stream::new(fd, Start::Unknown)?, peer))
        })
    }

    /// [`accept`](Listener::accept) as a poll function: takes a connection, or arranges for `cx` to be woken when
    /// there may be one. Wakes each task of this runtime that polls it; of other wakers, such as those of
    /// `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`accept`](Listener::accept).
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
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream<F>, F::Addr)>> {
        let (fd, peer) = ready!(self.registration.poll_io(cx, Direction::Read, F::accept))?;
        Poll::Ready(Ok((Stream::new(fd, Start::Unknown)?, peer)))
    }

    /// Returns the next connection that is queued now, by a system call.
    pub(crate) fn accept_waiting(&self) -> io::Result<Option<(Stream<F>, F::Addr)>> {
        match F::accept(self.fd()) {
            Ok((fd, peer)) => Ok(Some((Stream::new(fd, Start::Unknown)?, peer))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for a connection and does not register it: for a core that hands it over to another.
    pub(crate) async fn accept_unregistered(&self) -> io::Result<(Fd, F::Addr)> {
        self.registration.io(Direction::Read, F::accept).await
    }

    /// Returns the listening socket, without its registration.
    pub(crate) fn into_fd(self) -> Fd {
        self.registration.into_inner()
    }

    /// Returns the connections as a [`Stream`](futures_core::Stream) that never ends.
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
    pub fn incoming(&self) -> Incoming<'_, F> {
        Incoming { listener: self }
    }

    /// Returns the local address.
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
    pub fn local_addr(&self) -> io::Result<F::Addr> {
        F::local_addr(self.fd())
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
    pub fn from_std(listener: F::StdListener) -> io::Result<Listener<F>> {
        socket::take_over(listener.into()).map(Listener::registered)
    }

    /// Takes the listener out of the runtime, to be moved to another thread or loop.
    ///
    /// It stays non-blocking; call its [`set_nonblocking(false)`](std::net::TcpListener::set_nonblocking) to make
    /// `accept` block.
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
    pub fn into_std(self) -> io::Result<F::StdListener> {
        Ok(OwnedFd::from(self.registration.into_inner()).into())
    }
}

impl<F: Family> AsFd for Listener<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd().as_fd()
    }
}

impl<F: Family> AsRawFd for Listener<F> {
    fn as_raw_fd(&self) -> RawFd {
        self.fd().as_raw_fd()
    }
}

impl<F: Family> fmt::Debug for Listener<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        socket::debug(f, F::LISTENER, self.fd(), self.local_addr(), None)
    }
}

/// The connections of a [`Listener`], without the peers' addresses, as a [`Stream`](futures_core::Stream) that never
/// ends. Made by [`Listener::incoming`].
///
/// An item is an error where [`Listener::accept`] would return one, and the stream goes on after it.
/// Dropping the stream loses no connection.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Incoming<'a, F: Family> {
    listener: &'a Listener<F>,
}

impl<F: Family> futures_core::Stream for Incoming<'_, F> {
    type Item = io::Result<Stream<F>>;

    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}
