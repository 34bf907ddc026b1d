//! What the running executor leaves in thread-local storage for those who cannot be handed it.
//!
//! A waker is a number and `spawn` is a free function: both find the executor here. Each slot is a `const`
//! thread-local with no destructor, so that a waker or a socket that is dropped while the thread's other
//! thread-locals are being torn down finds an empty slot and not a panic.
//!
//! Set by the executor when it is entered and restored when it is left, also by a panic; the budget is set
//! before each poll. Nothing here outlives the guard that put it there.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::thread::LocalKey;

/// A thread-local place for the part of the running executor that a module needs.
pub(crate) struct Slot<T: 'static>(Cell<Option<ManuallyDrop<Rc<T>>>>);

/// Puts back, on drop, what a slot held before.
pub(crate) struct Entered<T: 'static> {
    slot: &'static LocalKey<Slot<T>>,
    before: Option<Rc<T>>,
}

impl<T> Slot<T> {
    pub(crate) const fn empty() -> Slot<T> {
        Slot(Cell::new(None))
    }

    fn replace(&self, value: Option<Rc<T>>) -> Option<Rc<T>> {
        self.0.replace(value.map(ManuallyDrop::new)).map(ManuallyDrop::into_inner)
    }

    /// Fills `slot` with `value` until the guard is dropped.
    pub(crate) fn enter(slot: &'static LocalKey<Slot<T>>, value: Rc<T>) -> Entered<T> {
        Entered { slot, before: slot.with(|slot| slot.replace(Some(value))) }
    }

    /// What the slot holds.
    pub(crate) fn get(&self) -> Option<Rc<T>> {
        let held = self.replace(None);
        let copy = held.clone();
        self.replace(held);
        copy
    }

    /// Calls `f` with what the slot holds, without the cost of another reference.
    ///
    /// `f` must not reach user code, nor panic: the slot is empty while it runs.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(Option<&T>) -> R) -> R {
        let held = self.0.take();
        let result = f(held.as_ref().map(|held| &***held));
        self.0.set(held);
        result
    }
}

impl<T> Drop for Entered<T> {
    fn drop(&mut self) {
        let entered = self.slot.with(|slot| slot.replace(self.before.take()));
        drop(entered);
    }
}

/// How many I/O operations a task may complete in one poll before it has to let others run.
///
/// Large enough that the yield is lost in the noise (one wake a hundred operations), small enough
/// that a task fed by a fast peer holds the loop for tens of microseconds and not for good.
pub(crate) const BUDGET: u64 = 128;

/// Means "no limit": outside the executor, where there is nobody to yield to. Nobody lives to see it spent.
const UNLIMITED: u64 = u64::MAX;

thread_local! {
    static REMAINING: Cell<u64> = const { Cell::new(UNLIMITED) };
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, a loop runs on this thread, and no other may.
pub(crate) struct Running(());

impl Running {
    /// # Panics
    ///
    /// When a loop runs on this thread already.
    #[track_caller]
    pub(crate) fn start() -> Running {
        Running::check();
        RUNNING.set(true);
        Running(())
    }

    #[track_caller]
    pub(crate) fn check() {
        assert!(
            !RUNNING.get(),
            "an egret runtime is running on this thread already: a task cannot block the loop that runs it. \
             Inside async code await the future, or spawn it; to run a second runtime use another thread"
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(false);
        REMAINING.set(UNLIMITED);
    }
}

/// While it lives, nothing is charged.
pub(crate) struct Unlimited {
    before: u64,
}

impl Unlimited {
    pub(crate) fn start() -> Unlimited {
        Unlimited { before: REMAINING.replace(UNLIMITED) }
    }
}

impl Drop for Unlimited {
    fn drop(&mut self) {
        REMAINING.set(self.before);
    }
}

/// Starts the budget of a poll.
#[inline]
pub(crate) fn refill_budget() {
    REMAINING.set(BUDGET);
}

/// Charges one operation to the task that is being polled, unless its budget is used up.
#[inline]
#[must_use = "a task with no budget left has to let others run"]
pub(crate) fn charge_budget() -> bool {
    let remaining = REMAINING.get();
    if remaining == 0 {
        return false;
    }
    REMAINING.set(remaining - 1);
    true
}

/// Takes the last charge back: the operation did not complete.
pub(crate) fn refund_budget() {
    REMAINING.set(REMAINING.get().saturating_add(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static SLOT: Slot<u32> = const { Slot::empty() };
    }

    #[test]
    fn a_guard_restores_what_was_there_before_it_also_by_a_panic() {
        assert_eq!(SLOT.with(Slot::get), None);
        let outer = Slot::enter(&SLOT, Rc::new(1));
        let caught = std::panic::catch_unwind(|| {
            let _inner = Slot::enter(&SLOT, Rc::new(2));
            assert_eq!(SLOT.with(Slot::get).as_deref(), Some(&2));
            panic!("leave by a panic");
        });
        assert!(caught.is_err());
        assert_eq!(SLOT.with(|slot| slot.with(|value| value.copied())), Some(1));
        drop(outer);
        assert_eq!(SLOT.with(Slot::get), None);
    }

    #[test]
    fn slots_and_budget_have_no_destructor() {
        assert!(!std::mem::needs_drop::<Slot<String>>());
    }

    #[test]
    fn a_budget_is_spent_after_so_many_charges_and_not_before() {
        let running = Running::start();
        refill_budget();
        for _ in 0..BUDGET {
            assert!(charge_budget());
        }
        assert!(!charge_budget());
        refund_budget();
        assert!(charge_budget());
        assert!(!charge_budget());
        {
            let _unlimited = Unlimited::start();
            assert!(charge_budget());
        }
        assert!(!charge_budget());
        drop(running);
        assert!(charge_budget());
    }
}
