//! Pipes, and bytes through descriptors other than sockets: `read`, `write` and their vectored forms.
//!
//! A pipe has no `MSG_NOSIGNAL`. Linux 6.18 has `RWF_NOSIGNAL` for a write; on older kernels the first attempt fails,
//! and `SIGPIPE` is masked as in `sigpipe.rs`.

use super::sigpipe::unsignalled;
use super::{Backend, Fd, IOV_MAX, ReadBuf, check, check_len, uninterrupted};
use std::fs::OpenOptions;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The access of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Reading.
    pub read: bool,
    /// Writing.
    pub write: bool,
}

/// No `SIGPIPE` for this write. The libc crate does not define it yet.
const RWF_NOSIGNAL: libc::c_int = 0x100;

/// Whether the kernel supports `RWF_NOSIGNAL`: assumed until a write is refused.
static UNSIGNALLED_WRITES: AtomicBool = AtomicBool::new(!cfg!(miri));

impl Backend {
    /// Creates a new pipe, by [`pipe2(2)`]: the read end and the write end.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`.
    ///
    /// [`pipe2(2)`]: https://man7.org/linux/man-pages/man2/pipe.2.html
    #[inline]
    pub fn pipe(self) -> io::Result<(Fd, Fd)> {
        let mut ends = [-1; 2];
        // SAFETY: the kernel writes two numbers to `ends`, which has room for two and is borrowed mutably.
        check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) })?;
        // SAFETY: the kernel has just made it for us, so nothing else owns it.
        let reader = unsafe { OwnedFd::from_raw_fd(ends[0]) };
        // SAFETY: as above.
        let writer = unsafe { OwnedFd::from_raw_fd(ends[1]) };
        Ok((reader.into(), writer.into()))
    }

    /// Opens a FIFO or a terminal, by [`open(2)`]. A terminal does not become the controlling terminal.
    ///
    /// # Errors
    ///
    /// `ENXIO` for the write end of a FIFO without a reader, and for a socket; `ENOENT`, `EACCES`, `EMFILE` and
    /// others; `EINVAL` when `access` is neither, or the path has a NUL byte in it.
    ///
    /// [`open(2)`]: https://man7.org/linux/man-pages/man2/open.2.html
    #[inline]
    pub fn open(self, path: &Path, access: Access) -> io::Result<Fd> {
        let mut options = OpenOptions::new();
        options.read(access.read).write(access.write);
        let file = options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
        match file {
            Ok(file) => Ok(OwnedFd::from(file).into()),
            // std rejected the path before the system call.
            Err(error) if error.raw_os_error().is_none() => Err(io::Error::from_raw_os_error(libc::EINVAL)),
            Err(error) => Err(error),
        }
    }
}

