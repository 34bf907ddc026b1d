//! [`spawn`]: makes a future a task of an executor.

use super::cell::{NewTask, share};
use super::join::JoinHandle;
use crate::executor::{self, Executor};
use crate::observe::id::Id;
use crate::observe::spans::{SpanKind, Spawned, TaskSpan};
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
        let policy = self.policy.get();
        let span = match self.is_closed() {
            true => TaskSpan::none(),
            false => TaskSpan::open(Spawned {
                kind: SpanKind::Local,
                name: new.name.as_deref(),
                id: Some(new.id),
                size: size_of::<F>(),
                at: new.at,
            }),
        };
        let key = span.key();
        let (task, handle) = share(|| Header::new(new.id, new.at, policy, span), future, &self.memory);
        if new.name.is_some() || policy.names_a_runtime() {
            task.header().keep(new.name, policy);
        }
        if self.is_closed() {
            task.cancel();
            return JoinHandle::of_task(handle, TaskKey::of_none(self.queue.executor));
        }
        JoinHandle::of_task(handle, self.admit(task, key))
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
