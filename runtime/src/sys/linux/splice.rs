//! Bytes that stay in the kernel: `splice(2)` through a pipe, `sendfile(2)` from a file.
//!
//! Neither takes a flag against `SIGPIPE`; see `sigpipe.rs`.

use super::sigpipe::unsignalled;
use super::{Backend, Fd, TRANSFER_MAX, check, check_len, uninterrupted};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

impl Backend {
    /// Returns whether bytes can be spliced between descriptors of this kernel, of the right kinds.
    #[inline]
    pub fn splices(self) -> bool {
        true
    }
}

impl Fd {
    /// Moves up to `len` bytes from this descriptor into `pipe`, the end of one that is written, by [`splice(2)`].
    ///
    /// 0 is the end, **or** an urgent mark of a TCP stream whose FIN has arrived: the call does not pass the mark,
    /// and the bytes queued behind it can still be received, see [`is_at_end`](Fd::is_at_end). A short transfer does
    /// not mean that the queue is empty: a pipe with sixteen slots is full after sixteen small pieces.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when nothing is queued, **or** when the pipe is full, **or** at an urgent mark before the FIN has
    /// arrived, even with bytes queued behind it: this error alone proves nothing about the descriptor. `EINVAL` for
    /// a descriptor that cannot be spliced. At a mark the error of a reset connection precedes the bytes behind the
    /// mark; `recv` would return those first.
    ///
    /// [`splice(2)`]: https://man7.org/linux/man-pages/man2/splice.2.html
    #[inline]
    pub fn splice_into(&self, pipe: &Fd, len: usize) -> io::Result<usize> {
        uninterrupted(|| splice(self, pipe, len))
    }

    /// Returns whether a splice of 0 from this descriptor was the end, by [`recv(2)`] with `MSG_PEEK`, which passes
    /// an urgent mark and takes nothing.
    ///
    /// True for any other descriptor than a socket: it has no marks. (A read of a terminal would wait for a second
    /// Ctrl-D, because the splice has consumed the first.)
    ///
    /// [`recv(2)`]: https://man7.org/linux/man-pages/man2/recv.2.html
    #[inline]
    pub fn is_at_end(&self) -> bool {
        match self.peek(&mut [0]) {
            Ok(n) => n == 0,
            Err(error) => error.raw_os_error() == Some(libc::ENOTSOCK),
        }
    }

    /// Returns whether this descriptor takes no more bytes, by [`poll(2)`] and [`unsent`](Fd::unsent), which change
    /// nothing: a connection that both sides have ended, or a terminal that is gone.
    ///
    /// # Errors
    ///
    /// `EPIPE` when written bytes may be lost too: a pipe without a reader, a connection that was reset.
    ///
    /// [`poll(2)`]: https://man7.org/linux/man-pages/man2/poll.2.html
    #[cold]
    pub fn is_hung_up(&self) -> io::Result<bool> {
        let mut poll = libc::pollfd { fd: self.as_raw_fd(), events: 0, revents: 0 };
        // SAFETY: the kernel reads and writes one `pollfd`, which lives across the call.
        uninterrupted(|| check(unsafe { libc::poll(&raw mut poll, 1, 0) }))?;
        let hung_up = poll.revents & libc::POLLHUP != 0;
        // `POLLERR` alone is a pipe without a reader, or a socket with a message in its error queue, which still
        // works.
        if poll.revents & libc::POLLERR != 0 && (hung_up || self.unsent().is_err()) {
            return Err(io::Error::from_raw_os_error(libc::EPIPE));
        }
        Ok(hung_up)
    }

