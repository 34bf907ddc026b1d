//! What the executor needs of a task. The task itself is in `task/cell.rs`.

use crate::observe::id::Id;
#[cfg(feature = "test-util")]
use std::panic::Location;
use std::rc::Rc;
use std::task::Context;

/// A spawned future, as the executor sees it.
pub(crate) trait Task {
    /// Polls the future once, unless the task has ended.
    ///
    /// It keeps the cell alive by itself, as the executor may drop its reference meanwhile.
    fn poll(self: Rc<Self>, cx: &mut Context<'_>) -> Polled;

    /// Drops the future now, or when the current poll returns.
    fn cancel(&self);

    fn id(&self) -> Id;

    /// Its name in reports, and where it was spawned; `None` once it has ended.
    #[cfg(feature = "test-util")]
    fn label(&self) -> Option<(Option<Box<str>>, &'static Location<'static>)>;
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
