//! The kit for unit tests of wake-ups, on the real kernel. Each question has its part:
//!
//! | question | part |
//! |---|---|
//! | Is this future ready, and does it ask to be polled again? | [`spawn`] makes a [`Probe`], which is polled by hand and counts; [`assert_ready!`], [`assert_pending!`] and [`assert_wakes!`] |
//! | What did the kernel report, and which task did it wake? | [`Runtime::turn`](crate::runtime::Runtime::turn), whose [`Turn`] lists it |
//! | What if another thread wakes a loop that sleeps? | [`when_asleep`] |
//! | What if the peer sends exactly this, and stops there? | [`Peer`] |
//! | Is anything left behind? | [`LeakGuard`] |
//!
//! Timers join in by the paused clock ([`time::pause`](crate::time::pause)). `docs/testing.md` in the repository has
//! worked examples, which are tests themselves.
//!
//! The runtime calls nothing in here. It records for `Turn` in `observe/record.rs`, which is empty without feature
//! `test-util`.

mod asleep;
mod assertions;
mod leak_guard;
mod peer;
mod probe;
mod proc_net;
mod turn;

pub use crate::observe::record::{Mask, Ready, Wake, WokenBy};
pub use crate::runtime::Turn;
#[doc(inline)]
pub use crate::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, assert_wakes};
pub use asleep::when_asleep;
#[doc(hidden)]
pub use assertions::{is_error, is_ok, is_pending, is_ready};
pub use leak_guard::{LeakGuard, Leaks};
pub use peer::Peer;
pub use probe::{Probe, spawn};
