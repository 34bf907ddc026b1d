//! Where the time comes from: the system. The other half of `paused.rs`, when there is no test in control.

use crate::sys::Backend;

/// Nothing to keep.
pub(crate) struct ClockSource;

const _: () = assert!(size_of::<ClockSource>() == 0);

impl ClockSource {
    pub(crate) fn new() -> ClockSource {
        ClockSource
    }

    #[inline]
    pub(crate) fn now(&self) -> u64 {
        now()
    }

    #[inline]
    pub(crate) fn is_virtual(&self) -> bool {
        false
    }

    /// Whether an idle loop is to go to the next deadline in place of waiting for it.
    #[inline]
    pub(crate) fn jumps_when_idle(&self) -> bool {
        false
    }

    /// Whether the loop must not wait for deadlines: they come when a test says so.
    #[inline]
    pub(crate) fn stands_still(&self) -> bool {
        false
    }

    pub(crate) fn jump(&self, _to: u64) {}
}

#[inline]
pub(crate) fn now() -> u64 {
    Backend::current().monotonic()
}
