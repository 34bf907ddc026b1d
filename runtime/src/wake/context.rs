//! Thread-local slots for code that cannot be passed the executor: a waker is a number, `spawn` is a free function.
//!
//! - One slot each for the queue, the reactor, the timers, the executor and the policy for panics.
//! - A slot is filled when an executor is entered and restored when it is left, also by a panic. Nothing in it
//!   outlives the guard.
//! - A slot is a `const` thread-local without a destructor: a waker or a socket that is dropped while the thread's
//!   other thread-locals are destroyed finds an empty slot and does not panic.

use crate::wake::remote::Address;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::thread::LocalKey;

/// A thread-local slot for one part of the running executor.
///
/// A plain cell: the standard library inlines `take` and `set` of one and no other access.
pub(crate) type Slot<T> = Cell<Option<ManuallyDrop<Rc<T>>>>;

/// Restores the previous value of a slot on drop.
pub(crate) struct Entered<T: ?Sized + 'static> {
    slot: &'static LocalKey<Slot<T>>,
    before: Option<ManuallyDrop<Rc<T>>>,
}

/// Fills `slot` with `value` until the guard is dropped.
pub(crate) fn enter<T: ?Sized>(slot: &'static LocalKey<Slot<T>>, value: Rc<T>) -> Entered<T> {
    Entered { slot, before: slot.replace(Some(ManuallyDrop::new(value))) }
}

/// Returns the value of `slot`.
#[inline]
pub(crate) fn get<T: ?Sized>(slot: &'static LocalKey<Slot<T>>) -> Option<Rc<T>> {
    with(slot, |held| held.cloned())
}

/// Returns the value of `slot`.
///
/// # Panics
///
/// When the slot is empty: this thread is in no executor.
#[inline]
#[track_caller]
pub(crate) fn require<T: ?Sized>(slot: &'static LocalKey<Slot<T>>) -> Rc<T> {
    match get(slot) {
        Some(held) => held,
        None => panic!("{}", nowhere()),
    }
}

/// Calls `f` with the value of `slot`.
///
/// `f` must not run user code, nor panic: the slot is empty while it runs.
#[inline]
pub(crate) fn with<T: ?Sized, R>(slot: &'static LocalKey<Slot<T>>, f: impl FnOnce(Option<&Rc<T>>) -> R) -> R {
    let held = slot.take();
    let result = f(held.as_deref());
    slot.set(held);
    result
}

impl<T: ?Sized> Drop for Entered<T> {
    fn drop(&mut self) {
        let entered = self.slot.replace(self.before.take());
        drop(entered.map(ManuallyDrop::into_inner));
    }
}

impl<T: ?Sized> Entered<T> {
    /// Ends the guard and leaves the slot as it is.
    pub(crate) fn abandon(mut self) {
        drop(self.before.take().map(ManuallyDrop::into_inner));
        std::mem::forget(self);
    }
}

thread_local! {
    /// The runtime whose blocking job, or `Handle::block_on`, this thread runs.
    static JOB_OF: Cell<Option<Address>> = const { Cell::new(None) };
}

/// While it lives, this thread runs a blocking job, or a future for a handle.
pub(crate) struct JobScope {
    before: Option<Address>,
}

impl JobScope {
    /// Starts a job of the runtime at `address`.
    pub(crate) fn start(address: Address) -> JobScope {
        JobScope { before: JOB_OF.replace(Some(address)) }
    }

    /// Returns the runtime whose job this thread runs.
    pub(crate) fn runtime() -> Option<Address> {
        JOB_OF.get()
    }
}

impl Drop for JobScope {
    fn drop(&mut self) {
        JOB_OF.set(self.before);
    }
}

/// Returns the message for a caller that needs this thread's runtime where there is none.
#[cold]
pub(crate) fn nowhere() -> &'static str {
    match JobScope::runtime() {
        None => {
            "there is no egret runtime on this thread: call this inside `egret::block_on` or \
             `Runtime::block_on`, or hold a `Runtime::enter` guard"
        }
        Some(_) => {
            "there is no egret runtime on this thread, which runs a job of `spawn_blocking` or a `Handle::block_on`: \
             tasks, sockets and timers stay on the thread of the loop. `Handle::current()` is the runtime of both: use its \
             `spawn_with`, `spawn` and `spawn_blocking`"
        }
    }
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
        let outer = JobScope::start(first);
        {
            let _inner = JobScope::start(second);
            assert_eq!(JobScope::runtime(), Some(second));
        }
        assert_eq!(JobScope::runtime(), Some(first));
        drop(outer);
        assert_eq!(JobScope::runtime(), None);
    }

    #[test]
    fn a_slot_has_no_destructor() {
        assert!(!std::mem::needs_drop::<Slot<String>>());
    }
}
