//! What the reactor believes of each descriptor, for the oracles of the simulation.

use super::{Reactor, Source};
use crate::key::TaskKey;
use crate::readiness::{Direction, Readiness};
use std::os::fd::RawFd;
use std::rc::Rc;

/// A wait for a descriptor.
pub(crate) struct Wait {
    source: Rc<Source>,
    pub(crate) direction: Direction,
}

impl Wait {
    pub(crate) fn fd(&self) -> RawFd {
        self.source.fd
    }

    /// The token of the registration.
    pub(crate) fn token(&self) -> u64 {
        self.source.key.bits()
    }

    /// What is believed of the descriptor.
    pub(crate) fn believed(&self) -> Readiness {
        self.source.readiness.get()
    }

    /// The tasks that wait; other wakers have no name.
    pub(crate) fn tasks(&self) -> Vec<Option<TaskKey>> {
        self.source.waiters.waiting(self.direction)
    }
}

impl Reactor {
    /// Everyone who waits for a descriptor, one after the other, until `f` has found what it looks for.
    pub(crate) fn find_wait<R>(&self, mut f: impl FnMut(Wait) -> Option<R>) -> Option<R> {
        for (_, source) in self.sources.borrow().iter() {
            for direction in [Direction::Read, Direction::Write] {
                if !source.waiters.is_waited_for(direction) {
                    continue;
                }
                let found = f(Wait { source: source.clone(), direction });
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// The instance of the simulated kernel that this waits in.
    pub(crate) fn simulated(&self) -> Option<usize> {
        self.epoll.simulated()
    }
}
