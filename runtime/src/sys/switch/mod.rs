//! Sends a call to the simulated kernel or to Linux (feature `sim`).
//!
//! * The types here replace those of `sys/linux`, with the same names and methods. The contracts are documented
//!   there.
//! * A call goes to the simulation when its descriptor belongs to this thread's world; the creation of a descriptor,
//!   when this thread runs the program of a simulated host.
//! * Other calls go to Linux. No type here has a `Deref` to its namesake, so each call is listed, and says what a
//!   simulated descriptor does.
//! * A call that is not simulated is refused in a simulated host with [`Unsupported`](std::io::ErrorKind::Unsupported)
//!   and its name.

#![allow(missing_docs)]

mod batch; // many datagrams in one call
mod descriptor; // the owner of a descriptor
mod epoll; // `epoll`
pub(crate) mod fs; // `std::fs`, for `io::fs`
mod option; // socket options
mod process; // child processes
pub(crate) mod signal; // signals
mod socket; // sockets
mod transfer; // transfers
mod unix; // Unix sockets and pipes

pub use descriptor::Fd;
pub use epoll::Epoll;
pub use process::{Process, Spawned};

use super::{linux, sim};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{OwnedFd, RawFd};
use std::time::{Duration, SystemTime};

/// Describes the descriptor with this number, for a dump.
#[cfg(feature = "inspect")]
pub(crate) fn describe(fd: std::os::fd::RawFd) -> linux::Described {
    match sim::SimDescriptor::at(fd) {
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

    /// Returns the eventfd of a loop, a real one in a simulation too: it outlives its runtime and the runtime's
    /// world. The simulated `epoll` watches it.
    pub fn eventfd(self) -> io::Result<Fd> {
        self.linux.eventfd().map(Fd::from)
    }

    /// Returns a simulated eventfd, like one that a program makes. For tests of the kernel; a signal writes to one.
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

    /// [`monotonic`](Backend::monotonic), and on the thread of a simulation, while no host runs, a clock that is right.
    pub fn monotonic_outside(self) -> u64 {
        match sim::current() {
            Some(world) => world.monotonic(),
            None => self.linux.monotonic_outside(),
        }
    }

    #[inline]
    pub fn wall_clock(self) -> SystemTime {
        match sim::program() {
            Some(world) => world.wall_clock(),
            None => self.linux.wall_clock(),
        }
    }

    pub fn has_coarse(self) -> bool {
        sim::program().is_none() && self.linux.has_coarse()
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

    pub fn look_up_takes(self, name: &str) -> Option<Duration> {
        match sim::program() {
            Some(world) => Some(world.look_up_takes(name)).filter(|takes| !takes.is_zero()),
            None => self.linux.look_up_takes(name),
        }
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
        sim::program().is_none() && self.linux.threads_wait()
    }

    /// A simulation does not splice: callers copy instead.
    pub fn splices(self) -> bool {
        sim::program().is_none() && self.linux.splices()
    }

    /// Fails in a simulated host, which has no `what`.
    pub fn needs_linux(self, what: &str) -> io::Result<()> {
        match sim::program() {
            Some(_) => Err(sim::unsupported(what)),
            None => self.linux.needs_linux(what),
        }
    }

    /// Fails in a simulated host that has its loop: the simulation drives one.
    pub fn needs_no_other_loop(self) -> io::Result<()> {
        match sim::program() {
            Some(world) if world.has_loop() => Err(sim::unsupported("a second runtime on a host")),
            _ => self.linux.needs_no_other_loop(),
        }
    }

    /// Returns the limit of the simulated host, which is not raised.
    pub fn raise_open_files(self) -> io::Result<(u64, u64)> {
        match sim::program() {
            Some(world) => {
                let limit = world.descriptor_limit();
                Ok((limit, limit))
            }
            None => self.linux.raise_open_files(),
        }
    }

    /// A simulated host has one processor.
    pub fn processors(self) -> io::Result<Vec<usize>> {
        match sim::program() {
            Some(_) => Ok(vec![0]),
            None => self.linux.processors(),
        }
    }

    pub fn pin(self, processor: usize) -> io::Result<()> {
        self.needs_linux("a thread on one processor (sched_setaffinity)")?;
        self.linux.pin(processor)
    }

    pub(crate) fn inherit(self, number: RawFd) -> io::Result<OwnedFd> {
        self.needs_linux("a descriptor that the process was started with")?;
        self.linux.inherit(number)
    }

    #[cfg(feature = "inspect")]
    pub fn ring(self, len: usize) -> Box<[linux::Words]> {
        self.linux.ring(len)
    }
}
