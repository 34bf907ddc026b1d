//! [`spawn`]: makes a future a task of an executor.

use super::cell::TaskCell;
use super::join::JoinHandle;
use crate::executor::task::Task;
use crate::executor::{self, Executor};
use crate::observe::id::Id;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

impl Executor {
    /// Makes `future` a task and queues it.
    #[inline]
    pub(crate) fn spawn<F>(&self, future: F, id: Id, at: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.start(TaskCell::new(future, id, at))
    }

    /// Stores a task and queues it.
    #[inline]
    pub(crate) fn start<F>(&self, mut task: TaskCell<F>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        if self.is_closed() {
            let task = Rc::new(task);
            Task::cancel(&*task);
            return JoinHandle::new(task, None, self.address());
        }
        let span = task.open_span();
        let task = Rc::new(task);
        let key = self.admit(task.clone(), Task::id(&*task), span);
        JoinHandle::new(task, Some(key), self.address())
    }
}

/// Makes `future` a task of this thread's runtime. It runs, whether or not the handle is kept, until it completes, is
/// aborted, or the runtime is dropped.
///
/// The future stays on this thread, so it need not be `Send`: it may hold an `Rc`. The loop polls it for the first
/// time, not this function.
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
#[inline]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    executor::current().spawn(future, Id::next(), Location::caller())
}
