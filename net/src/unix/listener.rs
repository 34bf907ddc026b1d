//! [`UnixListener`]: a socket that connections of the Unix domain come out of.

use super::SocketAddr;
use super::incoming::Incoming;
use super::stream::UnixStream;
use crate::tcp::Serve;
use egret_runtime::io::{Direction, Registration, Start};
use egret_runtime::shutdown::Shutdown;
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll, ready};

/// A Unix socket that listens for connections of streams.
///
/// The file that [`bind`](UnixListener::bind) makes outlives it: a server removes the one of its predecessor before
/// it binds, or has a directory of its own that it clears.
///
/// ```no_run
/// use egret_net::UnixListener;
///
/// # egret_runtime::block_on(async {
/// let listener = UnixListener::bind("/run/greeter.sock")?;
/// loop {
///     let (mut stream, _peer) = listener.accept().await?;
///     egret_runtime::spawn(async move { stream.write_all(b"hello\n").await });
/// }
/// # #[allow(unreachable_code)]
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html).
pub struct UnixListener {
    registration: Registration<Fd>,
}

impl UnixListener {
    /// How many connections [`bind`](UnixListener::bind) lets wait to be accepted, where `net.core.somaxconn` allows
    /// as many. A client that finds the queue full waits, or is told so.
    pub const DEFAULT_BACKLOG: u32 = 4096;

