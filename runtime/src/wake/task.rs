//! What the run queue and the executor need of a task. The task itself is in `task/cell.rs`.

#![allow(unsafe_code)]

mod header; // the part of a task's cell that does not depend on its future
pub(crate) mod memory; // memory of ended tasks, kept
mod shared; // a counted reference to a cell

pub(crate) use header::{Header, Phase, Policy};
pub(crate) use shared::CellRef;

use crate::observe::id::Id;
use crate::observe::watch::Label;
#[cfg(feature = "inspect")]
use crate::wake::waiter::Waiter;
use std::panic::Location;
use std::task::Context;

/// A spawned future, as the executor sees it.
pub(crate) trait Task {
    /// Polls the future once, unless the task has ended.
    ///
    /// The caller keeps a reference meanwhile, besides that in the executor, which may be dropped.
    fn poll(&self, cx: &mut Context<'_>) -> Polled;

    /// Drops the future now, or when the current poll returns.
    fn cancel(&self);

    fn id(&self) -> Id;

    fn spawned_at(&self) -> &'static Location<'static>;

    /// Returns whether its future has been dropped, or is being dropped.
    fn is_over(&self) -> bool;

    /// Returns its name in reports, and where it was spawned; `None` once it has ended.
    #[cfg(any(feature = "inspect", feature = "test-util"))]
    fn label(&self) -> Option<(Option<Box<str>>, &'static Location<'static>)>;

    /// Describes the task for a dump. Runs no user code.
    #[cfg(feature = "inspect")]
    fn view(&self) -> TaskView;
}

/// A task, as a dump shows it.
#[cfg(feature = "inspect")]
#[derive(Clone, Debug)]
pub(crate) struct TaskView {
    pub(crate) id: Id,
    pub(crate) name: Option<Box<str>>,
    pub(crate) spawned_at: &'static Location<'static>,
    /// The size of its future.
    pub(crate) size: usize,
    pub(crate) phase: TaskPhase,
    /// The waiter that awaits its handle. Of a foreign waker only the last is known.
    pub(crate) joined_by: Option<Waiter>,
}

/// What is done with a task at the moment.
#[cfg(feature = "inspect")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TaskPhase {
    /// It waits for its next poll or for a wake.
    Idle,
    /// It is being polled.
    Running,
    /// Its future is being dropped.
    Dropping,
    /// It has ended.
    Over,
}

/// Returns what is watched of a task that is about to be queued for the first time.
#[cfg(feature = "inspect")]
pub(crate) fn label(task: &dyn Task) -> Label {
    Label::new(task.label())
}

#[cfg(not(feature = "inspect"))]
#[inline]
pub(crate) fn label(_task: &dyn Task) -> Label {
    Label
}

/// What the executor does with a task after a poll.
#[must_use = "a task that is over has to leave its slot"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Polled {
    /// Keep it until it is woken.
    Pending,
    /// Drop it.
    Over,
    /// Drop it. It had ended before and was not polled.
    WasOver,
}
