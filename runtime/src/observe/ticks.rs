//! Ticks of the processor's counter as times, with feature `inspect`.
//!
//! The length of a tick is measured once in a process, against `CLOCK_MONOTONIC`, for half a millisecond. It is right
//! to a thousandth; a time is counted back from now, so that the error is a thousandth of its age.

use crate::sys::Backend;
use std::sync::{Mutex, OnceLock, PoisonError};

/// For how long the counter is measured, in nanoseconds.
const MEASURE: u64 = 500_000;

/// The counter and the clock at one moment.
#[derive(Clone, Copy)]
struct Pair {
    ticks: u64,
    nanoseconds: u64,
}

impl Pair {
    /// Several are read and the one that took least is kept: the others may have been interrupted.
    fn read() -> Pair {
        let backend = Backend::current();
        let one = || {
            let before = backend.ticks();
            let nanoseconds = backend.monotonic();
            let took = backend.ticks().saturating_sub(before);
            (took, Pair { ticks: before + took / 2, nanoseconds })
        };
        (0..5).map(|_| one()).min_by_key(|(took, _)| *took).expect("five are read").1
    }
}

/// Returns the nanoseconds of a tick, with 32 binary places.
fn scale() -> u64 {
    static SCALE: OnceLock<u64> = OnceLock::new();
    *SCALE.get_or_init(|| {
        if cfg!(any(miri, feature = "sim", not(any(target_arch = "x86_64", target_arch = "aarch64")))) {
            return 1 << 32;
        }
        let begin = Pair::read();
        while Backend::current().monotonic() - begin.nanoseconds < MEASURE {
            std::hint::spin_loop();
        }
        let end = Pair::read();
        let ticks = u128::from(end.ticks.saturating_sub(begin.ticks).max(1));
        let nanoseconds = u128::from(end.nanoseconds - begin.nanoseconds);
        u64::try_from((nanoseconds << 32) / ticks).unwrap_or(u64::MAX).max(1)
    })
}

/// Returns the counter now.
#[inline(always)]
pub(crate) fn now() -> u64 {
    Backend::current().ticks()
}

/// Converts ticks to nanoseconds.
pub(crate) fn nanoseconds(ticks: u64) -> u64 {
    let nanoseconds = (u128::from(ticks) * u128::from(scale())) >> 32;
    u64::try_from(nanoseconds).unwrap_or(u64::MAX)
}

/// Converts nanoseconds to ticks.
pub(crate) fn from_nanoseconds(nanoseconds: u64) -> u64 {
    let ticks = (u128::from(nanoseconds) << 32) / u128::from(scale());
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// Returns how long ago a time was, in nanoseconds.
pub(crate) fn since(at: u64) -> u64 {
    nanoseconds(now().saturating_sub(at))
}

/// Returns a time as nanoseconds of `CLOCK_MONOTONIC`. The same time is the same number, but for a correction every
/// ten seconds.
pub(crate) fn monotonic(at: u64) -> u64 {
    static LAST: Mutex<Option<Anchor>> = Mutex::new(None);
    let last = &mut *LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_old = |last: &Anchor| since(last.0.ticks) > 10_000_000_000;
    if last.as_ref().is_none_or(is_old) {
        *last = Some(Anchor::now());
    }
    last.map_or(0, |last| last.monotonic(at))
}

/// Converts times to `CLOCK_MONOTONIC`, all from one reading of both.
#[derive(Clone, Copy)]
pub(crate) struct Anchor(Pair);

impl Anchor {
    pub(crate) fn now() -> Anchor {
        Anchor(Pair::read())
    }

    /// Returns when it was read.
    pub(crate) fn nanoseconds(self) -> u64 {
        self.0.nanoseconds
    }

    #[cfg(test)]
    fn ticks(self) -> u64 {
        self.0.ticks
    }

    /// Returns a time as nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) fn monotonic(self, at: u64) -> u64 {
        let earlier = nanoseconds(self.0.ticks.saturating_sub(at));
        let later = nanoseconds(at.saturating_sub(self.0.ticks));
        self.0.nanoseconds.saturating_sub(earlier) + later
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_time_in_ticks_is_that_of_the_clock() {
        // The clock is read before and after each reading of the ticks: between two, this thread may not be run.
        let (first, ticks, second) = (Instant::now(), now(), Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let (least, by_ticks, most) = (second.elapsed(), since(ticks), first.elapsed());
        let [least, most] = [least, most].map(|time| u64::try_from(time.as_nanos()).unwrap());
        assert!(by_ticks <= most + most / 500, "{by_ticks} {most}");
        assert!(by_ticks >= least - least / 500, "{by_ticks} {least}");
        let anchor = Anchor::now();
        assert_eq!(anchor.monotonic(anchor.ticks()), anchor.nanoseconds());
        let there_and_back = nanoseconds(from_nanoseconds(1_000_000_000));
        assert!((999_999_000..=1_000_000_000).contains(&there_and_back), "{there_and_back}");
    }
}