    /// Returns how many sent bytes the peer has not taken, by `SIOCOUTQ` (see [`tcp(7)`] and [`unix(7)`]). For TCP
    /// the peer's kernel takes them, up to its receive buffer. For a Unix socket the peer itself does, and the unit
    /// is memory rather than bytes.
    ///
    /// # Errors
    ///
    /// `ENOTTY` for a pipe, `EINVAL` for a socket that listens.
    ///
    /// [`tcp(7)`]: https://man7.org/linux/man-pages/man7/tcp.7.html
    /// [`unix(7)`]: https://man7.org/linux/man-pages/man7/unix.7.html
    #[cold]
    pub fn unsent(&self) -> io::Result<usize> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the kernel writes one integer, which lives across the call.
        check(unsafe { libc::ioctl(self.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) })?;
        Ok(usize::try_from(bytes).unwrap_or(0))
    }

    /// Moves up to `len` bytes from this read end of a pipe to `to`, by [`splice(2)`].
    ///
    /// # Errors
    ///
    /// `EAGAIN` when the pipe is empty, or when `to` has no room; `EPIPE` when `to` takes no more (and never a
    /// `SIGPIPE`); those of [`send`](Fd::send) and [`write`](Fd::write). `EINVAL` for a descriptor of a kind that
    /// cannot be spliced, or that appends.
    ///
    /// [`splice(2)`]: https://man7.org/linux/man-pages/man2/splice.2.html
    #[inline]
    pub fn splice_out_to(&self, to: &Fd, len: usize) -> io::Result<usize> {
        unsignalled(|| splice(self, to, len))
    }

    /// Sends up to `count` bytes of `file` through this socket, from `offset` on, by [`sendfile(2)`]. The position of
    /// the file is neither used nor moved.
    ///
    /// 0 means that the file ends at or before `offset`, also where the file system has no files of that size. Fewer
    /// bytes than `count` mean that the file ends there, that the socket is full, or that `count` exceeds the
    /// kernel's limit (2 GiB less a page).
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is no room, `EPIPE` when the peer takes no more (and never a `SIGPIPE`); those of
    /// [`send`](Fd::send); `EINVAL` for a file whose pages cannot be sent (a pipe, a socket), and for an offset of 2^63
    /// or more; `EIO` from the disk.
    ///
    /// [`sendfile(2)`]: https://man7.org/linux/man-pages/man2/sendfile.2.html
    #[inline]
    pub fn sendfile(&self, file: BorrowedFd<'_>, offset: u64, count: usize) -> io::Result<usize> {
        let Ok(start) = libc::off_t::try_from(offset) else {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        };
        // The kernel refuses a count that is negative as an `ssize_t`, and a range that ends beyond 2^63 - 1.
        let count = count.min(TRANSFER_MAX).min((libc::off_t::MAX - start) as usize);
        let sent = unsignalled(|| {
            let mut offset = start;
            let (to, from) = (self.as_raw_fd(), file.as_raw_fd());
            // SAFETY: the kernel reads and writes one offset, which lives across the call.
            check_len(unsafe { libc::sendfile(to, from, &raw mut offset, count) })
        });
        sent.or_else(sendfile_failed)
    }

    /// Resizes a pipe to at least `bytes`, by `F_SETPIPE_SZ` of [`fcntl(2)`]. Returns the new capacity.
    ///
    /// # Errors
    ///
    /// `EPERM` beyond `/proc/sys/fs/pipe-max-size` or the user's limit for all pipes, `EBUSY` when the pipe holds
    /// more, `EINVAL` beyond 2 GiB, `EBADF` for any other descriptor than a pipe.
    ///
    /// [`fcntl(2)`]: https://man7.org/linux/man-pages/man2/fcntl.2.html
    #[inline]
    pub fn resize_pipe(&self, bytes: usize) -> io::Result<usize> {
        let bytes = libc::c_int::try_from(bytes).unwrap_or(-1);
        // SAFETY: the call takes no pointer.
        let room = check(unsafe { libc::fcntl(self.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) })?;
        Ok(room as usize)
    }
}

/// Maps the errors of `sendfile` about the kind or the size of the file to the documented ones.
#[cold]
fn sendfile_failed(error: io::Error) -> io::Result<usize> {
    match error.raw_os_error() {
        // `offset` is beyond the largest file of this file system.
        Some(libc::EOVERFLOW) => Ok(0),
        // The file has no offsets, like a pipe.
        Some(libc::ESPIPE) => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        _ => Err(error),
    }
}

#[inline]
fn splice(from: &Fd, to: &Fd, len: usize) -> io::Result<usize> {
    // The kernel refuses a length that is negative as an `ssize_t`.
    let len = len.min(TRANSFER_MAX);
    let (from, to) = (from.as_fd().as_raw_fd(), to.as_fd().as_raw_fd());
    let nowhere = std::ptr::null_mut();
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
    // SAFETY: null pointers for the offsets mean "where the file is"; no other memory of ours is touched.
    check_len(unsafe { libc::splice(from, nowhere, to, nowhere, len, flags) })
}

#[cfg(all(test, not(miri)))]
mod tests;
