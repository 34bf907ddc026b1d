//! [`Stall`]: the report of a poll that holds its loop.

use crate::inspect::stack::Stack;
use crate::inspect::{Place, ThreadView};
use crate::observe::recorder::Recording;
use crate::runtime::Handle;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A poll that holds its loop for longer than the limit of
/// [`Builder::stall_after`](crate::runtime::Builder::stall_after).
///
/// Its [`Display`](fmt::Display) is a report of a few lines. Its fields are also those of its JSON.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Stall {
    /// Whether the poll goes on.
    pub stage: StallStage,
    /// The id of the task; 0 for the future of `block_on`.
    pub task: u64,
    /// The name, of tasks that have one.
    pub name: Option<String>,
    /// The line that spawned it.
    pub spawned_at: Option<Place>,
    /// For how long the poll has been going, or went, in nanoseconds: without the time for which the process was
    /// stopped. Of a poll that has ended it is known to about a thirtieth.
    pub held_ns: u64,
    /// The thread of the loop, and what the kernel said of it when the limit was reached.
    pub thread: ThreadView,
    /// The processor time that the thread has used since the poll was first seen, in nanoseconds: little for a poll
    /// that sleeps or waits for a processor, nearly all of `held_ns` for one that computes.
    pub processor_ns: Option<u64>,
    /// The stack of the thread when the limit was reached.
    pub stack: Stack,
    #[serde(skip)]
    pub(super) handle: Handle,
}

/// Whether a stall goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StallStage {
    /// The poll is going on.
    Begun,
    /// The poll has returned.
    Ended,
}

impl Stall {
    /// Returns for how long the poll has been going, or went: [`held_ns`](Stall::held_ns).
    pub fn held(&self) -> Duration {
        Duration::from_nanos(self.held_ns)
    }

    /// Returns the earlier events of the loop, from its flight recorder; `None` once the runtime is gone.
    pub fn recording(&self) -> Option<Recording> {
        self.handle.recording()
    }

    /// Returns the loop, for instance for its [`dump`](Handle::dump).
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task {
            0 => f.write_str("egret: the future of block_on")?,
            task => write!(f, "egret: task {task}")?,
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(place) = self.spawned_at {
            write!(f, ", {} at {place},", if self.task == 0 { "called" } else { "spawned" })?;
        }
        let held = self.held();
        let ThreadView { tid, name, kernel, .. } = &self.thread;
        if self.stage == StallStage::Ended {
            return write!(
                f,
                " held the loop of thread {tid} {name:?} for about {held:.1?} and has returned"
            );
        }
        write!(f, " has held the loop for {held:.1?}\n  thread {tid} {name:?}")?;
        write!(f, " {}", kernel.as_deref().unwrap_or("cannot be looked at"))?;
        if let Some(used) = self.processor_ns {
            write!(f, ", with {:.1?} on a processor", Duration::from_nanos(used))?;
        }
        write!(f, "\n  {}", self.stack)
    }
}