impl Fd {
    /// Reads up to `buf.len()` bytes, by [`read(2)`].
    ///
    /// 0 means that `buf` is empty or the end; for a pipe: it has no writer. A short read does not mean that the pipe
    /// is empty.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when nothing is queued, `EIO` of a terminal whose other side is closed, `EISDIR`.
    ///
    /// [`read(2)`]: https://man7.org/linux/man-pages/man2/read.2.html
    #[inline]
    pub fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| {
            // SAFETY: the kernel writes at most `buf.len()` bytes to `buf`, which is borrowed mutably meanwhile.
            check_len(unsafe { libc::read(self.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len()) })
        })
    }

    /// [`read`](Fd::read) into memory that need not be zeroed. Fills as many bytes of `buf` as it returns.
    ///
    /// # Errors
    ///
    /// As [`read`](Fd::read).
    #[inline]
    pub fn read_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
        let read = |to: *mut u8, room: usize| {
            // SAFETY: called by `fill_with` below alone, with a pointer to as many writable bytes as `room` says;
            // the kernel writes no more, and reads none of them.
            uninterrupted(|| check_len(unsafe { libc::read(self.as_raw_fd(), to.cast(), room) }))
        };
        // SAFETY: `read` returns how many bytes the kernel wrote at the pointer, never more than the room.
        unsafe { buf.fill_with(read) }
    }

    /// [`read`](Fd::read) into several buffers, each filled before the next is begun, by [`readv(2)`]. Buffers
    /// beyond the first 1024 are left alone.
    ///
    /// # Errors
    ///
    /// As [`read`](Fd::read).
    ///
    /// [`readv(2)`]: https://man7.org/linux/man-pages/man2/readv.2.html
    #[inline]
    pub fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let len = bufs.len().min(IOV_MAX) as libc::c_int;
        // SAFETY: an `IoSliceMut` is laid out as an `iovec` (std promises it), and there are at least `len` of them.
        // Each borrows its memory mutably, so the kernel may write there, and `bufs` is borrowed for the whole call.
        uninterrupted(|| check_len(unsafe { libc::readv(self.as_raw_fd(), bufs.as_mut_ptr().cast(), len) }))
    }

    /// Writes up to `buf.len()` bytes, by [`write(2)`] or `pwritev2`. Returns how many the kernel has taken.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is no room, `EPIPE` for a pipe without a reader (and never a `SIGPIPE`), `EIO`, `ENOSPC`.
    ///
    /// [`write(2)`]: https://man7.org/linux/man-pages/man2/write.2.html
    #[inline]
    pub fn write(&self, buf: &[u8]) -> io::Result<usize> {
        if UNSIGNALLED_WRITES.load(Ordering::Relaxed) {
            return self.write_vectored(&[IoSlice::new(buf)]);
        }
        unsignalled(|| {
            // SAFETY: the kernel reads at most `buf.len()` bytes of `buf`, which is borrowed meanwhile.
            check_len(unsafe { libc::write(self.as_raw_fd(), buf.as_ptr().cast(), buf.len()) })
        })
    }

    /// [`write`](Fd::write) of several buffers, in order, as one, by [`pwritev2(2)`] or [`writev(2)`]. Buffers beyond
    /// the first 1024 are left for the next call.
    ///
    /// # Errors
    ///
    /// As [`write`](Fd::write).
    ///
    /// [`pwritev2(2)`]: https://man7.org/linux/man-pages/man2/readv.2.html
    /// [`writev(2)`]: https://man7.org/linux/man-pages/man2/writev.2.html
    #[inline]
    pub fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let len = bufs.len().min(IOV_MAX);
        if UNSIGNALLED_WRITES.load(Ordering::Relaxed) {
            match self.write_unsignalled(&bufs[..len]) {
                Err(e) if does_not_know(&e) => UNSIGNALLED_WRITES.store(false, Ordering::Relaxed),
                result => return result,
            }
        }
        let len = len as libc::c_int;
        // SAFETY: an `IoSlice` is laid out as an `iovec` (std promises it), and there are at least `len` of them. The
        // kernel reads them and their list, both borrowed for the whole call.
        unsignalled(|| check_len(unsafe { libc::writev(self.as_raw_fd(), bufs.as_ptr().cast(), len) }))
    }

    #[inline]
    fn write_unsignalled(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        // -1 means "at the current position": a pipe has no other.
        let (position, high) = (-1 as libc::c_long, 0 as libc::c_long);
        uninterrupted(|| {
            // SAFETY: an `IoSlice` is laid out as an `iovec` (std promises it). The kernel reads as many as there are
            // and what they point to, all of it borrowed for the whole call. Every argument has the width of a
            // register, as `syscall` wants it.
            let written = unsafe {
                libc::syscall(
                    libc::SYS_pwritev2,
                    libc::c_long::from(self.as_raw_fd()),
                    bufs.as_ptr(),
                    bufs.len(),
                    position,
                    high,
                    libc::c_long::from(RWF_NOSIGNAL),
                )
            };
            check_len(written as libc::ssize_t)
        })
    }

    /// Returns the access of the descriptor, by `F_GETFL` of [`fcntl(2)`].
    ///
    /// # Errors
    ///
    /// None in practice.
    ///
    /// [`fcntl(2)`]: https://man7.org/linux/man-pages/man2/fcntl.2.html
    #[inline]
    pub fn access(&self) -> io::Result<Access> {
        // SAFETY: the call takes no pointer.
        let flags = check(unsafe { libc::fcntl(self.as_raw_fd(), libc::F_GETFL) })?;
        let mode = flags & libc::O_ACCMODE;
        Ok(Access { read: mode != libc::O_WRONLY, write: mode != libc::O_RDONLY })
    }
}

