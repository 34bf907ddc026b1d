//! The clock of a runtime, and [`Instant`], a time on it.
//!
//! - Each executor has a clock: the monotonic clock of the system, unless a test with feature `test-util` has paused
//!   it. The two sources are `clock/real.rs` and `clock/paused.rs`, of which one is compiled.
//! - A time is the nanoseconds of `CLOCK_MONOTONIC` in 64 bits, without arithmetic until a deadline is compared. The
//!   range ends 584 years after the machine was started.

#[cfg(not(feature = "test-util"))]
#[path = "clock/real.rs"]
pub(crate) mod source;

#[cfg(feature = "test-util")]
#[path = "clock/paused.rs"]
pub(crate) mod source;

use crate::sys::Backend;
use source::ClockSource;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::sync::OnceLock;
use std::time::Duration;

/// How far the coarse clock may be behind: two ticks of the slowest kernel. Where it is behind by more, a loop that
/// would sleep notices a deadline in the past, not the first poll.
const COARSE_LAG: u64 = 20_000_000;

/// A deadline that is further away is far: a second.
const FAR: u64 = 1_000_000_000;

/// The clock of an executor.
pub(crate) struct Clock {
    pub(crate) source: ClockSource,
    backend: Backend,
    /// When the kernel had its last tick, for a test in which the next one is late.
    #[cfg(test)]
    pub(crate) last_tick: std::cell::Cell<Option<u64>>,
}

impl Clock {
    #[inline]
    pub(crate) fn new(backend: Backend) -> Clock {
        Clock {
            source: ClockSource::new(),
            backend,
            #[cfg(test)]
            last_tick: None.into(),
        }
    }

    /// Returns the time now, in nanoseconds.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.source.now()
    }

    /// Returns the time at the last tick of the kernel.
    #[inline]
    fn coarse(&self) -> u64 {
        #[cfg(test)]
        if let Some(tick) = self.last_tick.get() {
            return tick;
        }
        self.backend.monotonic_coarse()
    }

    /// Returns how long until `deadline`, if it is more than a second away; up to [`COARSE_LAG`] less than that. Only
    /// the coarse clock is read.
    #[inline]
    pub(crate) fn until_far(&self, deadline: u64) -> Option<u64> {
        if self.source.is_virtual() || !self.backend.has_coarse() {
            return None;
        }
        let far = self.coarse() + COARSE_LAG + FAR;
        (deadline > far).then(|| deadline - far + FAR)
    }

    /// Returns whether `deadline` has passed.
    ///
    /// The precise clock is read (about 25 ns) only when the coarse one (about 5 ns) does not decide.
    #[inline]
    pub(crate) fn has_passed(&self, deadline: u64) -> bool {
        if !self.source.is_virtual() {
            let coarse = self.coarse();
            if deadline <= coarse {
                return true;
            }
            if deadline - coarse > COARSE_LAG {
                return false;
            }
        }
        deadline <= self.now()
    }
}

/// A time on the clock of the runtime, to the nanosecond.
///
/// As [`std::time::Instant`], except that [`now`](Instant::now) follows the clock of the runtime where a test has
/// paused it, and that no time later than 584 years after the machine was started can be represented.
///
/// ```
/// use egret_runtime::time::Instant;
/// use std::time::Duration;
///
/// let start = Instant::now();
/// let end = start + Duration::from_nanos(1_500);
/// assert_eq!(end - start, Duration::from_nanos(1_500));
/// assert_eq!(start.saturating_duration_since(end), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

/// One moment on both clocks. The standard library's is read first, so that a deadline converted from it is never
/// earlier here, but later by the time that a reading takes.
struct ClockAnchor {
    std: std::time::Instant,
    nanoseconds: u64,
}

#[inline]
fn anchor() -> &'static ClockAnchor {
    static ANCHOR: OnceLock<ClockAnchor> = OnceLock::new();
    ANCHOR.get_or_init(|| {
        let std = std::time::Instant::now();
        ClockAnchor { std, nanoseconds: Backend::current().monotonic() }
    })
}

impl Instant {
    /// Returns the time now.
    #[inline]
    pub fn now() -> Instant {
        Instant(source::now())
    }

    #[inline]
    pub(crate) fn from_nanoseconds(nanoseconds: u64) -> Instant {
        Instant(nanoseconds)
    }

