//! Times and causes: how long each poll took, what woke each task, and what the loop did last, with feature `inspect`.
//!
//! - The two versions are `watch/none.rs` and `watch/kept.rs`, of which one is compiled.
//! - With a recorder the loop reads the time once between two polls: the end of one is the begin of the next. It writes
//!   a record for each poll to a ring that any thread may read, and sums up later what the records say: `watch/sums.rs`.
//! - Without a recorder no poll is timed. The loop says only which task it polls, and in which turn.

#[cfg(not(feature = "inspect"))]
#[path = "watch/none.rs"]
mod kind;

#[cfg(feature = "inspect")]
#[path = "watch/kept.rs"]
mod kind;

#[cfg(feature = "inspect")]
mod cause; // what woke a task, and its label
#[cfg(feature = "inspect")]
mod going; // which task is polled, without a recorder
#[cfg(feature = "inspect")]
mod shared; // what other threads read
#[cfg(feature = "inspect")]
mod sums; // what the records of polls say, summed up

#[cfg(feature = "inspect")]
pub(crate) use cause::{By, Label, WakeNote, Woke};
#[cfg(feature = "inspect")]
pub(crate) use kind::TaskTimes;
#[cfg(not(feature = "inspect"))]
pub(crate) use kind::{By, Label, Post, WakeNote, Woke};
pub(crate) use kind::{Watch, WatchSettings};
#[cfg(feature = "inspect")]
pub(crate) use shared::Post;
#[cfg(feature = "inspect")]
pub use shared::{GroupHistograms, Histograms};

/// The polls of a turn, as they are watched: with a recorder, without one, or not at all.
pub(crate) trait Polls {
    /// The place for what is written of a poll.
    type Slot;

    /// Notes that a poll begins.
    fn begin(&self, slot: Self::Slot, index: u32, woke: Woke);

    /// Notes that the turn is over. `woken_at` is when the task at an index was put in the queue last.
    fn end(self, woken_at: impl Fn(u32) -> u64);
}
