//! The executor that a thread is in: how a free function such as `spawn` finds it.
//!
//! A thread is in an executor while a guard of [`enter`](Executor::enter) lives: during `block_on`, a turn by hand, and in a
//! destructor that runs when the runtime is dropped. Guards nest, and each puts back what was there before it;
//! `runtime/enter.rs` keeps the order of those that a program has.

use super::Executor;
use crate::reactor;
use crate::reactor::epoll::Reactor;
use crate::time;
use crate::time::heap::Timers;
#[cfg(feature = "hyper")]
use crate::time::numbered::Sleeps;
#[cfg(feature = "test-util")]
use crate::time::pause::Turns;
use crate::wake::context::{self, Entered, Slot};
use crate::wake::queue::RunQueue;
use crate::wake::waker;
use std::cell::Cell;
use std::rc::Rc;

thread_local! {
    /// The executor that this thread is in.
    static CURRENT: Slot<Executor> = const { Cell::new(None) };
}

/// Makes an executor the one that this thread is in, until it is dropped.
pub(crate) struct EnteredExecutor {
    executor: Entered<Executor>,
    queue: Entered<RunQueue>,
    reactor: Entered<Reactor>,
    timers: Entered<Timers>,
    #[cfg(feature = "hyper")]
    sleeps: Entered<Sleeps>,
    #[cfg(feature = "test-util")]
    turns: Entered<dyn Turns>,
}

impl Executor {
    pub(crate) fn enter(self: &Rc<Executor>) -> EnteredExecutor {
        EnteredExecutor {
            executor: context::enter(&CURRENT, self.clone()),
            queue: waker::enter(self.queue.clone()),
            reactor: reactor::enter(self.reactor.clone()),
            timers: time::enter(self.timers.clone()),
            #[cfg(feature = "hyper")]
            sleeps: self.sleeps.enter(),
            #[cfg(feature = "test-util")]
            turns: time::pause::enter(self.clone()),
        }
    }
}

impl EnteredExecutor {
    /// Ends the guard and leaves the thread where it is.
    pub(crate) fn abandon(self) {
        self.executor.abandon();
        self.queue.abandon();
        self.reactor.abandon();
        self.timers.abandon();
        #[cfg(feature = "hyper")]
        self.sleeps.abandon();
        #[cfg(feature = "test-util")]
        self.turns.abandon();
    }
}

/// The executor that this thread is in.
#[track_caller]
pub(crate) fn current() -> Rc<Executor> {
    context::require(&CURRENT)
}

/// The executor that this thread is in, if any.
pub(crate) fn try_current() -> Option<Rc<Executor>> {
    context::get(&CURRENT)
}
