//! Where a task waits: the line of the program, since when, and for which task. With feature `inspect`.
//!
//! - A [`Site`] is a line of the program. Public operations capture it where the operation is made, and pass it down to
//!   the table that keeps the waker. A [`Note`] stands next to that waker. Without the feature both are zero-sized: the
//!   two versions are `site/none.rs` and `site/kept.rs`, of which one is compiled.
//! - A foreign waker does not say which task it is for: a [`Task`] next to it names the one that was polled.
//! - The loop says when the polls of a turn begin and end, and a named frame each entry. All of it is for the loop's
//!   thread alone.

#[cfg(not(feature = "inspect"))]
#[path = "site/none.rs"]
mod kind;

#[cfg(feature = "inspect")]
#[path = "site/kept.rs"]
mod kind;

pub use kind::Site;
pub(crate) use kind::{Moment, Note, Task, polls_end};
#[cfg(feature = "inspect")]
pub(crate) use kind::{ask, polls_begin, swap_frame};
