//! The record of a turn: which descriptors had an event, and which tasks were woken by what.
//!
//! - For tests of wake-ups, with feature `test-util`. The two versions are `record/none.rs` and `record/kept.rs`, of
//!   which one is compiled.
//! - Each run queue has a [`Trace`], for the loop's thread alone. It records an event where the reactor dispatches it,
//!   a wake where the queue takes it, and an index where it is popped for its poll.
//! - [`Executor::turn`](crate::executor::Executor) starts and ends the recording and sets the current part of the
//!   turn, to which wakes are attributed. `block_on` records nothing.

#[cfg(not(feature = "test-util"))]
#[path = "record/none.rs"]
mod kind;

#[cfg(feature = "test-util")]
#[path = "record/kept.rs"]
mod kind;

#[cfg(feature = "test-util")]
pub use kind::{Mask, Ready, Wake, WokenBy};
pub(crate) use kind::{Trace, TurnRecord};
