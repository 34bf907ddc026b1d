//! [`Fd`], the owner of a descriptor of either kernel.

use crate::sys::linux;
use crate::sys::sim::{self, SimDescriptor};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Owns a descriptor and closes it on drop.
///
/// It has no `Deref` to the real descriptor: a call that is not listed in this folder does not compile.
#[derive(Debug)]
pub struct Fd {
    /// First, so that the simulation forgets the number before it is free.
    closing: Closing,
    /// The real descriptor, or the placeholder of a simulated one.
    pub(super) linux: linux::Fd,
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
    /// Returns the simulated descriptor, if it is one.
    pub(super) fn simulated(&self) -> Option<SimDescriptor> {
        SimDescriptor::at(self.as_raw_fd())
    }

    /// Fails for a simulated descriptor: it has no such call.
    pub(super) fn refuse(&self, call: &str) -> io::Result<()> {
        match self.simulated() {
            Some(_) => Err(sim::unsupported(call)),
            None => Ok(()),
        }
    }

    pub fn notify(&self) -> io::Result<()> {
        let notified = self.simulated().and_then(|simulated| simulated.notify(self.as_raw_fd()));
        notified.unwrap_or_else(|| self.linux.notify())
    }

    /// Of the real eventfd of a loop, in a simulation too: other threads, which are in no simulation, write to it, and
    /// whether they did must not show in the trace.
    pub fn take_count(&self) -> io::Result<u64> {
        self.linux.take_count()
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
