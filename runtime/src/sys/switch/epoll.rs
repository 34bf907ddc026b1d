//! [`Epoll`] of either kernel.

use super::{Backend, linux};
use crate::sys::linux::Events;
use crate::sys::sim::{self, World};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

/// An `epoll` instance.
pub struct Epoll {
    linux: linux::Epoll,
    /// The number of the simulated instance, if it is one.
    simulated: Option<usize>,
}

impl Drop for Epoll {
    fn drop(&mut self) {
        if let (Some(poll), Some(world)) = (self.simulated, sim::current()) {
            world.poll_close(poll);
        }
    }
}

impl Backend {
    pub fn epoll(self) -> io::Result<Epoll> {
        Ok(Epoll { linux: self.linux.epoll()?, simulated: sim::program().map(|world| world.poll_open()) })
    }
}

impl Epoll {
    pub fn add_eventfd(&self, eventfd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        match self.simulated {
            Some(poll) => world()?.poll_add_eventfd(poll, eventfd, events, token),
            None => self.linux.add_eventfd(eventfd, events, token),
        }
    }

    pub fn add(&self, fd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        match self.simulated {
            Some(poll) => world()?.poll_add(poll, fd, events, token),
            None => self.linux.add(fd, events, token),
        }
    }

    pub fn delete(&self, fd: RawFd) -> io::Result<()> {
        match self.simulated {
            Some(poll) => world()?.poll_delete(poll, fd),
            None => self.linux.delete(fd),
        }
    }

    pub fn wait_for(&self, events: &mut Events, timeout: u64) -> io::Result<usize> {
        match self.simulated {
            Some(_) => self.wait(events, (timeout != u64::MAX).then(|| Duration::from_nanos(timeout))),
            None => self.linux.wait_for(events, timeout),
        }
    }

    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        match self.simulated {
            Some(poll) => Ok(events.fill(world()?.poll_wait(poll, events.capacity(), timeout)?)),
            None => self.linux.wait(events, timeout),
        }
    }

    /// Returns the number of the simulated instance, if it is one.
    pub(crate) fn simulated(&self) -> Option<usize> {
        self.simulated
    }
}

/// Returns the world that this thread is in.
fn world() -> io::Result<Rc<World>> {
    sim::current().ok_or_else(|| io::Error::other("this loop belongs to a simulation, which is over"))
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.linux.as_fd()
    }
}
