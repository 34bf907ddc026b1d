//! [`Fd`], the owner of a descriptor, and [`ReadBuf`], memory to receive into.

use super::{check_len, uninterrupted};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Owns a descriptor and closes it on drop.
///
/// Methods are spread over the files of this folder: sockets in `socket.rs`.
#[derive(Debug)]
pub struct Fd(OwnedFd);

impl Fd {
    /// Adds one to an eventfd: an edge for each epoll that it is registered with.
    ///
    /// A write to a full counter (2^64 - 2) fails with `EAGAIN` and is **no** edge, so this method then reads the
    /// counter and writes again.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when another thread has filled the counter between the two calls.
    #[inline]
    pub fn notify(&self) -> io::Result<()> {
        match self.add_one() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // `EAGAIN` when another thread has read it already: the counter has room then too.
                let _ = self.take_count();
                self.add_one()
            }
            result => result,
        }
    }

    /// Takes the count of an eventfd: the next writes start from zero.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when it is zero.
    #[inline]
    pub fn take_count(&self) -> io::Result<u64> {
        let mut count = [0; 8];
        self.read(&mut count)?;
        Ok(u64::from_ne_bytes(count))
    }

    #[inline]
    fn add_one(&self) -> io::Result<()> {
        let one = 1u64.to_ne_bytes();
        uninterrupted(|| {
            // SAFETY: the pointer and the length are those of `one`, which lives across the call.
            check_len(unsafe { libc::write(self.as_raw_fd(), one.as_ptr().cast(), one.len()) })
        })?;
        Ok(())
    }
}

impl From<OwnedFd> for Fd {
    #[inline]
    fn from(fd: OwnedFd) -> Fd {
        Fd(fd)
    }
}

impl From<Fd> for OwnedFd {
    #[inline]
    fn from(fd: Fd) -> OwnedFd {
        fd.0
    }
}

impl AsFd for Fd {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Fd {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Memory that a read may fill without zeroing it first.
///
/// `filled` grows only by the bytes that the kernel wrote, so unwritten bytes are never exposed.
#[derive(Debug)]
pub struct ReadBuf<'a> {
    memory: &'a mut [MaybeUninit<u8>],
    /// Invariant: `memory[..filled]` is initialised. Written in this file only.
    filled: usize,
}

impl<'a> ReadBuf<'a> {
    /// Creates a buffer of which nothing is filled yet.
    #[inline]
    pub fn uninit(memory: &'a mut [MaybeUninit<u8>]) -> ReadBuf<'a> {
        ReadBuf { memory, filled: 0 }
    }

    /// Returns whether no byte is filled.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Returns how many bytes are unfilled.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.memory.len() - self.filled
    }

    /// Returns the bytes that are filled, for as long as the memory lives.
    #[inline]
    pub fn into_filled(self) -> &'a mut [u8] {
        let filled = &mut self.memory[..self.filled];
        let len = filled.len();
        // SAFETY: by the invariant of `filled` these bytes are initialised; `MaybeUninit<u8>` has the layout
        // of `u8`; and the lifetime is that of the borrow given up here, so no other reference to them lives.
        unsafe { std::slice::from_raw_parts_mut(filled.as_mut_ptr().cast(), len) }
    }

    /// Fills in `bytes`, which must fit; returns their number.
    #[cfg(feature = "sim")]
    #[inline]
    pub(in crate::sys) fn put(&mut self, bytes: &[u8]) -> usize {
        // SAFETY: the same memory for as long, and each initialised byte is a valid `MaybeUninit<u8>`.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) };
        self.memory[self.filled..][..bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
        bytes.len()
    }

    /// Lets `read` write to the unfilled part and fills the number of bytes that it returns.
    ///
    /// # Safety
    ///
    /// When `read(pointer, room)` returns `Ok(n)`, then `n <= room` and it has initialised `n` bytes at
    /// `pointer`.
    #[inline]
    pub(super) unsafe fn fill_with(
        &mut self,
        read: impl FnOnce(*mut u8, usize) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let unfilled = &mut self.memory[self.filled..];
        let n = read(unfilled.as_mut_ptr().cast(), unfilled.len())?;
        self.filled += n;
        Ok(n)
    }
}
