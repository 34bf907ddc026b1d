//! The state of a loop at this moment, for other threads.

use crate::observe::id::Id;
use std::panic::Location;
use std::time::Duration;

/// The state of a loop at this moment, as another thread sees it: see [`Handle::progress`](crate::runtime::Handle::progress).
///
/// It is read while the loop goes on: the parts are of one poll, but the poll may be over when this is returned.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The poll that is going on; `None` between polls and while the loop sleeps.
    pub poll: Option<PollProgress>,
    /// Whether the loop is in `epoll_wait`.
    pub is_waiting: bool,
    /// Changes with each poll: two equal numbers with a poll in both are the same poll.
    pub polls: u64,
}

/// A poll that is going on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PollProgress {
    /// The task; `None` for the future of `block_on`.
    pub task: Option<Id>,
    /// The name, of tasks that have one.
    pub name: Option<String>,
    /// Where the task was spawned.
    pub spawned_at: Option<&'static Location<'static>>,
    /// Since when the poll runs; in a runtime without a [recorder](crate::runtime::Builder::recorder), since when its turn
    /// does.
    pub elapsed: Duration,
}
