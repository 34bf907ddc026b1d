//! [`spawn`]: makes a future a task of an executor.

use super::cell::{NewTask, share};
use super::join::JoinHandle;
use crate::executor::{self, Executor};
use crate::observe::id::Id;
use crate::wake::key::TaskKey;
use crate::wake::task::Header;
use std::future::Future;
use std::panic::Location;

impl Executor {
    /// Makes `future` a task and queues it.
    #[inline]
    pub(crate) fn spawn<F>(&self, future: F, id: Id, at: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.start(future, NewTask { id, at, name: None })
    }

    /// Stores a task and queues it.
    #[inline]
    pub(crate) fn start<F>(&self, future: F, new: NewTask) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let mut header = Header::new(new.id, new.at, self.policy.get());
        if new.name.is_some() {
            header.with_rare(|rare| rare.name = new.name);
        }
        if self.is_closed() {
            let (_, task) = share(header, future, &self.memory);
            task.cancel();
            return JoinHandle::of_task(task, TaskKey::of_none(self.queue.executor));
        }
        let span = header.open_span(size_of::<F>());
        let (task, handle) = share(header, future, &self.memory);
        JoinHandle::of_task(handle, self.admit(task, span))
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
