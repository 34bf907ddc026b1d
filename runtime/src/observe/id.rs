//! [`Id`]: the number of a task, and the task that runs on this thread.
//!
//! - The poll of a task sets its number, and the poll of another task replaces it: a loop clears it before other code of the
//!   program, which is the future of `block_on`, foreign wakers and errands, and at its own end.
//! - [`Within`] restores what was there before: after a loop, a job of `spawn_blocking`, and destructors that run within
//!   another task.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies one task among all of the process, past and present.
///
/// It is never reused, unlike the number in a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

thread_local! {
    /// The number of the task that runs on this thread; 0 outside of all.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

impl Id {
    pub(crate) fn next() -> Id {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Id(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The task with this number runs on this thread from now on.
    #[inline]
    pub(crate) fn runs(self) {
        RUNNING.set(self.0);
    }

    #[cfg(feature = "inspect")]
    pub(crate) fn from_number(number: u64) -> Id {
        Id(number)
    }

    #[cfg(any(feature = "inspect", feature = "trace"))]
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// No task runs on this thread from now on.
#[inline]
pub(crate) fn none_runs() {
    RUNNING.set(0);
}

/// While it lives, another task, or none, runs on this thread.
pub(crate) struct Within {
    before: u64,
}

impl Within {
    #[inline]
    pub(crate) fn task(id: Id) -> Within {
        Within { before: RUNNING.replace(id.0) }
    }

    pub(crate) fn none() -> Within {
        Within { before: RUNNING.replace(0) }
    }
}

impl Drop for Within {
    #[inline]
    fn drop(&mut self) {
        RUNNING.set(self.before);
    }
}

/// The number of the task that runs: the one that is polled, or whose future or output is being dropped; in a job of
/// [`spawn_blocking`](crate::task::spawn_blocking), that of the job.
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
    NonZeroU64::new(RUNNING.get()).map(|number| Id(number.get()))
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_not_used_twice() {
        assert_ne!(Id::next(), Id::next());
    }

    #[test]
    fn a_task_that_interrupts_another_gives_its_place_back_also_by_a_panic() {
        let (outer, inner) = (Id::next(), Id::next());
        assert_eq!(try_id(), None);
        outer.runs();
        let caught = std::panic::catch_unwind(|| {
            let _within = Within::task(inner);
            assert_eq!(id(), inner);
            panic!("leave by a panic");
        });
        assert!(caught.is_err());
        assert_eq!(id(), outer);
        none_runs();
        assert_eq!(try_id(), None);
    }
}