    #[inline]
    pub(crate) fn nanoseconds(self) -> u64 {
        self.0
    }

    /// Converts a time of the standard library; a time out of range becomes the end of the range.
    #[inline]
    pub fn from_std(std: std::time::Instant) -> Instant {
        let anchor = anchor();
        let origin = Instant(anchor.nanoseconds);
        let earlier = anchor.std.saturating_duration_since(std);
        let later = std.saturating_duration_since(anchor.std);
        origin.checked_sub(earlier).unwrap_or(Instant(0)).checked_add(later).unwrap_or(Instant(u64::MAX))
    }

    /// Converts to a time of the standard library.
    #[inline]
    pub fn into_std(self) -> std::time::Instant {
        let anchor = anchor();
        let origin = Instant(anchor.nanoseconds);
        anchor.std + self.saturating_duration_since(origin) - origin.saturating_duration_since(self)
    }

    /// Returns how much later than `earlier` this is; zero when it is earlier.
    #[inline]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns how much later than `earlier` this is; `None` when it is earlier.
    #[inline]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_nanos)
    }

    /// Returns how much later than `earlier` this is; zero when it is earlier.
    #[inline]
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns how long ago this was; zero when it is in the future.
    #[inline]
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// Returns the time `duration` later; `None` beyond the range of the clock.
    #[inline]
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(nanoseconds(duration)?).map(Instant)
    }

    /// Returns the time `duration` earlier; `None` before the range of the clock.
    #[inline]
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(nanoseconds(duration)?).map(Instant)
    }
}

impl From<std::time::Instant> for Instant {
    #[inline]
    fn from(std: std::time::Instant) -> Instant {
        Instant::from_std(std)
    }
}

impl From<Instant> for std::time::Instant {
    #[inline]
    fn from(instant: Instant) -> std::time::Instant {
        instant.into_std()
    }
}

#[inline]
fn nanoseconds(duration: Duration) -> Option<u64> {
    duration.as_secs().checked_mul(1_000_000_000)?.checked_add(duration.subsec_nanos().into())
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// Beyond the range of the clock; [`Instant::checked_add`] returns `None` instead.
    #[track_caller]
    #[inline]
    fn add(self, duration: Duration) -> Instant {
        self.checked_add(duration).expect("a time beyond the range of the clock")
    }
}

impl AddAssign<Duration> for Instant {
    #[track_caller]
    #[inline]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// Before the range of the clock; [`Instant::checked_sub`] returns `None` instead.
    #[track_caller]
    #[inline]
    fn sub(self, duration: Duration) -> Instant {
        self.checked_sub(duration).expect("a time before the range of the clock")
    }
}

impl SubAssign<Duration> for Instant {
    #[track_caller]
    #[inline]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// Returns how much later than `earlier` this is; zero when it is earlier.
    #[inline]
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({}.{:09})", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_standard_library_comes_back_as_it_was() {
        let now = std::time::Instant::now();
        for std in
            [now, now + Duration::from_nanos(1), now - Duration::from_micros(1), now + Duration::from_secs(1)]
        {
            assert_eq!(Instant::from_std(std).into_std(), std);
        }
        assert!(Instant::now().into_std() <= std::time::Instant::now());
        let far = now.checked_add(Duration::from_secs(1_000 * 365 * 86_400));
        assert_eq!(far.map(Instant::from_std), far.map(|_| Instant(u64::MAX)));
    }

    #[test]
    fn a_deadline_of_the_standard_library_is_never_earlier_here() {
        for _ in 0..if cfg!(miri) { 10 } else { 10_000 } {
            let here = Instant::now();
            let there = Instant::from_std(std::time::Instant::now());
            assert!(there >= here);
        }
    }

    #[test]
    fn what_is_beyond_the_range_is_nothing_and_not_a_panic() {
        let now = Instant::now();
        assert_eq!(now.checked_add(Duration::MAX), None);
        assert_eq!(now.checked_sub(Duration::MAX), None);
        assert_eq!(Instant(u64::MAX).checked_add(Duration::from_nanos(1)), None);
        assert_eq!(Instant(u64::MAX - 1).checked_add(Duration::from_nanos(1)), Some(Instant(u64::MAX)));
    }
}
