//! The reactor of this thread: new sockets are registered with it.

use super::epoll::Reactor;
use crate::wake::context::{self, Entered, Slot};
use std::cell::Cell;
use std::rc::Rc;

thread_local! {
    static CURRENT: Slot<Reactor> = const { Cell::new(None) };
}

/// Makes `reactor` the reactor of this thread until the guard is dropped.
pub(crate) fn enter(reactor: Rc<Reactor>) -> Entered<Reactor> {
    context::enter(&CURRENT, reactor)
}

/// Returns the reactor of this thread.
#[track_caller]
pub(crate) fn current() -> Rc<Reactor> {
    context::require(&CURRENT)
}
