//! Bytes through a socket: `recv`, `send` and their vectored forms.
//!
//! Not `read` and `write`: a write to a peer that is gone would raise `SIGPIPE`, and only the socket calls take
//! `MSG_NOSIGNAL`. Each request costs these two calls, so they are `#[inline]` and only call and check the result.

use super::{Fd, ReadBuf, check_len, uninterrupted};
use crate::sys::Moved;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;

/// The most buffers of one vectored call: `UIO_MAXIOV`; with more it is `EMSGSIZE`. A caller that checks for a short
/// transfer must not count buffers beyond these.
pub const IOV_MAX: usize = 1024;

/// The most bytes of one call: `MAX_RW_COUNT` of the kernel, 2 GiB less a page.
pub const TRANSFER_MAX: usize = 0x7fff_f000;

impl Fd {
    /// Receives up to `buf.len()` bytes, by [`recv(2)`].
    ///
    /// 0 means that the peer will send no more, or that `buf` is empty. A short read does not mean that the queue is
    /// empty: a TCP urgent mark and, on a Unix socket, passed descriptors end a `recv` early.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when nothing is queued, `ECONNRESET`, `ETIMEDOUT`, `ENOTCONN`, `ENOMEM`.
    ///
    /// [`recv(2)`]: https://man7.org/linux/man-pages/man2/recv.2.html
    #[inline]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| {
            // SAFETY: the kernel writes at most `buf.len()` bytes to `buf`, which is borrowed mutably meanwhile.
            check_len(unsafe { libc::recv(self.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), 0) })
        })
    }

    /// [`recv`](Fd::recv) into memory that need not be zeroed. Fills as many bytes of `buf` as it returns.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    #[inline]
    pub fn recv_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
        let recv = |to: *mut u8, room: usize| {
            // SAFETY: called by `fill_with` below alone, with a pointer to as many writable bytes as `room`
            // says; the kernel writes no more, and reads none of them.
            uninterrupted(|| check_len(unsafe { libc::recv(self.as_raw_fd(), to.cast(), room, 0) }))
        };
        // SAFETY: `recv` returns how many bytes the kernel wrote at the pointer, never more than the room.
        unsafe { buf.fill_with(recv) }
    }

    /// [`recv`](Fd::recv) that leaves the bytes in the queue, by `MSG_PEEK`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    #[inline]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let flags = libc::MSG_PEEK;
        uninterrupted(|| {
            // SAFETY: the kernel writes at most `buf.len()` bytes to `buf`, which is borrowed mutably meanwhile.
            check_len(unsafe { libc::recv(self.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) })
        })
    }

    /// [`recv`](Fd::recv) into several buffers, each filled before the next is begun, by [`recvmsg(2)`].
    /// Buffers beyond the first 1024 are left alone.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    ///
    /// [`recvmsg(2)`]: https://man7.org/linux/man-pages/man2/recvmsg.2.html
    #[inline]
    pub fn recv_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if cfg!(miri) {
            return one_by_one(bufs.iter_mut().map(|buf| (buf.len(), self.recv(buf))));
        }
        let mut message = message(bufs.as_mut_ptr().cast(), bufs.len());
        // SAFETY: an `IoSliceMut` is laid out as an `iovec` (std promises it), and `message` names as many of
        // them as `bufs` has, or fewer. Each borrows its memory mutably, so the kernel may write there, and
        // `bufs` itself is borrowed for the whole call. No address and no control data are asked for.
        uninterrupted(|| check_len(unsafe { libc::recvmsg(self.as_raw_fd(), &raw mut message, 0) }))
    }

    /// [`recv`](Fd::recv) from a Unix stream, with whether it may have stopped early, by [`recvmsg(2)`].
    ///
    /// A read stops behind a message with descriptors, and with `SO_PASSCRED` where the sender changes. There is no room
    /// for control data here, so the kernel drops it and says so (`MSG_CTRUNC`): in each of these cases, and always
    /// with a socket option that asks for control data.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    ///
    /// [`recvmsg(2)`]: https://man7.org/linux/man-pages/man2/recvmsg.2.html
    #[inline]
    pub fn recv_unix(&self, buf: &mut [u8]) -> io::Result<Moved> {
        let mut part = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
        // SAFETY: the part is of `buf`, which is borrowed mutably for the whole call.
        unsafe { self.recv_parts(&raw mut part, 1) }
    }

    /// [`recv_unix`](Fd::recv_unix) into memory that need not be zeroed, as [`recv_uninit`](Fd::recv_uninit).
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    #[inline]
    pub fn recv_unix_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<Moved> {
        let mut cut = false;
        let recv = |to: *mut u8, room: usize| {
            let mut part = libc::iovec { iov_base: to.cast(), iov_len: room };
            // SAFETY: called by `fill_with` below alone, with a pointer to as many writable bytes as `room` says.
            let moved = unsafe { self.recv_parts(&raw mut part, 1) }?;
            cut = moved.cut;
            Ok(moved.bytes)
        };
        // SAFETY: `recv` returns how many bytes the kernel wrote at the pointer, never more than the room.
        let bytes = unsafe { buf.fill_with(recv) }?;
        Ok(Moved { bytes, cut })
    }

    /// [`recv_unix`](Fd::recv_unix) into several buffers, as [`recv_vectored`](Fd::recv_vectored).
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    #[inline]
    pub fn recv_unix_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        if cfg!(miri) {
            return self.recv_vectored(bufs).map(|bytes| Moved { bytes, cut: true });
        }
        // SAFETY: an `IoSliceMut` is laid out as an `iovec` (std promises it). Each borrows its memory mutably, and
        // `bufs` itself is borrowed for the whole call.
        unsafe { self.recv_parts(bufs.as_mut_ptr().cast(), bufs.len()) }
    }

    /// Receives without room for an address and for control data.
    ///
    /// # Safety
    ///
    /// `parts` is valid for `len` elements, and each names memory that may be written to during the call.
    #[inline]
    unsafe fn recv_parts(&self, parts: *mut libc::iovec, len: usize) -> io::Result<Moved> {
        if cfg!(miri) {
            // SAFETY: `parts` is valid for the one part, as the caller promises.
            let part = unsafe { *parts };
            // SAFETY: the part names memory that may be written to, as the caller promises.
            let received = check_len(unsafe { libc::recv(self.as_raw_fd(), part.iov_base, part.iov_len, 0) });
            return received.map(|bytes| Moved { bytes, cut: true });
        }
        let mut message = message(parts, len);
        // SAFETY: the kernel writes to the parts, as the caller allows, and to `message`, which lives across the call.
        let received =
            uninterrupted(|| check_len(unsafe { libc::recvmsg(self.as_raw_fd(), &raw mut message, 0) }));
        received.map(|bytes| Moved { bytes, cut: message.msg_flags & libc::MSG_CTRUNC != 0 })
    }

    /// Sends up to `buf.len()` bytes, by [`send(2)`]. Returns how many the kernel has taken.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is no room, `EPIPE` after the connection or its writing side was shut (and never a
    /// `SIGPIPE`), `ECONNRESET`, `ETIMEDOUT`, `ENOTCONN`, `ENOBUFS`, `ENOMEM`.
    ///
    /// [`send(2)`]: https://man7.org/linux/man-pages/man2/send.2.html
    #[inline]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        const FLAGS: libc::c_int = libc::MSG_NOSIGNAL;
        uninterrupted(|| {
            // SAFETY: the kernel reads at most `buf.len()` bytes of `buf`, which is borrowed meanwhile.
            check_len(unsafe { libc::send(self.as_raw_fd(), buf.as_ptr().cast(), buf.len(), FLAGS) })
        })
    }

    /// Sends one byte of urgent data, by `MSG_OOB`: to TCP, a mark at which the receiver's `recv` stops ([`tcp(7)`]).
    ///
    /// # Errors
    ///
    /// As [`send`](Fd::send).
    ///
    /// [`tcp(7)`]: https://man7.org/linux/man-pages/man7/tcp.7.html
    #[inline]
    pub fn send_urgent(&self, byte: u8) -> io::Result<usize> {
        let flags = libc::MSG_OOB | libc::MSG_NOSIGNAL;
        uninterrupted(|| {
            // SAFETY: the kernel reads one byte at the pointer, which is that of `byte`, alive across the call.
            check_len(unsafe { libc::send(self.as_raw_fd(), (&raw const byte).cast(), 1, flags) })
        })
    }

    /// [`send`](Fd::send) of several buffers, in order, as one, by [`sendmsg(2)`]. Buffers beyond the first
    /// 1024 are left for the next call.
    ///
    /// # Errors
    ///
    /// As [`send`](Fd::send).
    ///
    /// [`sendmsg(2)`]: https://man7.org/linux/man-pages/man2/sendmsg.2.html
    #[inline]
    pub fn send_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if cfg!(miri) {
            return one_by_one(bufs.iter().map(|buf| (buf.len(), self.send(buf))));
        }
        let message = message(bufs.as_ptr().cast_mut().cast(), bufs.len());
        let flags = libc::MSG_NOSIGNAL;
        // SAFETY: an `IoSlice` is laid out as an `iovec` (std promises it), and `message` names as many of them
        // as `bufs` has, or fewer. The kernel reads the buffers and their list, both borrowed for the whole
        // call, and writes to neither. No address and no control data are passed.
        uninterrupted(|| check_len(unsafe { libc::sendmsg(self.as_raw_fd(), &raw const message, flags) }))
    }
}

/// Creates a message of at most `len` buffers with no address, no control data and no flags.
#[inline]
pub(super) fn message(buffers: *mut libc::iovec, len: usize) -> libc::msghdr {
    // SAFETY: every field is an integer or a raw pointer, for which all-zero bytes are a value; musl's
    // private padding rules out a literal.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = buffers;
    message.msg_iovlen = len.min(IOV_MAX) as _;
    message
}

/// Replaces `recvmsg` and `sendmsg`, which Miri lacks: goes on until a transfer is short, as they do.
#[inline]
fn one_by_one(transfers: impl Iterator<Item = (usize, io::Result<usize>)>) -> io::Result<usize> {
    let mut moved = 0;
    for (wanted, result) in transfers.filter(|(wanted, _)| *wanted != 0) {
        match result {
            Ok(n) => {
                moved += n;
                if n < wanted {
                    break;
                }
            }
            Err(e) if moved == 0 => return Err(e),
            Err(_) => break,
        }
    }
    Ok(moved)
}

#[cfg(test)]
mod tests;
