//! Receiving datagrams with what the kernel knows of them.

use super::UdpSocket;
use crate::udp::Message;
use egret_runtime::io::{Direction, Site};
use std::io;
use std::task::{Context, Poll};

/// # With what the kernel knows
impl UdpSocket {
    /// Makes datagrams carry their destination, their interface and their type of service, for
    /// [`recv_message`](UdpSocket::recv_message): `IP_PKTINFO`, `IP_RECVTOS`, `IPV6_RECVPKTINFO`, `IPV6_RECVTCLASS`.
    /// Datagrams that were queued before may be without.
    ///
    /// # Errors
    ///
    /// Those of [`setsockopt(2)`](https://man7.org/linux/man-pages/man2/setsockopt.2.html); none in practice.
    #[inline]
    pub fn set_recv_info(&self, on: bool) -> io::Result<()> {
        self.registration.get_ref().set_recv_info(on)
    }

    /// Receives a datagram and says whether it was cut, and, after [`set_recv_info`](UdpSocket::set_recv_info), how it
    /// came: for a server with several addresses that answers from the one that was asked, and for protocols that react
    /// to congestion marks.
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
    /// let server = UdpSocket::bind("0.0.0.0:0").await?;
    /// server.set_recv_info(true)?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.send_to(b"too long", ("127.0.0.1", server.local_addr()?.port())).await?;
    ///
    /// let mut buf = [0; 3];
    /// let message = server.recv_message(&mut buf).await?;
    /// assert_eq!((message.len, message.truncated), (3, true));
    /// assert_eq!(message.destination, Some("127.0.0.1".parse().unwrap()));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// By [`recvmsg(2)`](https://man7.org/linux/man-pages/man2/recvmsg.2.html).
    #[doc(alias = "recvmsg")]
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn recv_message(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<Message>> {
        Site::caller().within(async move {
            let info = self.registration.io(Direction::Read, |fd| fd.recv_info(buf)).await?;
            Ok(info.into())
        })
    }

    /// [`recv_message`](UdpSocket::recv_message) as a poll function. Wakes each task of this runtime that polls it; of
    /// other wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn poll_recv_message(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Message>> {
        self.registration.poll_io(cx, Direction::Read, |fd| fd.recv_info(buf)).map_ok(Message::from)
    }

    /// [`recv_message`](UdpSocket::recv_message) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](UdpSocket::try_recv).
    #[inline]
    pub fn try_recv_message(&self, buf: &mut [u8]) -> io::Result<Message> {
        self.registration.try_io(Direction::Read, |fd| fd.recv_info(buf)).map(Message::from)
    }
}
