//! The cached readiness of each descriptor, for the oracles of the simulation.

use super::{Reactor, Source};
use crate::reactor::readiness::{Direction, Readiness};
use crate::sys::mask;
use crate::wake::key::TaskKey;
use std::os::fd::RawFd;
use std::rc::Rc;

/// The bits that an event may have.
const BITS: [u32; 6] = [mask::IN, mask::PRI, mask::RDHUP, mask::OUT, mask::HUP, mask::ERR];

/// A wait for a descriptor.
pub(crate) struct InspectedWait {
    source: Rc<Source>,
    pub(crate) direction: Direction,
}

impl InspectedWait {
    pub(crate) fn fd(&self) -> RawFd {
        self.source.fd
    }

    /// Returns the token of the registration.
    pub(crate) fn token(&self) -> u64 {
        self.source.key.bits()
    }

    /// Returns the bits of an event mask that are cached for the descriptor in this direction.
    pub(crate) fn cached(&self, direction: Direction) -> u32 {
        bits(self.source.readiness.get(), direction)
    }

    /// Returns the tasks that wait; `None` for other wakers.
    pub(crate) fn tasks(&self) -> Vec<Option<TaskKey>> {
        self.source.waiters.waiting(self.direction)
    }
}

/// Returns the bits of an event mask that are set in one direction.
fn bits(cached: Readiness, direction: Direction) -> u32 {
    let is_cached = |bit: &u32| cached.bits(direction) & Readiness::from_mask(*bit).bits(direction) != 0;
    BITS.into_iter().filter(is_cached).sum()
}

impl Reactor {
    /// Passes each wait for a descriptor to `f`, until `f` returns a value.
    pub(crate) fn find_wait<R>(&self, mut f: impl FnMut(InspectedWait) -> Option<R>) -> Option<R> {
        for source in self.state.borrow().sources.iter() {
            for direction in [Direction::Read, Direction::Write] {
                if !source.waiters.is_waited_for(direction) {
                    continue;
                }
                let found = f(InspectedWait { source: source.clone(), direction });
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// Returns the instance of the simulated kernel that this waits in.
    pub(crate) fn simulated(&self) -> Option<usize> {
        self.epoll.simulated()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd, AsRawFd};

    #[test]
    fn what_is_cached_is_the_mask_of_the_event_and_what_was_cleared_of_it() {
        let read = mask::IN | mask::PRI | mask::RDHUP | mask::HUP | mask::ERR;
        let write = mask::OUT | mask::HUP | mask::ERR;
        for chosen in 0..64 {
            let bit = |at: usize| if chosen >> at & 1 == 1 { BITS[at] } else { 0 };
            let event = (0..6).map(bit).sum::<u32>();
            let cached = Readiness::from_mask(event);
            for cached in [cached, cached.gone()] {
                assert_eq!(bits(cached, Direction::Read), event & read);
                assert_eq!(bits(cached, Direction::Write), event & write);
                let read_to_the_end = cached.after_would_block(Direction::Read);
                assert_eq!(bits(read_to_the_end, Direction::Read), 0);
                assert_eq!(bits(read_to_the_end, Direction::Write), event & write);
            }
        }
    }

    #[test]
    fn a_wait_names_its_descriptor_its_direction_and_its_tasks() {
        let rt = crate::runtime::Runtime::new().unwrap();
        let _entered = rt.enter();
        let executor = crate::executor::current();
        let (reader, _writer) = crate::sys::Backend::current().pipe().unwrap();
        let (start, events) = (crate::reactor::readiness::Start::Empty, crate::reactor::readiness::INTEREST);
        let source = executor.reactor.register(reader.as_fd(), start, events).unwrap();
        let seen = || {
            executor.reactor.find_wait(|wait| Some((wait.fd(), wait.token(), wait.direction, wait.tasks())))
        };
        assert_eq!(seen(), None);
        let key = TaskKey::new(60_001, 0, 7);
        let _ = source.waiters().wait_alone(
            Direction::Read,
            &crate::wake::waker::new(key),
            crate::observe::site::Site::caller(),
        );
        let expected = (reader.as_raw_fd(), source.key.bits(), Direction::Read, vec![Some(key)]);
        assert_eq!(seen(), Some(expected));
        source.deregister();
        assert_eq!(seen(), None);
    }
}
