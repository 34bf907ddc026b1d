//! The timers of this thread: sleeps wait in them.

use super::heap::Timers;
use crate::wake::context::{self, Entered, Slot};
use std::cell::Cell;
use std::rc::Rc;

thread_local! {
    static CURRENT: Slot<Timers> = const { Cell::new(None) };
}

/// Makes `timers`, and their clock, those of this thread until the guard is dropped.
#[inline]
pub(crate) fn enter(timers: Rc<Timers>) -> Entered<Timers> {
    context::enter(&CURRENT, timers)
}

/// Returns the timers of this thread.
#[track_caller]
#[inline]
pub(crate) fn current() -> Rc<Timers> {
    context::require(&CURRENT)
}

/// Calls `f`, which must not run user code, with the timers of this thread, if any.
#[cfg(feature = "test-util")]
#[inline]
pub(super) fn with<R>(f: impl FnOnce(Option<&Rc<Timers>>) -> R) -> R {
    context::with(&CURRENT, f)
}
