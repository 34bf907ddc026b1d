//! Sends a call to the simulated kernel or to Linux (feature `sim`).
//!
//! * The types here replace those of `sys/linux`, with the same names and methods. The contracts are documented
//!   there.
//! * A call goes to the simulation when its descriptor belongs to this thread's world; the creation of a descriptor,
//!   when this thread runs the program of a simulated host.
//! * Other calls go to Linux, where a simulated descriptor can be neither read nor written (`EBADF`).

#![allow(missing_docs)]

mod descriptor;
mod epoll;
mod option;
pub(crate) mod signal;
mod socket;
mod transfer;
mod unix;

pub use descriptor::Fd;
pub use epoll::Epoll;

use super::{linux, sim};
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;

/// Describes the descriptor with this number, for a dump.
#[cfg(feature = "inspect")]
pub(crate) fn describe(fd: std::os::fd::RawFd) -> linux::Described {
    match sim::Simulated::at(fd) {
        Some(simulated) => simulated.describe(),
        None => linux::Described::of(fd),
    }
}

/// The kernel that makes descriptors.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    linux: linux::Backend,
}

impl Backend {
    #[cfg(feature = "inspect")]
    pub const TICKS_SHIFT: u32 = linux::Backend::TICKS_SHIFT;

    #[inline]
    pub fn current() -> Backend {
        Backend { linux: linux::Backend::current() }
    }

    /// The eventfd of a loop, a real one in a simulation too: it outlives its runtime and the runtime's world. The
    /// simulated `epoll` watches it.
    pub fn eventfd(self) -> io::Result<Fd> {
        self.linux.eventfd().map(Fd::from)
    }

    /// A simulated eventfd, like one that a program makes. For tests of the kernel; a signal writes to one.
    #[doc(hidden)]
    pub fn counter(self) -> io::Result<Fd> {
        match sim::counter() {
            Some(made) => made.map(Fd::from),
            None => self.eventfd(),
        }
    }

    #[inline]
    pub fn monotonic(self) -> u64 {
        match sim::program() {
            Some(world) => world.monotonic(),
            None => self.linux.monotonic(),
        }
    }

    pub fn monotonic_coarse(self) -> u64 {
        match sim::program() {
            Some(world) => world.monotonic(),
            None => self.linux.monotonic_coarse(),
        }
    }

    #[cfg(feature = "inspect")]
    pub fn ticks(self) -> u64 {
        match sim::program() {
            Some(world) => world.monotonic(),
            None => self.linux.ticks(),
        }
    }

    #[cfg(feature = "inspect")]
    pub fn short_ticks(self) -> u32 {
        (self.ticks() >> Backend::TICKS_SHIFT) as u32
    }

    pub fn look_up(self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match sim::program() {
            Some(world) => world.look_up(name, port),
            None => self.linux.look_up(name, port),
        }
    }

    pub fn start_thread(self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        match sim::program() {
            Some(world) => {
                world.start_thread(Box::new(run));
                Ok(())
            }
            None => self.linux.start_thread(name, run),
        }
    }

    /// A simulated thread does not wait for work: it ends.
    pub fn threads_wait(self) -> bool {
        sim::program().is_none()
    }

    /// A simulation does not splice: callers copy instead.
    pub fn splices(self) -> bool {
        sim::program().is_none()
    }
}

impl Deref for Backend {
    type Target = linux::Backend;

    fn deref(&self) -> &linux::Backend {
        &self.linux
    }
}
