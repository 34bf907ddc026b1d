//! What the running executor leaves in thread-local storage for those who cannot be handed it.
//!
//! A waker is a number and `spawn` is a free function: both find the executor here. Each slot is a `const`
//! thread-local with no destructor, so that a waker or a socket that is dropped while the thread's other
//! thread-locals are being torn down finds an empty slot and not a panic.
//!
//! Set by the executor when it is entered and restored when it is left, also by a panic; the budget is set
//! before each poll. Nothing here outlives the guard that put it there.

use crate::sys::TimerSlack;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::thread::LocalKey;

/// A thread-local place for the part of the running executor that a module needs.
///
/// A plain cell, because the standard library inlines `take` and `set` of one and no other access.
pub(crate) type Slot<T> = Cell<Option<ManuallyDrop<Rc<T>>>>;

/// Puts back, on drop, what a slot held before.
pub(crate) struct Entered<T: 'static> {
    slot: &'static LocalKey<Slot<T>>,
    before: Option<ManuallyDrop<Rc<T>>>,
}

/// Fills `slot` with `value` until the guard is dropped.
pub(crate) fn enter<T>(slot: &'static LocalKey<Slot<T>>, value: Rc<T>) -> Entered<T> {
    Entered { slot, before: slot.replace(Some(ManuallyDrop::new(value))) }
}

/// What `slot` holds.
#[inline]
pub(crate) fn get<T>(slot: &'static LocalKey<Slot<T>>) -> Option<Rc<T>> {
    with(slot, |held| held.cloned())
}

/// Calls `f` with what `slot` holds.
///
/// `f` must not reach user code, nor panic: the slot is empty while it runs.
#[inline]
pub(crate) fn with<T, R>(slot: &'static LocalKey<Slot<T>>, f: impl FnOnce(Option<&Rc<T>>) -> R) -> R {
    let held = slot.take();
    let result = f(held.as_deref());
    slot.set(held);
    result
}

impl<T> Drop for Entered<T> {
    fn drop(&mut self) {
        let entered = self.slot.replace(self.before.take());
        drop(entered.map(ManuallyDrop::into_inner));
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
    /// What the timer slack of the thread was before a loop changed it.
    static SLACK: Cell<Option<TimerSlack>> = const { Cell::new(None) };
}

/// While it lives, a loop runs on this thread, and no other may.
pub(crate) struct Running(());

/// Has the kernel end the waits of this thread when they are to end, and not up to 50 us later, for as long as the
/// loop runs: as it does for a timerfd. Called before the first wait that has an end, so that a loop without timers
/// makes no system call for it.
#[inline]
pub(crate) fn sharpen_waits() {
    if SLACK.get().is_none() {
        sharpen_now();
    }
}

#[cold]
fn sharpen_now() {
    if let Some(before) = TimerSlack::get() {
        SLACK.set(Some(before));
        TimerSlack::LEAST.set();
    }
}

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
        if let Some(before) = SLACK.take() {
            before.set();
        }
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

/// Ends the budget of a poll: what runs next on this thread is no task of this loop.
#[inline]
pub(crate) fn lift_budget() {
    REMAINING.set(UNLIMITED);
}

/// Takes the last charge back: the operation did not complete.
pub(crate) fn refund_budget() {
    REMAINING.set(REMAINING.get().saturating_add(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static SLOT: Slot<u32> = const { Cell::new(None) };
    }

    #[test]
    fn a_guard_restores_what_was_there_before_it_also_by_a_panic() {
        assert_eq!(get(&SLOT), None);
        let outer = enter(&SLOT, Rc::new(1));
        let caught = std::panic::catch_unwind(|| {
            let _inner = enter(&SLOT, Rc::new(2));
            assert_eq!(get(&SLOT).as_deref(), Some(&2));
            panic!("leave by a panic");
        });
        assert!(caught.is_err());
        assert_eq!(with(&SLOT, |value| value.map(|value| **value)), Some(1));
        drop(outer);
        assert_eq!(get(&SLOT), None);
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
