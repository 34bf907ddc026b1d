//! What is alive in an executor, by name: for checks of what a test has left behind.

use super::Executor;
use super::task::Task;
use crate::observe::id::Id;
use crate::wake::key::SourceKey;
use std::fmt;
use std::os::fd::RawFd;
use std::panic::Location;

/// Everything that is alive in an executor.
pub(crate) struct Alive {
    pub(crate) tasks: Vec<Label>,
    pub(crate) sources: Vec<(SourceKey, RawFd)>,
    pub(crate) timers: usize,
    pub(crate) blocking_jobs: usize,
}

/// A task as a report names it.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) id: Id,
    name: Option<Box<str>>,
    spawned_at: &'static Location<'static>,
}

impl Executor {
    /// What is alive now, without tasks that have ended and whose slot the next turn frees.
    pub(crate) fn alive(&self) -> Alive {
        let tasks = self.tasks.borrow();
        let label = |task: &dyn Task| {
            let (name, spawned_at) = task.label()?;
            Some(Label { id: task.id(), name, spawned_at })
        };
        Alive {
            tasks: tasks.iter().filter_map(|(_, task)| label(&**task)).collect(),
            sources: self.reactor.registered(),
            timers: self.timers.len(),
            blocking_jobs: self.blocking.counts().jobs,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, " spawned at {}", self.spawned_at)
    }
}
