//! The monotonic clocks, precise and coarse, and the timer slack of a thread.

use super::Backend;

impl Backend {
    /// Returns `CLOCK_MONOTONIC`, in nanoseconds.
    ///
    /// The same clock as [`std::time::Instant`], by
    /// [`clock_gettime(2)`](https://man7.org/linux/man-pages/man2/clock_gettime.2.html).
    #[inline]
    pub fn monotonic(self) -> u64 {
        read(libc::CLOCK_MONOTONIC)
    }

    /// [`monotonic`](Backend::monotonic): a simulation has another while none of its hosts runs.
    #[cfg(feature = "test-util")]
    #[inline]
    pub fn monotonic_outside(self) -> u64 {
        self.monotonic()
    }

    /// Returns the wall clock, which steps when it is set.
    #[inline]
    pub fn wall_clock(self) -> std::time::SystemTime {
        std::time::SystemTime::now()
    }

    /// Returns whether the coarse clock is another than the precise one.
    #[inline]
    pub fn has_coarse(self) -> bool {
        !cfg!(miri)
    }

    /// Returns `CLOCK_MONOTONIC_COARSE`, in nanoseconds: the value of `CLOCK_MONOTONIC` at the last kernel tick. It
    /// is never ahead of that clock, and behind it by a tick (1 to 10 ms) or, occasionally, more.
    #[inline]
    pub fn monotonic_coarse(self) -> u64 {
        // Miri has no coarse clock.
        read(if cfg!(miri) { libc::CLOCK_MONOTONIC } else { libc::CLOCK_MONOTONIC_COARSE })
    }
}

/// How long the kernel may delay a wake-up of the calling thread to coalesce it with others, in nanoseconds.
///
/// By [`PR_SET_TIMERSLACK`](https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html). New threads and
/// processes inherit it, also across `exec`: code that starts one for the user restores the previous value first
/// (`executor::running::blunt_waits`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerSlack(libc::c_ulong);

impl TimerSlack {
    /// The least there is.
    pub const LEAST: TimerSlack = TimerSlack(1);

    /// Returns the slack of the calling thread; `None` where the kernel does not report it.
    #[inline]
    pub fn get() -> Option<TimerSlack> {
        if cfg!(miri) {
            return None; // Miri has no timer slack.
        }
        const NONE: libc::c_ulong = 0; // `prctl` takes five arguments of this width for each operation
        // SAFETY: the call takes no pointer.
        let slack = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK, NONE, NONE, NONE, NONE) };
        libc::c_ulong::try_from(slack).ok().map(TimerSlack)
    }

    /// Sets the slack of the calling thread.
    #[inline]
    pub fn set(self) {
        const NONE: libc::c_ulong = 0;
        // SAFETY: the call takes no pointer. A kernel that refuses it leaves things as they are.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, self.0, NONE, NONE, NONE) };
    }
}

#[inline]
fn read(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` lives across the call, which writes to it and keeps no pointer. It cannot fail for a clock
    // that every Linux has, and if it did `now` would still be initialised.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slack_of_a_thread_is_its_own_and_can_be_put_back() {
        let Some(before) = TimerSlack::get() else { return };
        TimerSlack::LEAST.set();
        assert_eq!(TimerSlack::get(), Some(TimerSlack::LEAST));
        before.set();
        assert_eq!(TimerSlack::get(), Some(before));
    }

    #[test]
    fn the_coarse_clock_is_never_ahead_of_the_precise_one() {
        let backend = Backend::current();
        for _ in 0..if cfg!(miri) { 10 } else { 100_000 } {
            let coarse = backend.monotonic_coarse();
            assert!(coarse <= backend.monotonic());
        }
    }
}
