//! The timers that this thread is in: those that a sleep waits with.

use super::heap::Timers;
use crate::wake::context::{self, Entered, Slot};
use std::cell::Cell;
use std::rc::Rc;

thread_local! {
    static CURRENT: Slot<Timers> = const { Cell::new(None) };
}

/// Makes the timers of an executor, and its clock, those that this thread is in until the guard is dropped.
pub(crate) fn enter(timers: Rc<Timers>) -> Entered<Timers> {
    context::enter(&CURRENT, timers)
}

/// The timers that this thread is in.
#[track_caller]
pub(crate) fn current() -> Rc<Timers> {
    context::require(&CURRENT)
}

/// Calls `f`, which must not reach user code, with the timers that this thread is in, if any.
#[cfg(feature = "test-util")]
pub(super) fn with<R>(f: impl FnOnce(Option<&Rc<Timers>>) -> R) -> R {
    context::with(&CURRENT, f)
}
