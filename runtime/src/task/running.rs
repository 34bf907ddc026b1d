//! [`id`] and [`try_id`]: which task runs.

use crate::executor;
use crate::observe::id::{Id, Within};

/// Returns the number of the task that runs: the one that is polled, or whose future or output is being dropped; in a
/// job of [`spawn_blocking`](crate::task::spawn_blocking), that of the job.
///
/// While a task has entered another runtime than its own, it is not seen.
///
/// # Panics
///
/// When no task runs: outside of a runtime, and in the future of [`block_on`](crate::block_on), which is no task and has
/// no number. See [`try_id`].
///
/// ```
/// use egret_runtime::task;
///
/// egret_runtime::block_on(async {
///     let task = egret_runtime::spawn(async { task::id() });
///     let id = task.id();
///     assert_eq!(task.await.unwrap(), id);
/// });
/// ```
#[track_caller]
#[inline]
pub fn id() -> Id {
    match try_id() {
        Some(id) => id,
        None => panic!(
            "egret::task::id: no task runs here. The future of `block_on` is no task: `spawn` one, or use `task::try_id`"
        ),
    }
}

/// [`id`] without the panic: `None` where no task runs.
///
/// ```
/// use egret_runtime::task;
///
/// egret_runtime::block_on(async {
///     assert!(task::try_id().is_none()); // the future of `block_on`
///     assert!(egret_runtime::spawn(async { task::try_id() }).await.unwrap().is_some());
/// });
/// ```
#[inline]
pub fn try_id() -> Option<Id> {
    Within::current().or_else(|| executor::try_current()?.running_task())
}
