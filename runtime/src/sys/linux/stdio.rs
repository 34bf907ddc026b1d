//! Socket calls that do not block, on an open file description shared with other processes.
//!
//! Standard input and output may be sockets shared with the parent. `O_NONBLOCK` belongs to the description, so
//! setting it would break the parent; these calls pass `MSG_DONTWAIT` instead.

use super::{Fd, check_len, uninterrupted};
use std::io;
use std::os::fd::AsRawFd;

impl Fd {
    /// [`recv`](Fd::recv) that does not wait on a blocking socket, by `MSG_DONTWAIT`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv); `ENOTSOCK`.
    #[inline]
    pub fn recv_at_once(&self, buf: &mut [u8]) -> io::Result<usize> {
        let flags = libc::MSG_DONTWAIT;
        uninterrupted(|| {
            // SAFETY: the kernel writes at most `buf.len()` bytes to `buf`, which is borrowed mutably meanwhile.
            check_len(unsafe { libc::recv(self.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) })
        })
    }

    /// [`send`](Fd::send) that does not wait on a blocking socket, by `MSG_DONTWAIT`.
    ///
    /// # Errors
    ///
    /// As [`send`](Fd::send); `ENOTSOCK`.
    #[inline]
    pub fn send_at_once(&self, buf: &[u8]) -> io::Result<usize> {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        uninterrupted(|| {
            // SAFETY: the kernel reads at most `buf.len()` bytes of `buf`, which is borrowed meanwhile.
            check_len(unsafe { libc::send(self.as_raw_fd(), buf.as_ptr().cast(), buf.len(), flags) })
        })
    }
}
