//! The tasks, descriptors, timers and jobs that are alive in an executor: for tests that check for leaks.

use super::Executor;
use crate::observe::id::Id;
use crate::wake::key::SourceKey;
use crate::wake::task::Task;
use std::fmt;
use std::os::fd::RawFd;
use std::panic::Location;

/// Everything that is alive in an executor.
pub(crate) struct Alive {
    pub(crate) tasks: Vec<AliveTask>,
    pub(crate) sources: Vec<(SourceKey, RawFd)>,
    pub(crate) timers: usize,
    pub(crate) blocking_jobs: usize,
}

/// A task as a report names it.
#[derive(Clone, Debug)]
pub(crate) struct AliveTask {
    pub(crate) id: Id,
    #[cfg_attr(not(feature = "sim"), allow(dead_code, reason = "in the reports of a simulation"))]
    slot: u32,
    name: Option<Box<str>>,
    spawned_at: &'static Location<'static>,
}

impl Executor {
    /// Returns what is alive now, without tasks that have ended and whose slot the next turn frees.
    pub(crate) fn alive(&self) -> Alive {
        Alive {
            tasks: self.queue.indices().filter_map(|index| self.label_of(index)).collect(),
            sources: self.reactor.registered(),
            timers: self.timers.len(),
            blocking_jobs: self.blocking.unfinished(),
        }
    }

    /// Returns the task at this index, unless it has ended.
    fn label_of(&self, index: u32) -> Option<AliveTask> {
        self.queue.task(index).and_then(|task| AliveTask::of(index - 1, &*task))
    }

    /// Returns the task with this index of the run queue as reports of the simulation name it.
    #[cfg(feature = "sim")]
    pub(crate) fn name_of(&self, index: u32) -> String {
        let slot = index.wrapping_sub(1); // the first index is that of the future of `block_on`
        self.label_of(index)
            .map_or_else(|| format!("a task that has ended (slot {slot})"), |label| label.in_full())
    }

    /// Notes that a picture of the simulation names the task with this index.
    #[cfg(feature = "sim")]
    pub(super) fn drawn(&self, index: u32) {
        crate::sys::sim::mark(|host| {
            let name = self.label_of(index).map_or_else(|| "a task".to_owned(), |label| label.in_short());
            crate::sys::sim::Marked::Spawned { host, task: index, name }
        });
    }

    /// Returns the indices of the first queued tasks.
    #[cfg(feature = "sim")]
    pub(crate) fn queued(&self) -> Vec<u32> {
        self.queue.first(8)
    }

    /// Returns whether another thread has sent something that no turn has taken.
    #[cfg(feature = "sim")]
    pub(crate) fn has_mail(&self) -> bool {
        self.remote.mailbox.has_mail()
    }
}

impl AliveTask {
    fn of(slot: u32, task: &dyn Task) -> Option<AliveTask> {
        let (name, spawned_at) = task.label()?;
        Some(AliveTask { id: task.id(), slot, name, spawned_at })
    }

    /// Returns the same with the slot.
    #[cfg(feature = "sim")]
    pub(crate) fn in_full(&self) -> String {
        let name = self.name.as_ref().map_or_else(String::new, |name| format!(" {name:?}"));
        format!("task {}{name} in slot {} spawned at {}", self.id, self.slot, self.spawned_at)
    }

    /// Returns the name, or where it was spawned.
    #[cfg(feature = "sim")]
    fn in_short(&self) -> String {
        let place = || format!("{}:{}", self.spawned_at.file(), self.spawned_at.line());
        self.name.as_ref().map_or_else(place, ToString::to_string)
    }
}

impl fmt::Display for AliveTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, " spawned at {}", self.spawned_at)
    }
}
