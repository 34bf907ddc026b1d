//! The registered descriptors and their waiters, for a dump. With feature `inspect`.

use super::Reactor;
use crate::reactor::label::Label;
use crate::reactor::readiness::Direction;
use crate::wake::key::SourceKey;
use crate::wake::waiter::Waiter;
use std::os::fd::RawFd;

/// A registered descriptor.
#[derive(Clone, Debug)]
pub(crate) struct SourceWaits {
    pub(crate) key: SourceKey,
    pub(crate) fd: RawFd,
    pub(crate) label: Label,
    /// How many events it has had.
    pub(crate) events: u64,
    pub(crate) readers: Vec<Waiter>,
    pub(crate) writers: Vec<Waiter>,
}

impl Reactor {
    /// The registered descriptors, also those without waiters.
    pub(crate) fn waits(&self) -> Vec<SourceWaits> {
        let sources = self.sources.borrow();
        let view = sources.iter().map(|source| SourceWaits {
            key: source.key,
            fd: source.fd,
            label: source.label.get(),
            events: source.ticks.get(),
            readers: source.waiters.waits(Direction::Read),
            writers: source.waiters.waits(Direction::Write),
        });
        view.collect()
    }
}
