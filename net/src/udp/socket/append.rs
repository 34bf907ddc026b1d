//! Receiving to the end of a buffer that grows.

use super::UdpSocket;
use egret_runtime::io::{Append, Direction};
use egret_runtime::sys::lend_append;
use std::io;
use std::net::SocketAddr;
/// # Appending
///
/// The room of a buffer is what it has when the datagram is taken: for a `Vec` its spare capacity, or 64 bytes if there
/// is none. The rest of a longer datagram is lost, so [`reserve`](Vec::reserve) first.
impl UdpSocket {
    /// Receives a datagram, appends it to `buf`, and returns how many of its bytes there was room for; waits for one.
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
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.send_to(b"ping", server.local_addr()?).await?;
    /// let mut buf = Vec::with_capacity(1500);
    /// assert_eq!(server.recv_buf(&mut buf).await?, 4);
    /// assert_eq!(buf, b"ping");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn recv_buf<B: Append + ?Sized>(&self, buf: &mut B) -> impl Future<Output = io::Result<usize>> {
        self.registration.io(Direction::Read, move |fd| lend_append(buf, |room| fd.recv_uninit(room)))
    }

    /// [`recv_buf`](UdpSocket::recv_buf) with the address of the sender.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no datagram was taken.
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn recv_buf_from<B: Append + ?Sized>(
        &self,
        buf: &mut B,
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        self.registration.io(Direction::Read, move |fd| lend_append(buf, |room| fd.recv_from_uninit(room)))
    }

    /// [`recv_buf`](UdpSocket::recv_buf) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](UdpSocket::try_recv).
    #[inline]
    pub fn try_recv_buf<B: Append + ?Sized>(&self, buf: &mut B) -> io::Result<usize> {
        self.registration.try_io(Direction::Read, |fd| lend_append(buf, |room| fd.recv_uninit(room)))
    }

    /// [`recv_buf_from`](UdpSocket::recv_buf_from) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](UdpSocket::try_recv).
    #[inline]
    pub fn try_recv_buf_from<B: Append + ?Sized>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        self.registration.try_io(Direction::Read, |fd| lend_append(buf, |room| fd.recv_from_uninit(room)))
    }
}
