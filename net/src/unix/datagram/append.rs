//! Receiving to the end of a buffer that grows.

use super::UnixDatagram;
use crate::unix::SocketAddr;
use egret_runtime::io::{Append, Direction, Site};
use egret_runtime::sys::{Fd, lend_append};
use std::io;

/// # Appending
///
/// The room of a buffer is what it has when the datagram is taken: for a `Vec` its spare capacity, or 64 bytes if there
/// is none. The rest of a longer datagram is lost, so [`reserve`](Vec::reserve) first.
impl UnixDatagram {
    /// Receives a datagram, appends it to `buf`, and returns how many of its bytes there was room for; waits for one.
    ///
    /// # Errors
    ///
    /// As [`recv`](UnixDatagram::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no datagram was taken.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let (client, server) = egret_net::UnixDatagram::pair()?;
    /// client.send(b"ping").await?;
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

    /// [`recv_buf`](UnixDatagram::recv_buf) with the address of the sender.
    ///
    /// # Errors
    ///
    /// As [`recv`](UnixDatagram::recv).
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
        Site::caller().within(async move {
            let receive = |fd: &Fd| lend_append(buf, |room| fd.recv_from_unix_uninit(room));
            let (n, from) = self.registration.io(Direction::Read, receive).await?;
            Ok((n, from.into()))
        })
    }

    /// [`recv_buf`](UnixDatagram::recv_buf) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](UnixDatagram::try_recv).
    #[inline]
    pub fn try_recv_buf<B: Append + ?Sized>(&self, buf: &mut B) -> io::Result<usize> {
        self.registration.try_io(Direction::Read, |fd| lend_append(buf, |room| fd.recv_uninit(room)))
    }

    /// [`recv_buf_from`](UnixDatagram::recv_buf_from) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](UnixDatagram::try_recv).
    #[inline]
    pub fn try_recv_buf_from<B: Append + ?Sized>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        let receive = |fd: &Fd| lend_append(buf, |room| fd.recv_from_unix_uninit(room));
        let (n, from) = self.registration.try_io(Direction::Read, receive)?;
        Ok((n, from.into()))
    }
}