    /// Listens at a path, or, where `path` starts with a zero byte, on the abstract name behind that.
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when the file exists, a socket or not, or the name is taken; those of
    /// making a file, such as [`NotFound`](io::ErrorKind::NotFound) and
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied), by
    /// [`bind(2)`](https://man7.org/linux/man-pages/man2/bind.2.html), with their errno.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a path that cannot be one: see [`SocketAddr::from_pathname`].
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::UnixListener;
    ///
    /// # let name = format!("\0egret-doc-bind-{}", std::process::id());
    /// let _listener = UnixListener::bind(&name)?;
    /// let taken = UnixListener::bind(&name).unwrap_err();
    /// assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        UnixListener::bind_addr(&SocketAddr::from_path_or_name(path.as_ref())?)
    }

    /// [`bind`](UnixListener::bind) to an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](UnixListener::bind).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        let fd = Backend::current().socket(Domain::Unix, Type::Stream)?;
        fd.bind_unix(addr.raw())?;
        fd.listen(UnixListener::DEFAULT_BACKLOG)?;
        UnixListener::new(fd)
    }

    /// Registers a socket that listens.
    #[track_caller]
    #[inline]
    pub(super) fn new(fd: Fd) -> io::Result<UnixListener> {
        let registration = Registration::new(fd, Start::Unknown).map_err(|(_closed, error)| error)?;
        Ok(UnixListener { registration })
    }

    /// Waits for a connection and takes it, with the address of the peer, which is no name in nearly all cases.
    ///
    /// Any number of tasks may accept on one listener; a connection goes to one of them. A peer that is gone already
    /// is handed over like any other: what it wrote can be read.
    ///
    /// # Errors
    ///
    /// When the process or the host has no descriptors or memory left (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`;
    /// compare [`raw_os_error`](io::Error::raw_os_error)): the connection stays in the queue and the next call tries
    /// again at once, with no new event needed. So let some time pass, or close something, before the next call.
    /// Others by [`accept(2)`](https://man7.org/linux/man-pages/man2/accept.2.html), and those of `epoll_ctl(2)` for
    /// the connection itself, which is closed then.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no connection is lost.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{UnixListener, UnixStream};
    ///
    /// # let name = format!("\0egret-doc-accept-{}", std::process::id());
    /// let listener = UnixListener::bind(&name)?;
    /// let _client = UnixStream::connect(&name).await?;
    /// let (server, peer) = listener.accept().await?;
    /// assert!(peer.is_unnamed());
    /// assert_eq!(server.local_addr()?, listener.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (fd, peer) = self.registration.io(Direction::Read, Fd::accept_unix).await?;
        Ok((UnixStream::new(fd)?, peer.into()))
    }

    /// [`accept`](UnixListener::accept) as a poll function: takes a connection, or arranges for `cx` to be woken when
    /// there may be one. Every task of this runtime that polls is woken; of other wakers, such as those of
    /// `FuturesUnordered`, the last.
    ///
    /// # Errors
    ///
    /// As [`accept`](UnixListener::accept).
    #[inline]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let (fd, peer) = ready!(self.registration.poll_io(cx, Direction::Read, Fd::accept_unix))?;
        Poll::Ready(UnixStream::new(fd).map(|stream| (stream, peer.into())))
    }

    /// The next connection that is in the queue now, by asking the kernel.
    #[inline]
    pub(crate) fn accept_waiting(&self) -> io::Result<Option<(UnixStream, SocketAddr)>> {
        match self.registration.get_ref().accept_unix() {
            Ok((fd, peer)) => Ok(Some((UnixStream::new(fd)?, peer.into()))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The connections as a [`Stream`](futures_core::Stream) that never ends.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{UnixListener, UnixStream};
    /// use futures_core::Stream;
    /// use std::{future::poll_fn, pin::Pin};
    ///
    /// # let name = format!("\0egret-doc-incoming-{}", std::process::id());
    /// let listener = UnixListener::bind(&name)?;
    /// let _client = UnixStream::connect(&name).await?;
    /// let mut incoming = listener.incoming();
    /// let _server = poll_fn(|cx| Pin::new(&mut incoming).poll_next(cx)).await.unwrap()?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming::new(self)
    }

    /// Accepts connections and spawns a task for each, until `shutdown` is requested: see [`Serve`].
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{UnixListener, UnixStream};
    /// use egret_runtime::shutdown::{Drained, Shutdown};
    ///
    /// # let name = format!("\0egret-doc-serve-{}", std::process::id());
    /// let shutdown = Shutdown::new();
    /// let serve = UnixListener::bind(&name)?.serve(&shutdown);
    /// let server = egret_runtime::spawn(serve.run(|mut stream, _peer| async move {
    ///     let _ = stream.write_all(b"hello").await;
    /// }));
    /// let mut client = UnixStream::connect(&name).await?;
    /// client.read_exact(&mut [0; 5]).await?;
    /// assert_eq!(shutdown.drain(std::time::Duration::from_secs(10)).await, Drained::Clean);
    /// server.await.unwrap()
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn serve(self, shutdown: &Shutdown) -> Serve<UnixListener> {
        Serve::new(self, shutdown)
    }

    /// The address that is listened on.
    ///
    /// # Errors
    ///
    /// Those of [`getsockname(2)`](https://man7.org/linux/man-pages/man2/getsockname.2.html); none in practice.
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.registration.get_ref().local_addr_unix()?.into())
    }

    /// Takes the error that the socket has kept, `SO_ERROR`.
    ///
    /// # Errors
    ///
    /// Those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html); none in practice.
    #[inline]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.registration.get_ref().take_error()
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
    #[track_caller]
    #[inline]
    pub fn from_std(listener: net::UnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        UnixListener::new(OwnedFd::from(listener).into())
    }

    /// Takes the listener out of the runtime, to be moved to another thread or loop. It stays non-blocking.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UnixListener;
    /// # let name = format!("\0egret-doc-into_std-{}", std::process::id());
    /// let listener = UnixListener::bind(&name)?.into_std()?;
    /// assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// let _listener = UnixListener::from_std(listener)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn into_std(self) -> io::Result<net::UnixListener> {
        Ok(OwnedFd::from(self.registration.into_inner()).into())
    }
}

impl TryFrom<net::UnixListener> for UnixListener {
    type Error = io::Error;

    /// [`UnixListener::from_std`].
    #[track_caller]
    #[inline]
    fn try_from(listener: net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_std(listener)
    }
}

impl AsFd for UnixListener {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registration.get_ref().as_fd()
    }
}

impl AsRawFd for UnixListener {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.registration.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for UnixListener {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("UnixListener");
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        debug.field("fd", &self.as_raw_fd()).finish()
    }
}
