//! Datagrams through a socket, with addresses: `recvfrom` and `sendto`.
//!
//! `recv`, `send` and `peek` of a connected socket are in `transfer.rs`, control messages in `ancillary.rs`, batches
//! in `batch.rs`. A datagram longer than the buffer is truncated: the rest is lost.

use super::address::RawAddress;
use super::unix_address::{RawUnix, UnixAddress};
use super::{Fd, ReadBuf, check_len, uninterrupted};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

impl Fd {
    /// Receives a datagram and the address of its sender, by [`recvfrom(2)`]. Returns how many of its bytes are in
    /// `buf`.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when none is queued; a pending error of the network about an earlier send, such as `ECONNREFUSED`,
    /// which the call consumes; `ENOMEM`.
    ///
    /// [`recvfrom(2)`]: https://man7.org/linux/man-pages/man2/recv.2.html
    #[inline]
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.recv_from_raw(buf, 0)?;
        Ok((len, from.to_std()?))
    }

    /// [`recv_from`](Fd::recv_from) into memory that need not be zeroed.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Fd::recv_from).
    #[inline]
    pub fn recv_from_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.recv_from_uninit_raw(buf)?;
        Ok((len, from.to_std()?))
    }

    /// [`recv_from`](Fd::recv_from) that leaves the datagram in the queue, by `MSG_PEEK`.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Fd::recv_from).
    #[inline]
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.recv_from_raw(buf, libc::MSG_PEEK)?;
        Ok((len, from.to_std()?))
    }

    /// [`recv_from`](Fd::recv_from) of a Unix socket. The sender has no name when it did not bind its socket.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when none is queued, `ENOMEM`.
    #[inline]
    pub fn recv_from_unix(&self, buf: &mut [u8]) -> io::Result<(usize, UnixAddress)> {
        let (len, from) = self.recv_from_raw(buf, 0)?;
        Ok((len, UnixAddress::from_raw(&from)?))
    }

    /// [`recv_from_unix`](Fd::recv_from_unix) into memory that need not be zeroed.
    ///
    /// # Errors
    ///
    /// As [`recv_from_unix`](Fd::recv_from_unix).
    #[inline]
    pub fn recv_from_unix_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<(usize, UnixAddress)> {
        let (len, from) = self.recv_from_uninit_raw(buf)?;
        Ok((len, UnixAddress::from_raw(&from)?))
    }

    /// Sends a datagram to `to`, by [`sendto(2)`].
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is no room, `EMSGSIZE` when it exceeds the longest datagram, `EACCES` for a broadcast that
    /// was not allowed, `ENETUNREACH`, `EHOSTUNREACH`, `EINVAL`, `EAFNOSUPPORT` for an address of the other domain; a
    /// pending error of the network about an earlier send, such as `ECONNREFUSED`; `ENOBUFS`, `ENOMEM`.
    ///
    /// [`sendto(2)`]: https://man7.org/linux/man-pages/man2/send.2.html
    #[inline]
    pub fn send_to(&self, buf: &[u8], to: &SocketAddr) -> io::Result<usize> {
        self.send_to_raw(buf, &RawAddress::from(to))
    }

    /// [`send_to`](Fd::send_to) of a Unix socket.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when the socket's own send buffer is full (an event reports room), or when the receiver's queue is
    /// full. In the latter case an event reports room only if the socket is connected to the receiver; if not, the
    /// call itself causes an edge, because the socket's own buffer has room again. `ECONNREFUSED` when the receiver
    /// is gone, `ENOENT`, `EMSGSIZE`, `EACCES`, `EPERM` when it is connected to another socket, `EPROTOTYPE` when it
    /// is of another type, `ENOBUFS`, `ENOMEM`.
    #[inline]
    pub fn send_to_unix(&self, buf: &[u8], to: &UnixAddress) -> io::Result<usize> {
        self.send_to_raw(buf, &RawUnix::from(to))
    }

    #[inline]
    fn recv_from_raw<const N: usize>(
        &self,
        buf: &mut [u8],
        flags: libc::c_int,
    ) -> io::Result<(usize, RawAddress<N>)> {
        let mut from = RawAddress::room();
        let len = uninterrupted(|| {
            from = RawAddress::room();
            let (address, address_len) = from.as_mut_ptrs();
            let (to, room) = (buf.as_mut_ptr().cast(), buf.len());
            // SAFETY: the kernel writes at most `buf.len()` bytes to `buf` and at most `*address_len` bytes to the
            // address; both are borrowed mutably meanwhile.
            check_len(unsafe { libc::recvfrom(self.as_raw_fd(), to, room, flags, address, address_len) })
        })?;
        Ok((len, from))
    }

    #[inline]
    fn recv_from_uninit_raw<const N: usize>(
        &self,
        buf: &mut ReadBuf<'_>,
    ) -> io::Result<(usize, RawAddress<N>)> {
        let mut from = RawAddress::room();
        let recv = |to: *mut u8, room: usize| {
            uninterrupted(|| {
                from = RawAddress::room();
                let (address, address_len) = from.as_mut_ptrs();
                // SAFETY: called by `fill_with` below alone, with a pointer to as many writable bytes as `room` says;
                // the kernel writes no more there, and at most `*address_len` bytes to the address, which is borrowed
                // mutably meanwhile.
                check_len(unsafe {
                    libc::recvfrom(self.as_raw_fd(), to.cast(), room, 0, address, address_len)
                })
            })
        };
        // SAFETY: `recv` returns how many bytes the kernel wrote at the pointer: without MSG_TRUNC never more than the
        // room, also of a longer datagram.
        let len = unsafe { buf.fill_with(recv) }?;
        Ok((len, from))
    }

    #[inline]
    fn send_to_raw<const N: usize>(&self, buf: &[u8], to: &RawAddress<N>) -> io::Result<usize> {
        let flags = libc::MSG_NOSIGNAL;
        let (from, len) = (buf.as_ptr().cast(), buf.len());
        uninterrupted(|| {
            // SAFETY: the kernel reads at most `buf.len()` bytes of `buf` and `to.len()` bytes of the address; both
            // are borrowed meanwhile.
            check_len(unsafe { libc::sendto(self.as_raw_fd(), from, len, flags, to.as_ptr(), to.len()) })
        })
    }
}
