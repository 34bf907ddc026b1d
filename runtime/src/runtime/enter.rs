//! [`EnterGuard`]: keeps a thread in a runtime.
//!
//! A guard holds the previous content of the slots of [`context`](crate::wake::context), so guards have to be left in
//! the opposite order. Each has a serial number, and the thread knows the number of the innermost:
//!
//! * A guard that is dropped before an inner one stays in [`DEFERRED`] until the inner one is gone: the thread is in
//!   the runtime of the innermost guard, and in none after the last.
//! * [`Scoped`], of the methods of `Runtime`, ends with its scope. It also leaves the guards that were made in it:
//!   their later drop changes nothing.

use super::Runtime;
use crate::executor::EnteredExecutor;
use crate::task::unhandled::Unhandled;
use crate::wake::context::Entered;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

thread_local! {
    /// The serial number of the innermost guard; 0 outside of all.
    static INNERMOST: Cell<u64> = const { Cell::new(0) };
    /// How many guards were ever made on this thread.
    static MADE: Cell<u64> = const { Cell::new(0) };
    /// Guards that were dropped before an inner one. Without a destructor, like the slots.
    static DEFERRED: Cell<ManuallyDrop<Vec<Inside>>> = const { Cell::new(ManuallyDrop::new(Vec::new())) };
}

/// The thread is in a runtime until [`leave`](Inside::leave).
struct Inside {
    serial: u64,
    /// The serial number of the guard around this one.
    outer: u64,
    executor: EnteredExecutor,
    unhandled: Entered<Unhandled>,
}

impl Inside {
    #[inline]
    fn enter(runtime: &Runtime) -> Inside {
        let serial = MADE.get() + 1;
        MADE.set(serial);
        Inside {
            serial,
            outer: INNERMOST.replace(serial),
            executor: runtime.executor.enter(),
            unhandled: runtime.unhandled.enter(),
        }
    }

    #[inline]
    fn is_innermost(&self) -> bool {
        self.serial == INNERMOST.get()
    }

    /// Restores the slots, and then leaves the outer guards that were dropped already.
    #[inline]
    fn leave(self) {
        INNERMOST.set(self.outer);
        drop(self);
        settle();
    }

    /// For a guard whose scope has ended: the thread is not in it any more.
    #[inline]
    fn abandon(self) {
        self.executor.abandon();
        self.unhandled.abandon();
    }
}

/// Leaves the deferred guards that have become the innermost, and discards those whose scope has ended.
#[inline]
fn settle() {
    let take = || ManuallyDrop::into_inner(DEFERRED.take());
    let mut deferred = take();
    if deferred.is_empty() {
        return;
    }
    while let Some(at) = deferred.iter().position(|inside| inside.serial >= INNERMOST.get()) {
        let inside = deferred.swap_remove(at);
        if inside.is_innermost() {
            INNERMOST.set(inside.outer);
            drop(inside);
        } else {
            inside.abandon();
        }
    }
    deferred.append(&mut take()); // from a destructor that ran above
    DEFERRED.set(ManuallyDrop::new(deferred));
}

/// Keeps the thread in a runtime for a scope.
pub(super) struct Scoped(Option<Inside>);

impl Scoped {
    #[inline]
    pub(super) fn enter(runtime: &Runtime) -> Scoped {
        Scoped(Some(Inside::enter(runtime)))
    }
}

impl Drop for Scoped {
    #[inline]
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Inside::leave);
    }
}

/// Keeps a thread in a runtime: see [`Runtime::enter`].
///
/// # Panics
///
/// The drop panics when guards are dropped out of order: while a later one lives, or after the `block_on` in which it
/// was made. The thread still leaves the runtime, at the latest when the later guard is gone. While the thread is
/// panicking there is no second panic.
#[must_use = "the thread leaves the runtime when the guard is dropped"]
pub struct EnterGuard<'a> {
    _stay: Stay,
    /// Borrowed while the guard is used, and not by its drop: this type has none of its own, so the runtime may be moved
    /// while an unused guard lives.
    _runtime: PhantomData<&'a Runtime>,
}

/// The content of an [`EnterGuard`], without its lifetime.
struct Stay(Option<Inside>);

impl EnterGuard<'_> {
    #[inline]
    pub(super) fn new(runtime: &Runtime) -> EnterGuard<'_> {
        EnterGuard { _stay: Stay(Some(Inside::enter(runtime))), _runtime: PhantomData }
    }
}

impl Drop for Stay {
    #[inline]
    fn drop(&mut self) {
        let Some(inside) = self.0.take() else { return };
        if inside.is_innermost() {
            return inside.leave();
        }
        let mut deferred = ManuallyDrop::into_inner(DEFERRED.take());
        deferred.push(inside);
        DEFERRED.set(ManuallyDrop::new(deferred));
        settle();
        assert!(
            std::thread::panicking(),
            "EnterGuards were dropped out of order: drop the one that was made last first, inside of the `block_on` in which \
             it was made, and hold none across an await"
        );
    }
}

impl fmt::Debug for EnterGuard<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnterGuard")
    }
}
