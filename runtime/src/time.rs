//! Time: sleeping, time limits and intervals.
//!
//! Deadlines are kept to the nanosecond and a timer never fires early. How late it fires is up to the kernel, which
//! takes some 30 us to wake a thread, and to the tasks that run before it: at most 64 polls lie between two looks at
//! the timers. While a loop with timers runs, the timer slack of its thread, by which the kernel would put its
//! wake-ups off by another 50 us, is 1 ns
//! ([`PR_SET_TIMERSLACK`](https://man7.org/linux/man-pages/man2/PR_SET_TIMERSLACK.2const.html)). `block_on` puts it back
//! when it returns. A thread or a process that a task starts by std inherits it; those of
//! [`spawn_blocking`](crate::task::spawn_blocking) and of [`process::Command`](crate::process::Command) begin with what
//! the thread had before. A deadline that lies in the past is ready on the first poll; one that is beyond the range of
//! the clock, as `Duration::MAX` from now, never comes and is no error.

pub use clock::Instant;
pub(crate) use current::{current, enter};
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
#[cfg(feature = "test-util")]
pub use pause::{advance, pause, resume, set_auto_advance};
pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::Duration;
pub use timeout::{Timeout, timeout, timeout_at};

pub(crate) mod clock; // what time it is
mod current; // the timers that a thread is in
pub(crate) mod heap; // the deadlines of an executor
mod interval; // again and again
#[cfg(feature = "hyper")]
pub(crate) mod numbered; // sleeps that may be sent to another thread, for hyper
#[cfg(feature = "test-util")]
pub(crate) mod pause; // a clock that a test controls
mod sleep; // until a deadline
mod timeout; // a limit for a future

pub mod error {
    //! What may go wrong with time.

    pub use super::timeout::Elapsed;
}
