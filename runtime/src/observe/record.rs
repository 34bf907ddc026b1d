//! What a turn of the loop did, by name: which descriptors had an event, and which tasks were woken by what.
//!
//! For tests of wake-ups. Without feature `test-util` there is nothing of it: what differs is in `record/none.rs` and
//! `record/kept.rs`, of which one is compiled.
//!
//! A [`Trace`] is in each run queue, for the loop's thread alone. It is told of three things where they happen, whoever
//! causes them: an event where the reactor dispatches it, a wake where the queue takes it, and the index that is
//! popped to be polled. [`Executor::turn`](crate::executor::Executor) begins and ends the recording and says which
//! part of the turn it is in, so that a wake is put down to what is under way. `block_on` records nothing.

#[cfg(not(feature = "test-util"))]
#[path = "record/none.rs"]
mod kind;

#[cfg(feature = "test-util")]
#[path = "record/kept.rs"]
mod kind;

#[cfg(feature = "test-util")]
pub use kind::{Mask, Ready, Wake, WokenBy};
pub(crate) use kind::{Record, Trace};
