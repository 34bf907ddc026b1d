//! The reactor that this thread is in: the one that a new socket is registered with.

use super::epoll::Reactor;
use crate::wake::context::{self, Entered, Slot};
use std::cell::Cell;
use std::rc::Rc;

thread_local! {
    static CURRENT: Slot<Reactor> = const { Cell::new(None) };
}

/// Makes a reactor the one that this thread is in until the guard is dropped.
pub(crate) fn enter(reactor: Rc<Reactor>) -> Entered<Reactor> {
    context::enter(&CURRENT, reactor)
}

/// The reactor that this thread is in.
#[track_caller]
pub(crate) fn current() -> Rc<Reactor> {
    context::require(&CURRENT)
}
