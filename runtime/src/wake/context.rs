//! What the running executor leaves in thread-local storage for those who cannot be handed it.
//!
//! A waker is a number and `spawn` is a free function: both find the executor here. Each slot is a `const`
//! thread-local with no destructor, so that a waker or a socket that is dropped while the thread's other
//! thread-locals are being torn down finds an empty slot and not a panic.
//!
//! Set by the executor when it is entered and restored when it is left, also by a panic; the budget is set
//! before each poll. Nothing here outlives the guard that put it there.

use crate::sys::TimerSlack;
use crate::wake::remote::Address;
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

impl<T> Entered<T> {
    /// Ends the guard and leaves the slot as it is.
    pub(crate) fn abandon(mut self) {
        drop(self.before.take().map(ManuallyDrop::into_inner));
        std::mem::forget(self);
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
    /// Whose blocking job this thread runs.
    static JOB_OF: Cell<Option<Address>> = const { Cell::new(None) };
}

/// While it lives, this thread runs a blocking job.
pub(crate) struct Job {
    before: Option<Address>,
}

impl Job {
    /// Of the runtime at `address`.
    pub(crate) fn start(address: Address) -> Job {
        Job { before: JOB_OF.replace(Some(address)) }
    }

    /// The runtime whose job this thread runs.
    pub(crate) fn runtime() -> Option<Address> {
        JOB_OF.get()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        JOB_OF.set(self.before);
    }
}

/// What to say to who needs the runtime that this thread is in, where there is none.
#[cold]
pub(crate) fn nowhere() -> &'static str {
    match Job::runtime() {
        None => {
            "there is no egret runtime on this thread: call this inside `egret::block_on` or \
             `Runtime::block_on`, or hold a `Runtime::enter` guard"
        }
        Some(_) => {
            "there is no egret runtime on this thread, which runs a job of `spawn_blocking`: tasks, sockets and timers \
             stay on the thread of the loop. `Handle::current()` is the runtime of the job: use its `spawn_with`, \
             `spawn` and `spawn_blocking`"
        }
    }
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

/// While it lives, the timer slack of this thread is what it was before a loop changed it: what is started meanwhile, a
/// thread or a program, begins with that.
pub(crate) struct Blunt {
    was_sharp: bool,
}

/// Two system calls, where the loop has timers, and none where it has not.
pub(crate) fn blunt_waits() -> Blunt {
    let before = SLACK.get();
    before.into_iter().for_each(TimerSlack::set);
    Blunt { was_sharp: before.is_some() }
}

impl Drop for Blunt {
    fn drop(&mut self) {
        if self.was_sharp {
            TimerSlack::LEAST.set();
        }
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

/// Whether a charge would go through.
pub(crate) fn has_budget() -> bool {
    REMAINING.get() > 0
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
    use crate::sys::Backend;
    use crate::wake::remote::Lease;

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
    fn a_thread_is_in_a_job_while_the_guard_lives_and_in_the_one_outside_of_it_again_after_that() {
        let leases = [(); 2].map(|()| Lease::take(Backend::current()).unwrap());
        let [first, second] = leases.each_ref().map(Lease::address);
        let outer = Job::start(first);
        {
            let _inner = Job::start(second);
            assert_eq!(Job::runtime(), Some(second));
        }
        assert_eq!(Job::runtime(), Some(first));
        drop(outer);
        assert_eq!(Job::runtime(), None);
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
