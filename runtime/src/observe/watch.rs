//! Times and causes: how long each poll took, what woke each task, and what the loop did last, with feature `inspect`.
//!
//! - The two versions are `watch/none.rs` and `watch/kept.rs`, of which one is compiled.
//! - The loop reads the time once between two polls: the end of one is the begin of the next. It writes a record for
//!   each poll to a ring that any thread may read, and sums up after each turn what the records of the turn say.
//! - A turn that is short is summed up by one of its polls, which stands for all: the sums have the right mean, and the
//!   counts of polls are exact. In a turn that may have had a long poll every poll is summed up.

#[cfg(not(feature = "inspect"))]
#[path = "watch/none.rs"]
mod kind;

#[cfg(feature = "inspect")]
#[path = "watch/kept.rs"]
mod kind;

#[cfg(feature = "inspect")]
mod cause; // what woke a task, and its label
#[cfg(feature = "inspect")]
mod shared; // what other threads read

#[cfg(feature = "inspect")]
pub(crate) use cause::{By, Label, Note, Woke};
#[cfg(feature = "inspect")]
pub(crate) use kind::TaskTimes;
#[cfg(not(feature = "inspect"))]
pub(crate) use kind::{By, Label, Note, Post, Woke};
pub(crate) use kind::{Watch, WatchSettings};
#[cfg(feature = "inspect")]
pub(crate) use shared::Post;
#[cfg(feature = "inspect")]
pub use shared::{GroupHistograms, Histograms};
