//! [`Fd`], the owner of a descriptor of either kernel.

use crate::sys::linux;
use crate::sys::sim::{self, Simulated};
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Owns a descriptor and closes it on drop.
#[derive(Debug)]
pub struct Fd {
    /// First, so that the simulation forgets the number before it is free.
    closing: Closing,
    linux: linux::Fd,
}

/// Reports to the simulation, if any, that the descriptor with this number is closed.
#[derive(Debug)]
struct Closing(RawFd);

impl Drop for Closing {
    fn drop(&mut self) {
        sim::close(self.0);
    }
}

impl Fd {
    /// The simulated descriptor, if it is one.
    pub(super) fn simulated(&self) -> Option<Simulated> {
        Simulated::at(self.as_raw_fd())
    }

    pub fn ring(&self) -> io::Result<()> {
        let rung = self.simulated().and_then(|simulated| simulated.ring(self.as_raw_fd()));
        rung.unwrap_or_else(|| self.linux.ring())
    }
}

impl Deref for Fd {
    type Target = linux::Fd;

    fn deref(&self) -> &linux::Fd {
        &self.linux
    }
}

impl From<linux::Fd> for Fd {
    fn from(linux: linux::Fd) -> Fd {
        Fd { closing: Closing(linux.as_raw_fd()), linux }
    }
}

impl From<OwnedFd> for Fd {
    fn from(fd: OwnedFd) -> Fd {
        Fd::from(linux::Fd::from(fd))
    }
}

impl From<Fd> for OwnedFd {
    /// The simulation keeps the file of this number until the number is reused.
    fn from(fd: Fd) -> OwnedFd {
        let Fd { closing, linux } = fd;
        std::mem::forget(closing); // not closed but handed on
        linux.into()
    }
}

impl AsFd for Fd {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.linux.as_fd()
    }
}

impl AsRawFd for Fd {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.linux.as_raw_fd()
    }
}
