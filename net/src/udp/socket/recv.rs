//! Receiving on a [`UdpSocket`].

use super::UdpSocket;
use egret_runtime::io::{Direction, Interest, Ready};
use egret_runtime::sys::Fd;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// # Receiving
///
/// All of it is by [`recv(2)`](https://man7.org/linux/man-pages/man2/recv.2.html) and related calls. A datagram may
/// be empty: `Ok(0)` is one, and not an end.
impl UdpSocket {
    /// Receives a datagram and returns how many of its bytes are in `buf`; waits for one.
    ///
    /// # Errors
    ///
    /// On a connected socket a network error about an earlier datagram, such as
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no datagram was taken.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.send_to(b"too long", server.local_addr()?).await?;
    /// let mut buf = [0; 3];
    /// assert_eq!(server.recv(&mut buf).await?, 3);
    /// assert_eq!(&buf, b"too");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn recv(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.registration.io(Direction::Read, move |fd| fd.recv(buf))
    }

    /// [`recv`](UdpSocket::recv) as a poll function. Wakes each task of this runtime that polls it; of other wakers,
    /// such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_io(cx, Direction::Read, |fd| fd.recv(buf))
    }

    /// Receives a datagram without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when none is queued, or no event has reported it yet; then wait for
    /// [`readable`](UdpSocket::readable). Else as [`recv`](UdpSocket::recv).
    #[inline]
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.registration.try_io(Direction::Read, |fd| fd.recv(buf))
    }

    /// [`recv`](UdpSocket::recv) with the address of the sender.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no datagram was taken.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// # let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// # let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// # client.connect(server.local_addr()?).await?;
    /// client.send(b"ping").await?;
    /// let mut buf = [0; 16];
    /// assert_eq!(server.recv_from(&mut buf).await?, (4, client.local_addr()?));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn recv_from(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        self.registration.io(Direction::Read, move |fd| fd.recv_from(buf))
    }

    /// [`recv_from`](UdpSocket::recv_from) as a poll function. Wakes each task of this runtime that polls it; of
    /// other wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// # let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// # let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// # client.connect(server.local_addr()?).await?;
    /// use std::future::poll_fn;
    ///
    /// client.send(b"ping").await?;
    /// let mut buf = [0; 16];
    /// let (n, from) = poll_fn(|cx| server.poll_recv_from(cx, &mut buf)).await?;
    /// assert_eq!((n, from), (4, client.local_addr()?));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.registration.poll_io(cx, Direction::Read, |fd| fd.recv_from(buf))
    }

    /// [`try_recv`](UdpSocket::try_recv) with the address of the sender.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](UdpSocket::try_recv).
    #[inline]
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.registration.try_io(Direction::Read, |fd| fd.recv_from(buf))
    }

    /// [`recv`](UdpSocket::recv) without removing the datagram.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv); an error is removed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.send_to(b"ping", server.local_addr()?).await?;
    /// assert_eq!(server.peek(&mut [0; 16]).await?, 4);
    /// assert_eq!(server.peek_from(&mut [0; 16]).await?, (4, client.local_addr()?));
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.registration.io(Direction::Read, move |fd| fd.peek(buf))
    }

    /// [`peek`](UdpSocket::peek) as a poll function. Wakes each task of this runtime that polls it; of other wakers,
    /// such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_io(cx, Direction::Read, |fd| fd.peek(buf))
    }

    /// [`try_recv`](UdpSocket::try_recv) without removing the datagram.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](UdpSocket::try_recv).
    #[inline]
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.registration.try_io(Direction::Read, |fd| fd.peek(buf))
    }

    /// [`peek`](UdpSocket::peek) with the address of the sender.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn peek_from(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        self.registration.io(Direction::Read, move |fd| fd.peek_from(buf))
    }

    /// [`peek_from`](UdpSocket::peek_from) as a poll function. Wakes each task of this runtime that polls it; of
    /// other wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.registration.poll_io(cx, Direction::Read, |fd| fd.peek_from(buf))
    }

    /// [`try_peek`](UdpSocket::try_peek) with the address of the sender.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](UdpSocket::try_recv).
    #[inline]
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.registration.try_io(Direction::Read, |fd| fd.peek_from(buf))
    }

    /// Returns the sender of the next datagram, which stays in the queue; waits for one.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv); an error is removed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.send_to(b"ping", server.local_addr()?).await?;
    /// assert_eq!(server.peek_sender().await?, client.local_addr()?);
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn peek_sender(&self) -> impl Future<Output = io::Result<SocketAddr>> {
        self.registration.io(Direction::Read, sender)
    }

    /// [`peek_sender`](UdpSocket::peek_sender) as a poll function. Wakes each task of this runtime that polls it; of
    /// other wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`peek_sender`](UdpSocket::peek_sender).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.registration.poll_io(cx, Direction::Read, sender)
    }

    /// [`peek_sender`](UdpSocket::peek_sender) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](UdpSocket::try_recv).
    #[inline]
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.registration.try_io(Direction::Read, sender)
    }

    /// Waits until the kernel has reported the socket as readable: a [`try_recv`](UdpSocket::try_recv) would find a
    /// datagram, or an error. The report may be false; then wait again. Any number of tasks may wait.
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
    /// use std::io::ErrorKind;
    ///
    /// client.send(b"ping").await?;
    /// let n = loop {
    ///     server.readable().await?;
    ///     match server.try_recv(&mut [0; 16]) {
    ///         Err(e) if e.kind() == ErrorKind::WouldBlock => continue,
    ///         result => break result?,
    ///     }
    /// };
    /// assert_eq!(n, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration.ready(Direction::Read)
    }

    /// [`readable`](UdpSocket::readable) as a poll function. Wakes each task of this runtime that polls it; of other
    /// wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, Direction::Read)
    }

    /// Waits until the kernel has reported one of `interest`, and returns those of it that are reported.
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
    /// use egret_net::UdpSocket;
    /// use egret_runtime::io::Interest;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// let ready = socket.ready(Interest::READABLE | Interest::WRITABLE).await?;
    /// assert!(ready.is_writable() && !ready.is_readable());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        self.registration.ready_for(interest)
    }
}

/// Returns the sender of the next datagram. No room for its bytes is needed.
#[inline]
fn sender(fd: &Fd) -> io::Result<SocketAddr> {
    fd.peek_from(&mut []).map(|(_, from)| from)
}
