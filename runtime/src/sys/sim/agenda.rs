//! What is going to happen, and when: the only source of time.

use super::kernel::Kernel;
use std::collections::BTreeMap;

/// Something that the kernel or the network does later.
pub(super) type Happening = Box<dyn FnOnce(&mut Kernel)>;

/// Happenings by time; those of one moment in the order in which they were entered.
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

    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<u64> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next thing that happens at `now` or before.
    pub(super) fn take(&mut self, now: u64) -> Option<(u64, Happening)> {
        let first = self.entries.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let ((at, _), happening) = first.remove_entry();
        Some((at, happening))
    }
}
