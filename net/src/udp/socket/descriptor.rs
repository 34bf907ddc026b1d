//! A [`UdpSocket`] as a descriptor: from std, to std, and custom operations.

use super::UdpSocket;
use crate::socket;
use egret_runtime::io::Interest;
use std::fmt;
use std::io;
use std::net;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

impl UdpSocket {
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
    /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = egret_net::UdpSocket::from_std(socket)?;
    /// socket.send_to(b"to myself", socket.local_addr()?).await?;
    /// assert_eq!(socket.recv(&mut [0; 16]).await?, 9);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket::take_over(socket.into()).map(UdpSocket::registered)
    }

    /// Takes the socket out of the runtime, to be moved to another thread or loop. It stays non-blocking; call
    /// [`set_nonblocking(false)`](net::UdpSocket::set_nonblocking) on it to make its operations block.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?.into_std()?;
    /// assert_eq!(socket.recv(&mut [0; 16]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn into_std(self) -> io::Result<net::UdpSocket> {
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
    /// # use egret_net::UdpSocket;
    /// # let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// # let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// # client.connect(server.local_addr()?).await?;
    /// use egret_runtime::io::Interest;
    /// use std::os::fd::AsFd;
    ///
    /// let duplicate = std::net::UdpSocket::from(client.as_fd().try_clone_to_owned()?);
    /// assert_eq!(client.try_io(Interest::WRITABLE, || duplicate.send(b"ping"))?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.registration.try_io_for(interest, |_| f())
    }

    /// Repeats a custom operation on the descriptor until it does not block, waiting for readiness in between. See
    /// [`try_io`](UdpSocket::try_io) for the contract of `f`.
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

impl TryFrom<net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    /// [`UdpSocket::from_std`].
    #[track_caller]
    #[inline]
    fn try_from(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::from_std(socket)
    }
}

impl AsFd for UdpSocket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registration.get_ref().as_fd()
    }
}

impl AsRawFd for UdpSocket {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.registration.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for UdpSocket {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        socket::debug(f, "UdpSocket", self.registration.get_ref(), self.local_addr(), Some(self.peer_addr()))
    }
}
