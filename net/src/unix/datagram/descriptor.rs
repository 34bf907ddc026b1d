//! A [`UnixDatagram`] as a descriptor: from std, to std.

use super::UnixDatagram;
use crate::socket;
use egret_runtime::io::Interest;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net;

impl UnixDatagram {
    /// Takes over a socket of the standard library and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl(2)`; the socket is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let (ours, theirs) = std::os::unix::net::UnixDatagram::pair()?;
    /// let ours = egret_net::UnixDatagram::from_std(ours)?;
    /// theirs.send(b"hello")?;
    /// assert_eq!(ours.recv(&mut [0; 16]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn from_std(datagram: net::UnixDatagram) -> io::Result<UnixDatagram> {
        socket::take_over(datagram.into()).map(|registration| UnixDatagram { registration })
    }

    /// Takes the socket out of the runtime, to be moved to another thread or loop. It stays non-blocking.
    ///
    /// # Errors
    ///
    /// None today.
    #[inline]
    pub fn into_std(self) -> io::Result<net::UnixDatagram> {
        Ok(OwnedFd::from(self.registration.into_inner()).into())
    }

    /// Tries a custom operation on the descriptor, once, unless the socket is known not to be ready.
    ///
    /// `f` makes one non-blocking system call on this socket's descriptor and returns
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if, and only if, the call did: the reactor clears readiness by it.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a call of `f` when the socket is known not to be ready; the
    /// errors of `f`.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::UnixDatagram;
    /// use egret_runtime::io::Interest;
    /// use std::os::fd::AsFd;
    ///
    /// let (ours, theirs) = UnixDatagram::pair()?;
    /// let duplicate = std::os::unix::net::UnixDatagram::from(ours.as_fd().try_clone_to_owned()?);
    /// assert_eq!(ours.try_io(Interest::WRITABLE, || duplicate.send(b"ping"))?, 4);
    /// assert_eq!(theirs.recv(&mut [0; 16]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.registration.try_io_for(interest, |_| f())
    }

    /// Repeats a custom operation on the descriptor until it does not block, waiting for readiness in between. See
    /// [`try_io`](UnixDatagram::try_io) for the contract of `f`.
    ///
    /// # Errors
    ///
    /// Those of `f`, except [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, only calls of `f` that would have blocked were made.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.registration.io_for(interest, move |_| f())
    }
}

impl TryFrom<net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    /// [`UnixDatagram::from_std`].
    #[track_caller]
    #[inline]
    fn try_from(datagram: net::UnixDatagram) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(datagram)
    }
}

impl AsFd for UnixDatagram {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registration.get_ref().as_fd()
    }
}

impl AsRawFd for UnixDatagram {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.registration.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for UnixDatagram {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (addr, peer) = (self.local_addr(), self.peer_addr());
        socket::debug(f, "UnixDatagram", self.registration.get_ref(), addr, Some(peer))
    }
}
