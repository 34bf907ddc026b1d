//! Waits that are in no table of the executor: for a shutdown, for a set of tasks, for a task of another runtime. With
//! feature `inspect`.
//!
//! - A list of waiters enters itself with its thread when it is first waited in; a dump asks those that are still
//!   alive. It belongs to the loop's thread.
//! - Without the feature nothing is kept: the two versions are `listed/none.rs` and `listed/kept.rs`.

#[cfg(not(feature = "inspect"))]
#[path = "listed/none.rs"]
mod kind;

#[cfg(feature = "inspect")]
#[path = "listed/kept.rs"]
mod kind;

pub(crate) use kind::{Entry, RemoteWait};
#[cfg(feature = "inspect")]
pub(crate) use kind::{ListedKind, ListedWait, Lists, waits};
