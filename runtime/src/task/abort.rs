//! [`AbortHandle`]: ends a task from anywhere.
//!
//! It is three numbers, or the place where a task that was spawned from another thread is awaited: such a task may be
//! on its way still, and has no number yet. From its task's own thread it reaches the task through the executor that the
//! thread is in; from any other it sends the executor an errand. Either way the future is dropped on the thread that it
//! belongs to.

use crate::executor;
use crate::task::Id;
use crate::task::join::JoinHandle;
use crate::wake::key::TaskKey;
use crate::wake::remote::{self, Address};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// Aborts a task, or a blocking job that has not begun, from any thread, and does not keep it from being forgotten
/// otherwise.
///
/// Made by [`JoinHandle::abort_handle`](crate::task::JoinHandle::abort_handle) and
/// [`RemoteJoinHandle::abort_handle`](crate::task::RemoteJoinHandle::abort_handle). It may outlive the task and the
/// runtime: then it does nothing.
///
/// ```
/// egret_runtime::block_on(async {
///     let task = egret_runtime::spawn(std::future::pending::<()>());
///     let abort = task.abort_handle();
///     std::thread::spawn(move || abort.abort());
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    id: Id,
    target: Target,
}

#[derive(Clone)]
enum Target {
    /// A task by its key, or a blocking job.
    Numbers(Option<TaskKey>, Address),
    Place(Arc<dyn Abortable>),
}

/// Where a task is awaited that another thread has spawned.
pub(crate) trait Abortable: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// Cancels the task, also before it is there.
    fn abort(&self);
}

/// Cancels a task that is there: at once when this is its own thread, and in the next turn of its loop when not.
pub(crate) fn abort(key: Option<TaskKey>, id: Id, address: Address) {
    match executor::try_current().filter(|executor| executor.address() == address) {
        Some(executor) => executor.abort(key, id),
        None => remote::send(address, Box::new(move || executor::current().abort(key, id))),
    }
}

impl<T> JoinHandle<T> {
    /// A handle that can do nothing but abort the task, from any thread.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { id: self.id(), target: Target::Numbers(self.key, self.address) }
    }
}

impl AbortHandle {
    pub(crate) fn on_its_way(id: Id, place: Arc<dyn Abortable>) -> AbortHandle {
        AbortHandle { id, target: Target::Place(place) }
    }

    /// Cancels the task.
    ///
    /// Inside the task's own runtime its future is dropped before this returns, unless it is being polled right
    /// now: then when that poll returns. From another thread the runtime is told to, is woken if it sleeps, and
    /// drops the future on its own thread in its next turn.
    pub fn abort(&self) {
        match &self.target {
            Target::Numbers(key, address) => abort(*key, self.id, *address),
            Target::Place(place) => place.abort(),
        }
    }

    /// The number of the task.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id).finish_non_exhaustive()
    }
}
