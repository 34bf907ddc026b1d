//! [`Id`]: the number of a task, and the task that interrupts others on this thread.
//!
//! The executor knows which task it polls. Code of the program also runs for a task elsewhere: in a job of `spawn_blocking`,
//! and in destructors within the poll of another task. [`Within`] says so, until its drop.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies one task among all of the process, past and present.
///
/// It is never reused, unlike the number in a waker.
///
/// ```
/// use egret_runtime::task;
///
/// egret_runtime::block_on(async {
///     let handle = egret_runtime::spawn(async { task::id() });
///     let id = handle.id();
///     assert_eq!(handle.await.unwrap(), id);
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

thread_local! {
    /// The number of the task that interrupts; 0 when none does. No task has 0.
    static INTERRUPTS: Cell<u64> = const { Cell::new(0) };
}

impl Id {
    pub(crate) fn next() -> Id {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Id(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns the lower 48 bits, as a task keeps them. A million tasks a second take nine years to exhaust them.
    #[inline]
    pub(crate) fn parts(self) -> (u32, u16) {
        (self.0 as u32, (self.0 >> 32) as u16)
    }

    #[inline]
    pub(crate) fn from_parts(low: u32, high: u16) -> Id {
        Id(u64::from(high) << 32 | u64::from(low))
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

/// While it lives, another task interrupts what runs on this thread, or none does.
pub(crate) struct Within {
    before: u64,
}

impl Within {
    #[inline]
    pub(crate) fn task(id: Id) -> Within {
        Within { before: INTERRUPTS.replace(id.0) }
    }

    /// For a loop that begins: the executor knows which task runs.
    pub(crate) fn none() -> Within {
        Within { before: INTERRUPTS.replace(0) }
    }

    /// Returns the task that interrupts.
    pub(crate) fn current() -> Option<Id> {
        Some(INTERRUPTS.get()).filter(|number| *number != 0).map(Id)
    }
}

impl Drop for Within {
    #[inline]
    fn drop(&mut self) {
        INTERRUPTS.set(self.before);
    }
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
    fn an_id_is_made_again_from_its_parts() {
        for number in [1, u64::from(u32::MAX), u64::from(u32::MAX) + 1, (1 << 48) - 1] {
            let (low, high) = Id(number).parts();
            assert_eq!(Id::from_parts(low, high), Id(number));
        }
    }

    #[test]
    fn a_task_that_interrupts_another_gives_its_place_back_also_by_a_panic() {
        let (outer, inner) = (Id::next(), Id::next());
        assert_eq!(Within::current(), None);
        let within = Within::task(outer);
        let caught = std::panic::catch_unwind(|| {
            let _within = Within::task(inner);
            assert_eq!(Within::current(), Some(inner));
            panic!("leave by a panic");
        });
        assert!(caught.is_err());
        assert_eq!(Within::current(), Some(outer));
        drop(within);
        assert_eq!(Within::current(), None);
    }
}
