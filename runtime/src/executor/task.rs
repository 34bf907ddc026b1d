//! What the executor needs of a task. The task itself is in `task/cell.rs`.

use crate::observe::id::Id;
#[cfg(feature = "test-util")]
use std::panic::Location;
use std::rc::Rc;
use std::task::Context;

/// A spawned future, as the executor sees it.
pub(crate) trait Task {
    /// Polls the future once, unless the task is over.
    ///
    /// It keeps the cell alive by itself, for the executor may let go of it meanwhile.
    fn poll(self: Rc<Self>, cx: &mut Context<'_>) -> Polled;

    /// Drops the future now, or when the poll that is under way returns.
    fn cancel(&self);

    fn id(&self) -> Id;

    /// What it is called in reports, and where it was spawned; `None` once it is over.
    #[cfg(feature = "test-util")]
    fn label(&self) -> Option<(Option<Box<str>>, &'static Location<'static>)>;
}

/// What the executor does next with a task that it has polled.
#[must_use = "a task that is over has to leave its slot"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Polled {
    /// Keep it until it is woken.
    Pending,
    /// Let go of it.
    Over,
    /// Let go of it. It was over before and has not been polled.
    WasOver,
}