/// A kernel refuses an unknown flag (before Linux 4.13 with `EINVAL`), a sandbox the call.
#[cold]
fn does_not_know(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    matches!(errno, Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ENOSYS | libc::EPERM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_of_a_pipe_as_they_went_in() {
        let (reader, writer) = Backend::current().pipe().unwrap();
        assert_eq!(reader.read(&mut [0; 4]).unwrap_err().raw_os_error(), Some(libc::EAGAIN));
        assert_eq!(writer.write(b"ab").unwrap(), 2);
        assert_eq!(writer.write(b"cde").unwrap(), 3);
        let mut memory = [std::mem::MaybeUninit::uninit(); 3];
        let mut buf = ReadBuf::uninit(&mut memory);
        assert_eq!(reader.read_uninit(&mut buf).unwrap(), 3);
        assert_eq!(buf.into_filled(), b"abc");
        let mut rest = [0; 8];
        assert_eq!(reader.read(&mut rest).unwrap(), 2);
        assert_eq!(&rest[..2], b"de");
        drop(writer);
        assert_eq!(reader.read(&mut rest).unwrap(), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "no vectored calls")]
    fn several_buffers_are_written_and_read_as_one() {
        let (reader, writer) = Backend::current().pipe().unwrap();
        let parts = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        assert_eq!(writer.write_vectored(&parts).unwrap(), 5);
        let (mut first, mut second) = ([0; 2], [0; 8]);
        let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(reader.read_vectored(&mut parts).unwrap(), 5);
        assert_eq!((&first, &second[..3]), (b"ab", &b"cde"[..]));
        let many = vec![IoSlice::new(b"x"); IOV_MAX + 1];
        assert_eq!(writer.write_vectored(&many).unwrap(), IOV_MAX);
        assert_eq!(writer.write_vectored(&[]).unwrap(), 0);
    }

    // A13 of docs/pitfalls.md, with the flag and with the fallback; by default action a signal would end this
    // process.
    #[test]
    #[cfg_attr(miri, ignore = "no signals")]
    fn a_write_that_nobody_reads_is_epipe_and_no_signal_on_old_kernels_too() {
        // SAFETY: the default action is a valid one; no test of this process depends on the other.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let known = UNSIGNALLED_WRITES.load(Ordering::Relaxed);
        for newer in [known, false] {
            UNSIGNALLED_WRITES.store(newer, Ordering::Relaxed);
            let (reader, writer) = Backend::current().pipe().unwrap();
            assert_eq!(writer.write(b"x").unwrap(), 1);
            drop(reader);
            assert_eq!(writer.write(b"x").unwrap_err().raw_os_error(), Some(libc::EPIPE));
            let parts = [IoSlice::new(b"x")];
            assert_eq!(writer.write_vectored(&parts).unwrap_err().raw_os_error(), Some(libc::EPIPE));
            write_to_a_reader_that_goes_in_the_middle();
        }
        UNSIGNALLED_WRITES.store(known, Ordering::Relaxed);
    }

    /// Writes to a blocking pipe, such as an inherited one. The call returns the bytes written, with a signal pending
    /// where no flag prevents it.
    fn write_to_a_reader_that_goes_in_the_middle() {
        let (reader, writer) = Backend::current().pipe().unwrap();
        writer.set_nonblocking(false).unwrap();
        let reading = std::thread::spawn(move || {
            while reader.read(&mut [0]).is_err() {
                std::thread::yield_now();
            }
        });
        // More than the pipe holds.
        let half = vec![b'x'; 1 << 20];
        let parts = [IoSlice::new(&half), IoSlice::new(&half)];
        let written = writer.write_vectored(&parts).unwrap();
        assert!(0 < written && written < 2 << 20, "{written}");
        reading.join().unwrap();
    }

    #[test]
    fn a_descriptor_says_what_it_is_open_for() {
        let (reader, writer) = Backend::current().pipe().unwrap();
        assert_eq!(reader.access().unwrap(), Access { read: true, write: false });
        assert_eq!(writer.access().unwrap(), Access { read: false, write: true });
    }

    #[test]
    fn an_open_that_std_refuses_has_an_errno_too() {
        let neither = Access { read: false, write: false };
        let reading = Access { read: true, write: false };
        for (path, access) in [("/dev/null", neither), ("a\0b", reading)] {
            let refused = Backend::current().open(Path::new(path), access).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{path:?}");
        }
    }
}
