//! Future events and their times: the only source of time.

use super::kernel::Kernel;
use std::collections::BTreeMap;

/// A future action of the kernel or the network.
pub(super) type Happening = Box<dyn FnOnce(&mut Kernel)>;

/// Actions by time; those of one moment in order of insertion.
#[derive(Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(u64, u64), Happening>,
    entered: u64,
}

impl Agenda {
    pub(super) fn enter(&mut self, at: u64, happening: Happening) {
        self.entries.insert((at, self.entered), happening);
        self.entered += 1;
    }

    /// Returns the time of the next action.
    pub(super) fn next(&self) -> Option<u64> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next action due at `now`.
    pub(super) fn take(&mut self, now: u64) -> Option<(u64, Happening)> {
        let first = self.entries.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let ((at, _), happening) = first.remove_entry();
        Some((at, happening))
    }
}
