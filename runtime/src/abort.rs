//! [`AbortHandle`]: ends a task from anywhere.
//!
//! It is three numbers. From its task's own thread it reaches the task through the executor that the thread is in;
//! from any other it sends the executor an errand. Either way the future is dropped on the thread that it belongs to.

use crate::executor;
use crate::join::JoinHandle;
use crate::key::TaskKey;
use crate::remote::{self, Address};
use crate::task::Id;

/// Aborts a task, or a blocking job that has not begun, from any thread, and does not keep it from being forgotten
/// otherwise.
///
/// Made by [`JoinHandle::abort_handle`](crate::task::JoinHandle::abort_handle). It may outlive the task and the
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
#[derive(Clone, Debug)]
pub struct AbortHandle {
    key: Option<TaskKey>,
    id: Id,
    address: Address,
}

impl<T> JoinHandle<T> {
    /// A handle that can do nothing but abort the task, from any thread.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { key: self.key, id: self.id(), address: self.address }
    }
}

impl AbortHandle {
    /// Cancels the task.
    ///
    /// Inside the task's own runtime its future is dropped before this returns, unless it is being polled right
    /// now: then when that poll returns. From another thread the runtime is told to, is woken if it sleeps, and
    /// drops the future on its own thread in its next turn.
    pub fn abort(&self) {
        let AbortHandle { key, id, address } = *self;
        match executor::try_current().filter(|executor| executor.address() == address) {
            Some(executor) => executor.abort(key, id),
            None => {
                remote::send(address, Box::new(move || executor::current().abort(key, id)));
            }
        }
    }

    /// The number of the task.
    pub fn id(&self) -> Id {
        self.id
    }
}
