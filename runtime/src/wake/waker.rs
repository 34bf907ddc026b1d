//! A [`Waker`] that is a number.
//!
//! - The data pointer of every waker made here is a [`TaskKey`]: an integer without provenance that is never
//!   dereferenced.
//! - Clone is a copy, drop is a no-op, `will_wake` is equality. Any thread may hold it, for any time, also after the
//!   task or the runtime is gone: it points at nothing. The argument is in `docs/wakers.md`.
//! - A wake on the loop's own thread, inside the runtime, pushes the index to the run queue; any other wake sends the
//!   key through [`remote`](crate::wake::remote).

#![allow(unsafe_code)]

use crate::observe::spans;
use crate::observe::woken::Woken;
use crate::wake::context::{self, Slot};
use crate::wake::key::TaskKey;
use crate::wake::queue::{Batch, RunQueue};
use crate::wake::remote;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// A `static` and not a `const`: one address, so that wakers of the same task are equal.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, drop);

thread_local! {
    /// The run queue of this thread's executor.
    static QUEUE: Slot<RunQueue> = const { Cell::new(None) };
}

/// Directs the wakes of this thread to `queue` until the guard is dropped.
pub(crate) fn enter(queue: std::rc::Rc<RunQueue>) -> crate::wake::context::Entered<RunQueue> {
    #[cfg(feature = "inspect")]
    crate::observe::site::ask(polled);
    context::enter(&QUEUE, queue)
}

/// Returns the task that the executor of this thread polls, as the bits of its key, or 0.
#[cfg(feature = "inspect")]
fn polled() -> u64 {
    context::with(&QUEUE, |queue| queue.and_then(|queue| queue.polled())).map_or(0, TaskKey::bits)
}

/// Returns the waker of the task that `key` names.
#[inline]
pub(crate) fn new(key: TaskKey) -> Waker {
    let data = std::ptr::without_provenance(key.bits() as usize);
    // SAFETY: the contract of RawWaker asks that the functions of the vtable may be called from any
    // thread, in any number and at any time until drop. They take `data` as an integer: it is never
    // dereferenced, so there is no lifetime to keep and nothing to race for; clone and drop do nothing.
    unsafe { Waker::new(data, &VTABLE) }
}

/// Returns the task that a waker names, if it is one of egret's.
#[inline]
pub(crate) fn key_of(waker: &Waker) -> Option<TaskKey> {
    if is_ours(waker) { key(waker.data()) } else { None }
}

/// Returns whether a waker was made here: its drop is a no-op.
#[inline]
pub(crate) fn is_ours(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &VTABLE)
}

/// Wakes a task of the queue's executor; returns any other waker. Runs no user code.
#[inline]
pub(crate) fn wake_in(queue: &mut Batch<'_>, waker: Waker) -> Option<Waker> {
    match key_of(&waker) {
        Some(key) if queue.wake(key) != Woken::Elsewhere => {
            std::mem::forget(waker); // Dropping is a no-op; skip the vtable call.
            None
        }
        _ => Some(waker),
    }
}

/// Wakes a waker that may be foreign, whose panic must not keep others from being woken.
///
/// The panic hook has reported the panic before it is caught here; the loop goes on with its other tasks.
pub(crate) fn wake_contained(waker: Waker) {
    contain(|| waker.wake());
}

/// Calls user code and drops its panic, which the panic hook has reported.
///
/// Dropping the payload of a panic may panic again. After a few of those the rest is leaked.
pub(crate) fn contain(f: impl FnOnce()) {
    let mut panic = catch_unwind(AssertUnwindSafe(f)).err();
    for _ in 0..4 {
        let Some(payload) = panic else { return };
        panic = catch_unwind(AssertUnwindSafe(|| std::mem::drop(payload))).err();
    }
    std::mem::forget(panic);
}

/// Drops a value whose destructor may panic. The hook has reported the panic.
pub(crate) fn discard<T>(value: T) {
    contain(|| std::mem::drop(value));
}

