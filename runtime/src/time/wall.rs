//! The wall clock.

use crate::sys::Backend;
use std::time::SystemTime;

/// Returns the time of day: [`SystemTime::now`], and in a simulation the wall clock of the host, which the test may set.
///
/// Like it this may step, forwards and backwards, when the clock is set; deadlines go by [`Instant`](crate::time::Instant).
/// It does not follow a clock that a test has paused.
///
/// ```
/// use std::time::SystemTime;
///
/// let now = egret_runtime::time::system_now();
/// assert!(now > SystemTime::UNIX_EPOCH);
/// ```
#[inline]
pub fn system_now() -> SystemTime {
    Backend::current().wall_clock()
}
