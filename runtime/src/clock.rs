//! The clock of a runtime, and [`Instant`], a time on it.
//!
//! Each executor has a clock. It is the monotonic clock of the system, unless feature `test-util` is on and a test
//! has paused it: what differs is in `clock/real.rs` and `clock/paused.rs`, of which one is compiled. Timers are
//! set in nanoseconds since the clock was made.

#[cfg(not(feature = "test-util"))]
#[path = "clock/real.rs"]
pub(crate) mod source;

#[cfg(feature = "test-util")]
#[path = "clock/paused.rs"]
pub(crate) mod source;

use crate::sys::Backend;
use source::Source;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

/// How far the coarse clock is trusted to be behind: two ticks of the slowest kernel. Where it is behind by more,
/// a deadline in the past is noticed by the next look at the timers and not by the first poll.
const COARSE_LAG: u64 = 20_000_000;

/// The clock of an executor.
pub(crate) struct Clock {
    pub(crate) source: Source,
    backend: Backend,
    origin: std::time::Instant,
    /// `origin` on the kernel's own scale, or a little later.
    kernel_origin: u64,
}

impl Clock {
    pub(crate) fn new(backend: Backend) -> Clock {
        let origin = std::time::Instant::now();
        Clock { source: Source::new(), backend, origin, kernel_origin: backend.monotonic() }
    }

    /// Nanoseconds since the clock was made.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.nanoseconds(Instant(self.source.now())).unwrap_or(u64::MAX)
    }

    /// `instant` in nanoseconds since the clock was made; 0 for what was before, `None` for what is more than 584
    /// years after.
    #[inline]
    pub(crate) fn nanoseconds(&self, instant: Instant) -> Option<u64> {
        let since = instant.0.saturating_duration_since(self.origin);
        since.as_secs().checked_mul(1_000_000_000)?.checked_add(since.subsec_nanos().into())
    }

    /// What `nanoseconds` after the clock was made is.
    pub(crate) fn instant(&self, nanoseconds: u64) -> Instant {
        Instant(self.origin + Duration::from_nanos(nanoseconds))
    }

    /// Whether `deadline` has passed.
    ///
    /// The precise clock is read (about 25 ns) only when the coarse one (about 5 ns) leaves it open.
    pub(crate) fn has_passed(&self, deadline: u64) -> bool {
        if !self.source.is_virtual() {
            let coarse = self.backend.monotonic_coarse().saturating_sub(self.kernel_origin);
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
/// As [`std::time::Instant`], which it is made of, but that [`now`](Instant::now) follows the clock of the runtime
/// where a test has paused it.
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
pub struct Instant(std::time::Instant);

impl Instant {
    /// The time now.
    #[inline]
    pub fn now() -> Instant {
        Instant(source::now())
    }

    /// The same time as a type of egret.
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant(std)
    }

    /// The same time as a type of the standard library.
    pub fn into_std(self) -> std::time::Instant {
        self.0
    }

    /// How much later than `earlier` this is, or nothing.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// How much later than `earlier` this is, unless it is earlier.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// How much later than `earlier` this is, or nothing.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// How long ago this was, or nothing.
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// This much later, unless it is beyond the range of the clock.
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).map(Instant)
    }

    /// This much earlier, unless it is beyond the range of the clock.
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Instant)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Instant {
        Instant(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.0
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// Beyond the range of the clock; [`Instant::checked_add`] does not.
    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    /// # Panics
    ///
    /// Beyond the range of the clock; [`Instant::checked_sub`] does not.
    fn sub(self, duration: Duration) -> Instant {
        Instant(self.0 - duration)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// How much later than `earlier` this is, or nothing.
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
