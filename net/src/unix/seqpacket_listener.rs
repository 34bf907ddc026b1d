//! [`UnixSeqpacketListener`]: a socket that listens for message connections.

use super::SocketAddr;
use super::seqpacket::UnixSeqpacket;
use crate::socket;
use egret_runtime::io::{Direction, Registration, Site, Start};
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::task::{Context, Poll, ready};

/// A Unix socket that listens for message connections.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{UnixSeqpacket, UnixSeqpacketListener};
///
/// # let name = format!("\0egret-doc-seqpacket-listener-{}", std::process::id());
/// let listener = UnixSeqpacketListener::bind(&name)?;
/// let client = UnixSeqpacket::connect(&name).await?;
/// let (server, _) = listener.accept().await?;
/// client.send(b"one").await?;
/// client.send(b"two").await?;
/// assert_eq!(server.recv(&mut [0; 16]).await?, 3);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html).
pub struct UnixSeqpacketListener {
    registration: Registration<Fd>,
}

impl UnixSeqpacketListener {
    /// Listens at a path, or, if `path` starts with a zero byte, on the abstract name after it.
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
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixSeqpacketListener> {
        UnixSeqpacketListener::bind_addr(&SocketAddr::from_path_or_name(path.as_ref())?)
    }

    /// [`bind`](UnixSeqpacketListener::bind) to an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](UnixSeqpacketListener::bind).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixSeqpacketListener> {
        let fd = Backend::current().socket(Domain::Unix, Type::SeqPacket)?;
        fd.bind_unix(addr.raw())?;
        fd.listen(crate::UnixListener::DEFAULT_BACKLOG)?;
        socket::register(fd, Start::Unknown).map(|registration| UnixSeqpacketListener { registration })
    }

    /// Waits for a connection and accepts it, with the address of the peer.
    ///
    /// # Errors
    ///
    /// As [`UnixListener::accept`](crate::UnixListener::accept), including the advice for a lack of descriptors.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no connection is lost.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn accept(&self) -> impl Future<Output = io::Result<(UnixSeqpacket, SocketAddr)>> {
        Site::caller().within(async move {
            let (fd, peer) = self.registration.io(Direction::Read, Fd::accept_unix).await?;
            Ok((UnixSeqpacket::new(fd)?, peer.into()))
        })
    }

    /// [`accept`](UnixSeqpacketListener::accept) as a poll function. Wakes each task of this runtime that polls it;
    /// of other wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`accept`](UnixSeqpacketListener::accept).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixSeqpacket, SocketAddr)>> {
        let (fd, peer) = ready!(self.registration.poll_io(cx, Direction::Read, Fd::accept_unix))?;
        Poll::Ready(UnixSeqpacket::new(fd).map(|socket| (socket, peer.into())))
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
}

impl From<UnixSeqpacketListener> for OwnedFd {
    /// Takes the listener out of the runtime; it stays non-blocking.
    #[inline]
    fn from(listener: UnixSeqpacketListener) -> OwnedFd {
        listener.registration.into_inner().into()
    }
}

impl AsFd for UnixSeqpacketListener {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registration.get_ref().as_fd()
    }
}

impl AsRawFd for UnixSeqpacketListener {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.registration.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for UnixSeqpacketListener {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        socket::debug(f, "UnixSeqpacketListener", self.registration.get_ref(), self.local_addr(), None)
    }
}
