//! The executor that a thread is in: how a free function such as `spawn` finds it.
//!
//! A thread is in an executor while a guard of [`enter`](Executor::enter) lives: during `block_on`, a turn by hand, and in a
//! destructor that runs when the runtime is dropped. Guards nest, and each puts back what was there before it;
//! `runtime/enter.rs` keeps the order of those that a program has.

use super::Executor;
use crate::observe::id::Id;
use crate::task::join::JoinHandle;
use crate::time::clock;
use crate::time::clock::source::EnteredClock;
use crate::wake::context::{self, Entered, Slot};
use crate::wake::queue::RunQueue;
use crate::wake::waker;
use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

thread_local! {
    /// The executor that this thread is in.
    static CURRENT: Slot<Executor> = const { Cell::new(None) };
}

/// Makes an executor the one that this thread is in, until it is dropped.
pub(crate) struct EnteredExecutor {
    executor: Entered<Executor>,
    queue: Entered<RunQueue>,
    clock: EnteredClock,
}

impl Executor {
    pub(crate) fn enter(self: &Rc<Executor>) -> EnteredExecutor {
        EnteredExecutor {
            executor: context::enter(&CURRENT, self.clone()),
            queue: waker::enter(self.queue.clone()),
            clock: clock::source::enter(&self.clock),
        }
    }
}

impl EnteredExecutor {
    /// Ends the guard and leaves the thread where it is.
    pub(crate) fn abandon(self) {
        self.executor.abandon();
        self.queue.abandon();
        self.clock.abandon();
    }
}

/// The executor that this thread is in.
#[track_caller]
pub(crate) fn current() -> Rc<Executor> {
    match try_current() {
        Some(executor) => executor,
        None => panic!("{}", context::nowhere()),
    }
}

/// The executor that this thread is in, if any.
pub(crate) fn try_current() -> Option<Rc<Executor>> {
    context::get(&CURRENT)
}

/// Makes `future` a task of the runtime that this thread is in. It runs by itself, whether or not the
/// handle is kept, until it completes, is aborted, or the runtime is dropped.
///
/// The future stays on this thread, so it need not be `Send`: it may hold an `Rc`. It is polled for the
/// first time by the loop, not in here.
///
/// # Panics
///
/// When this thread is not in a runtime.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// egret_runtime::block_on(async {
///     let shared = Rc::new(Cell::new(0));
///     let theirs = shared.clone();
///     egret_runtime::spawn(async move { theirs.set(42) }).await.unwrap();
///     assert_eq!(shared.get(), 42);
/// });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    current().spawn(future, Id::next(), Location::caller())
}