/// Returns whether `waker` names a task of this thread's executor that has ended: it wakes no task.
pub(crate) fn is_stale(waker: &Waker) -> bool {
    let Some(key) = key_of(waker) else { return false };
    context::with(&QUEUE, |queue| queue.is_some_and(|queue| queue.is_stale(key)))
}

#[inline]
fn key(data: *const ()) -> Option<TaskKey> {
    TaskKey::from_bits(data.addr() as u64)
}

fn clone(data: *const ()) -> RawWaker {
    if cfg!(feature = "inspect") {
        note_clone(data);
    }
    RawWaker::new(data, &VTABLE)
}

/// Notes for dumps that the task may now be woken by what has the clone.
fn note_clone(data: *const ()) {
    let Some(key) = key(data) else { return };
    context::with(&QUEUE, |queue| {
        if let Some(queue) = queue.filter(|queue| queue.executor == key.executor()) {
            queue.clones.note(key);
        }
    });
}

fn wake(data: *const ()) {
    let Some(key) = key(data) else { return };
    match context::with(&QUEUE, |queue| queue.map_or(Woken::Elsewhere, |queue| queue.wake(key))) {
        Woken::Elsewhere => remote::wake(key),
        Woken::Queued | Woken::Coalesced | Woken::Stale => spans::tell(),
    }
}

fn drop(_: *const ()) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::task::Wake;

    struct Foreign;

    impl Wake for Foreign {
        fn wake(self: std::sync::Arc<Self>) {}
    }

    #[test]
    fn wakers_of_one_task_are_equal_and_of_two_are_not() {
        // W8
        let (a, b) = (TaskKey::new(1, 2, 3), TaskKey::new(1, 3, 3));
        assert!(new(a).will_wake(&new(a)));
        assert!(new(a).clone().will_wake(&new(a)));
        assert!(!new(a).will_wake(&new(b)));
    }

    #[test]
    fn a_waker_is_read_back_as_the_task_it_names() {
        let key = TaskKey::new(7, 8, 9);
        assert_eq!(key_of(&new(key)), Some(key));
        assert_eq!(key_of(&std::sync::Arc::new(Foreign).into()), None);
        assert_eq!(key_of(Waker::noop()), None);
    }

    #[test]
    #[cfg(feature = "inspect")]
    fn a_clone_is_noted_for_its_task_and_for_no_other() {
        let queue = Rc::new(RunQueue::new(64_000, 0));
        let (first, second) = (queue.claim(1), queue.claim(2));
        let _entered = enter(queue.clone());
        assert!(!queue.clones.has(first) && !queue.clones.has(second));
        let _clone = new(second).clone();
        assert!(!queue.clones.has(first) && queue.clones.has(second));
        queue.retire(2);
        assert!(!queue.clones.has(queue.claim(2)));
        let _of_another = new(TaskKey::new(64_001, 0, 1)).clone();
        assert!(!queue.clones.has(first));
    }

    #[test]
    fn a_wake_inside_the_executor_goes_to_its_queue_and_not_to_that_of_another() {
        let queue = Rc::new(RunQueue::new(65_000, 0));
        let key = queue.claim(5);
        assert_eq!(queue.pop(|_| 0), Some(key));
        let here = new(key);
        let elsewhere = new(TaskKey::new(65_001, 0, 5));
        let stale = new(TaskKey::new(65_000, 1, 5));
        let _entered = enter(queue.clone());
        elsewhere.wake_by_ref();
        assert_eq!(queue.len(), 0);
        here.wake_by_ref();
        assert_eq!(queue.len(), 1);
        assert!(is_stale(&stale) && !is_stale(&here) && !is_stale(&elsewhere));
    }

    #[test]
    fn a_waker_of_no_executor_wakes_nobody_and_does_no_harm() {
        new(TaskKey::new(u16::MAX, 0, 0)).wake();
    }
}
