//! The executor of this thread, which free functions such as `spawn` use.
//!
//! A thread is in an executor while a guard of [`enter`](Executor::enter) lives: during `block_on`, a turn by hand,
//! and the destructors that run when the runtime is dropped. Guards nest, and each restores the previous one;
//! `runtime/enter.rs` keeps the order of the guards that a program holds.

use super::Executor;
use crate::observe::id::Id;
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
use crate::wake::task::memory::Memory;
use crate::wake::waker;
use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;

thread_local! {
    /// The executor of this thread.
    static CURRENT: Slot<Executor> = const { Cell::new(None) };
}

/// Makes an executor the one of this thread, until it is dropped.
pub(crate) struct EnteredExecutor {
    executor: Entered<Executor>,
    queue: Entered<RunQueue>,
    reactor: Entered<Reactor>,
    timers: Entered<Timers>,
    memory: Entered<Memory>,
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
            memory: self.memory.enter(),
            #[cfg(feature = "hyper")]
            sleeps: self.sleeps.enter(),
            #[cfg(feature = "test-util")]
            turns: time::pause::enter(self.clone()),
        }
    }
}

impl Executor {
    /// Returns whether `foreign`, which is no task's waker, waits for a socket or a timer.
    pub(crate) fn has_waiter(&self, foreign: &Waker) -> bool {
        self.reactor.has_waiter(foreign) || self.timers.has_waiter(foreign)
    }

    /// Returns the task that is being polled.
    pub(crate) fn running_task(&self) -> Option<Id> {
        #[cfg(not(feature = "inspect"))]
        let index = self.running.get();
        #[cfg(feature = "inspect")]
        let index = self.queue.watch.polled()?;
        self.queue.task(index).map(|task| task.id())
    }
}

impl EnteredExecutor {
    /// Ends the guard and leaves the thread in the executor.
    pub(crate) fn abandon(self) {
        self.executor.abandon();
        self.queue.abandon();
        self.reactor.abandon();
        self.timers.abandon();
        self.memory.abandon();
        #[cfg(feature = "hyper")]
        self.sleeps.abandon();
        #[cfg(feature = "test-util")]
        self.turns.abandon();
    }
}

/// Returns the executor of this thread.
#[track_caller]
#[inline]
pub(crate) fn current() -> Rc<Executor> {
    context::require(&CURRENT)
}

/// Returns the executor of this thread, if any.
pub(crate) fn try_current() -> Option<Rc<Executor>> {
    context::get(&CURRENT)
}
