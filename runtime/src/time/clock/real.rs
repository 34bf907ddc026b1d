//! The source of the time without feature `test-util`: the system. See also `paused.rs`.

use crate::sys::Backend;

/// No state.
pub(crate) struct ClockSource;

const _: () = assert!(size_of::<ClockSource>() == 0);

impl ClockSource {
    #[inline]
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

    /// Returns whether an idle loop goes to the next deadline instead of waiting for it.
    #[inline]
    pub(crate) fn jumps_when_idle(&self) -> bool {
        false
    }

    /// Returns whether the loop must not wait for deadlines, because a test moves the clock.
    #[inline]
    pub(crate) fn stands_still(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) fn jump(&self, _to: u64) {}
}

#[inline]
pub(crate) fn now() -> u64 {
    Backend::current().monotonic()
}
