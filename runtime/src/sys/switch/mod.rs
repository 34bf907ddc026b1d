//! Which kernel a call goes to (feature `sim`): the simulated one or Linux.
//!
//! The types here have the names and the methods of those in `sys/linux`, and take their place when the feature is
//! on. A call goes to the simulation when its descriptor is one of the world that this thread is in, and the making of
//! a descriptor when this thread runs the program of a simulated host. What is not simulated is inherited from Linux,
//! where a simulated descriptor is one that nothing can be read from or written to (`EBADF`).
//!
//! The contracts are stated at the methods' namesakes in `sys/linux`.

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

/// The kernel that descriptors are made by.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    linux: linux::Backend,
}

impl Backend {
    #[inline]
    pub fn current() -> Backend {
        Backend { linux: linux::Backend::current() }
    }

    /// The eventfd of a loop, which is a real one in a simulation too: it outlives its runtime, and with it the
    /// world that the runtime was in. The simulated `epoll` watches over it.
    pub fn eventfd(self) -> io::Result<Fd> {
        self.linux.eventfd().map(Fd::from)
    }

    /// An eventfd that is simulated like any other descriptor: what a program would make for itself. For tests of the
    /// kernel; a signal rings one.
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

    /// Nothing is spliced in a simulation: whoever would copies instead.
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
