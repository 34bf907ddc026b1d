//! Sending on a [`UdpSocket`].

use super::UdpSocket;
use crate::addr::{self, ToSocketAddrs};
use egret_runtime::io::{Direction, Site};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// # Sending
///
/// All of it is by [`send(2)`](https://man7.org/linux/man-pages/man2/send.2.html) and related calls. A sent datagram
/// may not arrive.
impl UdpSocket {
    /// Sends a datagram to the [connected](UdpSocket::connect) peer and returns its length; waits until there is
    /// room.
    ///
    /// # Errors
    ///
    /// `EDESTADDRREQ` when it is not connected; `EMSGSIZE` for more than 65507 bytes (65527 of IPv6);
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) and other network errors about an earlier datagram;
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) from a firewall; others by
    /// [`send(2)`](https://man7.org/linux/man-pages/man2/send.2.html), with their errno.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing was sent.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// # let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// # let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// # client.connect(server.local_addr()?).await?;
    /// assert_eq!(client.send(b"ping").await?, 4);
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.registration.io(Direction::Write, move |fd| fd.send(buf))
    }

    /// [`send`](UdpSocket::send) as a poll function. Wakes each task of this runtime that polls it; of other wakers,
    /// such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_io(cx, Direction::Write, |fd| fd.send(buf))
    }

    /// Sends a datagram without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is no room, or no event has reported it yet; then wait
    /// for [`writable`](UdpSocket::writable). Else as [`send`](UdpSocket::send).
    #[inline]
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.registration.try_io(Direction::Write, |fd| fd.send(buf))
    }

    /// Sends a datagram to an address and returns its length; waits until there is room.
    ///
    /// If `target` yields several addresses, the first is used. A name is looked up on another thread, each time; see
    /// [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send); [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no address,
    /// [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable), `EAFNOSUPPORT` for one of the other family, and
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a broadcast without
    /// [`set_broadcast`](UdpSocket::set_broadcast).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing was sent.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// # let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// # let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// # client.connect(server.local_addr()?).await?;
    /// client.send_to(b"ping", server.local_addr()?).await?;
    /// client.send_to(b"ping", ("127.0.0.1", server.local_addr()?.port())).await?;
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send_to<A: ToSocketAddrs>(
        &self,
        buf: &[u8],
        target: A,
    ) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            match addr::resolve_uncharged(&target).await?.next() {
                Some(target) => self.registration.io(Direction::Write, |fd| fd.send_to(buf, &target)).await,
                None => Err(addr::all_failed(None)),
            }
        })
    }

    /// [`send_to`](UdpSocket::send_to) as a poll function, for an address. Wakes each task of this runtime that polls
    /// it; of other wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`send_to`](UdpSocket::send_to).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// # let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// # let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// # client.connect(server.local_addr()?).await?;
    /// use std::future::poll_fn;
    ///
    /// let to = server.local_addr()?;
    /// assert_eq!(poll_fn(|cx| client.poll_send_to(cx, b"ping", to)).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.registration.poll_io(cx, Direction::Write, |fd| fd.send_to(buf, &target))
    }

    /// [`try_send`](UdpSocket::try_send) to an address.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock); else as [`send_to`](UdpSocket::send_to).
    #[inline]
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.registration.try_io(Direction::Write, |fd| fd.send_to(buf, &target))
    }

    /// Waits until the kernel has reported the socket as writable: a [`try_send`](UdpSocket::try_send) would find
    /// room, or an error. The report may be false; then wait again. Any number of tasks may wait.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// # let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// # let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// # client.connect(server.local_addr()?).await?;
    /// client.writable().await?;
    /// assert_eq!(client.try_send(b"ping")?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration.ready(Direction::Write)
    }

    /// [`writable`](UdpSocket::writable) as a poll function. Wakes each task of this runtime that polls it; of other
    /// wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, Direction::Write)
    }
}
