//! The source of the time with feature `test-util`: the system, or a test that has paused it. See also `real.rs`.
//!
//! The clock runs or stands still. It never goes back: after a pause it goes on from where it stood.

use crate::sys::Backend;
use crate::time::current;
use std::cell::Cell;

/// Whether the clock runs.
pub(crate) struct ClockSource {
    state: Cell<ClockState>,
}

#[derive(Clone, Copy)]
enum ClockState {
    /// The clock of the system.
    Real,
    /// Runs since the system's clock read `real`, when this one read `virtual_`.
    Resumed { real: u64, virtual_: u64 },
    /// Stands still.
    Paused { at: u64, jumps_when_idle: bool },
}

impl ClockSource {
    #[inline]
    pub(crate) fn new() -> ClockSource {
        ClockSource { state: Cell::new(ClockState::Real) }
    }

    #[inline]
    pub(crate) fn now(&self) -> u64 {
        match self.state.get() {
            ClockState::Real => real(),
            ClockState::Resumed { real, virtual_ } => virtual_ + (self::real() - real),
            ClockState::Paused { at, .. } => at,
        }
    }

    #[inline]
    pub(crate) fn is_virtual(&self) -> bool {
        !matches!(self.state.get(), ClockState::Real)
    }

    /// Returns whether an idle loop goes to the next deadline instead of waiting for it.
    #[inline]
    pub(crate) fn jumps_when_idle(&self) -> bool {
        matches!(self.state.get(), ClockState::Paused { jumps_when_idle: true, .. })
    }

    /// Returns whether the loop must not wait for deadlines, because a test moves the clock.
    #[inline]
    pub(crate) fn stands_still(&self) -> bool {
        matches!(self.state.get(), ClockState::Paused { .. })
    }

    /// Moves the clock to `to`, if it stands still at an earlier time.
    #[inline]
    pub(crate) fn jump(&self, to: u64) {
        if let ClockState::Paused { at, jumps_when_idle } = self.state.get() {
            self.state.set(ClockState::Paused { at: at.max(to), jumps_when_idle });
        }
    }

    /// Stops the clock. Returns whether it ran.
    #[inline]
    pub(crate) fn pause(&self) -> bool {
        let ran = !self.stands_still();
        if ran {
            self.state.set(ClockState::Paused { at: self.now(), jumps_when_idle: true });
        }
        ran
    }

    /// Starts the clock again. Returns whether it stood still.
    #[inline]
    pub(crate) fn resume(&self) -> bool {
        let stood = self.stands_still();
        if stood {
            self.state.set(ClockState::Resumed { real: real(), virtual_: self.now() });
        }
        stood
    }

    /// Sets whether an idle loop jumps. Returns whether the clock stands still; otherwise there is nothing to set.
    #[inline]
    pub(crate) fn set_jumps_when_idle(&self, jumps_when_idle: bool) -> bool {
        let ClockState::Paused { at, .. } = self.state.get() else { return false };
        self.state.set(ClockState::Paused { at, jumps_when_idle });
        true
    }
}

#[inline]
fn real() -> u64 {
    Backend::current().monotonic()
}

#[inline]
pub(crate) fn now() -> u64 {
    // Outside of a runtime, in a simulation: a deadline that the test makes is for one of its hosts.
    let outside = || Backend::current().monotonic_outside();
    current::with(|timers| timers.map_or_else(outside, |timers| timers.clock().now()))
}
