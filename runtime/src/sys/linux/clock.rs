//! The clock that is read without precision, and cheaply.

use super::Backend;

impl Backend {
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    ///
    /// The same clock as [`std::time::Instant`], by
    /// [`clock_gettime(2)`](https://man7.org/linux/man-pages/man2/clock_gettime.2.html).
    #[inline]
    pub fn monotonic(self) -> u64 {
        read(libc::CLOCK_MONOTONIC)
    }

    /// `CLOCK_MONOTONIC_COARSE`, in nanoseconds: what `CLOCK_MONOTONIC` was at the last tick of the kernel. It is
    /// never ahead of that clock, and behind it by a tick (1 to 10 ms) or, now and then, by more.
    #[inline]
    pub fn monotonic_coarse(self) -> u64 {
        // Miri knows no coarse clock.
        read(if cfg!(miri) { libc::CLOCK_MONOTONIC } else { libc::CLOCK_MONOTONIC_COARSE })
    }
}

/// How long the kernel may put a wake-up of the calling thread off, to serve others with it; in nanoseconds.
///
/// By [`PR_SET_TIMERSLACK`](https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html). Threads and
/// processes that are started meanwhile inherit it, and a program that is executed keeps it: who starts one for the user
/// puts the earlier one back first (`executor::running::blunt_waits`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerSlack(libc::c_ulong);

impl TimerSlack {
    /// The least there is.
    pub const LEAST: TimerSlack = TimerSlack(1);

    /// That of the calling thread; `None` where the kernel does not say.
    pub fn get() -> Option<TimerSlack> {
        if cfg!(miri) {
            return None; // Miri knows no timer slack.
        }
        const NONE: libc::c_ulong = 0; // `prctl` takes five arguments of this width, whatever the operation
        // SAFETY: the call takes no pointer.
        let slack = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK, NONE, NONE, NONE, NONE) };
        libc::c_ulong::try_from(slack).ok().map(TimerSlack)
    }

    /// Makes this that of the calling thread.
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
