//! The clock that is read without precision, and cheaply.

use super::Backend;

impl Backend {
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    ///
    /// The same clock as [`std::time::Instant`], by
    /// [`clock_gettime(2)`](https://man7.org/linux/man-pages/man2/clock_gettime.2.html).
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
    fn the_coarse_clock_is_never_ahead_of_the_precise_one() {
        let backend = Backend::current();
        for _ in 0..if cfg!(miri) { 10 } else { 100_000 } {
            let coarse = backend.monotonic_coarse();
            assert!(coarse <= backend.monotonic());
        }
    }
}
