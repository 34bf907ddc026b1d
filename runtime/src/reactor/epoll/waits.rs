//! The registered descriptors and their waiters, for a dump. With feature `inspect`.

use super::{Reactor, Source};
use crate::reactor::label::SourceLabel;
use crate::reactor::readiness::Direction;
use crate::wake::key::SourceKey;
use crate::wake::waiter::Waiter;
use std::os::fd::RawFd;

/// A registered descriptor.
pub(crate) struct SourceWaits<'a> {
    pub(crate) key: SourceKey,
    pub(crate) fd: RawFd,
    pub(crate) label: SourceLabel,
    source: &'a Source,
}

impl Reactor {
    /// Shows the registered descriptors, also those without waiters. `see` registers and closes nothing.
    pub(crate) fn each_source(&self, mut see: impl FnMut(SourceWaits<'_>)) {
        for source in self.state.borrow().sources.iter() {
            see(SourceWaits { key: source.key, fd: source.fd, label: source.label.get(), source });
        }
    }

    /// Returns whether the source with this key is still registered. No other source has had the key since, until
    /// 2^32 were registered.
    pub(crate) fn has(&self, key: SourceKey) -> bool {
        self.state.borrow().sources.get(key.index()).is_some_and(|source| source.key == key)
    }
}

impl SourceWaits<'_> {
    /// Shows each waiter, and whether it waits to write.
    pub(crate) fn each_waiter(&self, mut see: impl FnMut(Waiter, bool)) {
        self.source.waiters.each(Direction::Read, |waiter| see(waiter, false));
        self.source.waiters.each(Direction::Write, |waiter| see(waiter, true));
    }
}
