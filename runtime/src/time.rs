//! Time: sleeping, time limits and intervals.
//!
//! - Resolution: a nanosecond. A timer never fires early. It fires late by the time that the kernel takes to wake a
//!   thread (some 30 us) and that the tasks before it take: at most 64 polls lie between two checks of the timers.
//! - Timer slack: while a loop with timers runs, that of its thread is 1 ns
//!   ([`PR_SET_TIMERSLACK`](https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html)); the default delays
//!   wake-ups by another 50 us. `block_on` restores it on return. A thread or a process that a task starts by std
//!   inherits it; those of [`spawn_blocking`](crate::task::spawn_blocking) and of
//!   [`process::Command`](crate::process::Command) start with the earlier value.
//! - Range: a deadline in the past is ready on the first poll; one beyond the range of the clock, such as
//!   `Duration::MAX` from now, never comes and is no error.

pub use clock::Instant;
pub(crate) use current::{current, enter};
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
#[cfg(feature = "test-util")]
pub use pause::{advance, pause, resume, set_auto_advance};
pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::Duration;
pub use timeout::{Timeout, timeout, timeout_at};
pub use wall::system_now;

pub(crate) mod clock; // the clock of an executor, and `Instant`
mod current; // the timers of this thread
pub(crate) mod heap; // the deadlines of an executor
mod interval; // repeated deadlines
#[cfg(feature = "hyper")]
pub(crate) mod numbered; // sleeps that may be sent to another thread, for hyper
#[cfg(feature = "test-util")]
pub(crate) mod pause; // a clock that a test controls
mod sleep; // until a deadline
mod timeout; // a limit for a future
mod wall; // the time of day

pub mod error {
    //! The errors of this module.

    pub use super::timeout::Elapsed;
}
