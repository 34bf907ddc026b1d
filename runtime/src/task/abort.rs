//! [`AbortHandle`]: cancels a task from any thread.
//!
//! - It holds three numbers, or, for a task that was spawned from another thread and may have no number yet, the place
//!   where that task is awaited.
//! - On the task's own thread it reaches the task through the executor of the thread; on any other it sends the
//!   executor an errand. Either way the future is dropped on its own thread.

use crate::executor;
use crate::task::Id;
use crate::task::join::JoinHandle;
use crate::wake::key::TaskKey;
use crate::wake::remote::{self, Address};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// Aborts a task, or a blocking job that has not begun, from any thread. It does not keep the task alive.
///
/// Made by [`JoinHandle::abort_handle`](crate::task::JoinHandle::abort_handle) and
/// [`RemoteJoinHandle::abort_handle`](crate::task::RemoteJoinHandle::abort_handle). It may outlive the task and the
/// runtime: `abort` is then a no-op.
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
    target: AbortTarget,
}

#[derive(Clone)]
enum AbortTarget {
    /// A task by its key, or a blocking job; no address when the runtime was gone before.
    Numbers(Option<TaskKey>, Option<Address>),
    Place(Arc<dyn Abortable>),
}

/// The place of a task that another thread has spawned.
pub(crate) trait Abortable: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// Cancels the task, also before it has been spawned.
    fn abort(&self);
}

/// Cancels a spawned task: at once on its own thread, in the next turn of its loop from another.
#[inline]
pub(crate) fn abort(key: Option<TaskKey>, id: Id, address: Address) {
    match executor::try_current().filter(|executor| executor.address() == address) {
        Some(executor) => executor.abort(key, id),
        None => remote::send(address, Box::new(move || executor::current().abort(key, id))),
    }
}

impl<T> JoinHandle<T> {
    /// Returns a handle that aborts the task from any thread.
    #[inline]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { id: self.id(), target: AbortTarget::Numbers(self.key(), self.address()) }
    }
}

impl AbortHandle {
    #[inline]
    pub(crate) fn on_its_way(id: Id, place: Arc<dyn Abortable>) -> AbortHandle {
        AbortHandle { id, target: AbortTarget::Place(place) }
    }

    /// Cancels the task.
    ///
    /// Inside the task's own runtime its future is dropped before this returns, or, while it is being polled, when
    /// that poll returns. From another thread this sends the abort to the runtime, which wakes up if it sleeps and
    /// drops the future on its own thread in its next turn.
    #[inline]
    pub fn abort(&self) {
        match &self.target {
            AbortTarget::Numbers(key, Some(address)) => abort(*key, self.id, *address),
            AbortTarget::Numbers(_, None) => {}
            AbortTarget::Place(place) => place.abort(),
        }
    }

    /// Returns the number of the task.
    #[inline]
    pub fn id(&self) -> Id {
        self.id
    }
}

impl fmt::Debug for AbortHandle {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id).finish_non_exhaustive()
    }
}
