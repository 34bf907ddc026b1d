//! Time: sleeping, time limits and intervals.
//!
//! Deadlines are kept to the nanosecond and a timer never fires early. How late it fires is up to the kernel
//! (`epoll_pwait2` and its timer slack, 50 us by default) and to the tasks that run before it: at most 64 polls lie
//! between two looks at the timers. A deadline that lies in the past is ready on the first poll; one that is
//! beyond the range of the clock, as `Duration::MAX` from now, never comes and is no error.

pub use crate::clock::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
#[cfg(feature = "test-util")]
pub use pause::{advance, pause, resume, set_auto_advance};
pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::Duration;
pub use timeout::{Timeout, timeout, timeout_at};

mod interval;
#[cfg(feature = "test-util")]
mod pause;
mod sleep;
mod timeout;

pub mod error {
    //! What may go wrong with time.

    pub use super::timeout::Elapsed;
}
