//! The spare: the timer that was dropped last, which stays where it is until the loop looks at its timers.
//!
//! - A server with a limit on each read drops a timer and sets one, a moment later, in the same poll. A new timer of the
//!   same task whose deadline is not before that of the spare takes its entry: the deadline is stored, as by
//!   [`reset`](HeapTimer::reset), and no node is touched.
//! - A spare is a timer of a task: its waker is a number, or was taken. A foreign waker is dropped with its timer, as it is
//!   user code.
//! - It is removed before anything that counts timers, or takes the next of them. It never fires.
//! - Not on a clock that a test has paused, where equal deadlines are common and fire in the order of setting.

use super::{HeapTimer, NodePlace, Timers, TimersInner};
use crate::observe::site::{Note, Site, Task};
use std::cell::RefMut;
use std::task::Waker;

/// In [`Timers::spare`]: there is none.
pub(super) const NONE: u32 = u32::MAX;

impl Timers {
    /// Takes the entry of the spare for a timer, if it has the same waker and is not due later.
    #[inline]
    pub(super) fn reuse(&self, deadline: u64, waker: &Waker, at: Site) -> Option<u32> {
        let spare = self.spare.get();
        if spare == NONE {
            return None;
        }
        let entry = &mut self.inner.borrow_mut().entries[spare as usize];
        let fits = entry.deadline <= deadline && entry.waker.as_ref().is_some_and(|old| old.will_wake(waker));
        if !fits {
            return None;
        }
        entry.deadline = deadline;
        entry.note.set(Note::now(at));
        entry.task = Task::current();
        self.spare.set(NONE);
        Some(spare)
    }

    /// Returns the timers without the spare.
    #[inline]
    pub(super) fn settled(&self) -> RefMut<'_, TimersInner> {
        if self.spare.get() != NONE {
            self.settle();
        }
        self.inner.borrow_mut()
    }

    /// Removes the spare.
    #[inline]
    pub(super) fn settle(&self) {
        self.free(self.spare.replace(NONE));
    }

    /// Removes a timer of a task.
    #[inline(never)]
    fn free(&self, number: u32) {
        let inner = &mut *self.inner.borrow_mut();
        let entry = &mut inner.entries[number as usize];
        std::mem::forget(entry.waker.take()); // Dropping is a no-op; skip the vtable call.
        let place = std::mem::replace(&mut entry.place, NodePlace::Free(inner.free));
        inner.free = number;
        if inner.take(place) {
            self.bound.set(inner.bound());
        }
    }

    /// Removes a timer of a foreign waker.
    #[cold]
    fn remove(&self, number: u32) {
        let waker = {
            let inner = &mut *self.inner.borrow_mut();
            let entry = &mut inner.entries[number as usize];
            let (place, waker) = (entry.place, entry.waker.take());
            entry.place = NodePlace::Free(inner.free);
            inner.free = number;
            if inner.take(place) {
                self.bound.set(inner.bound());
            }
            waker
        };
        drop(waker); // it may be foreign
    }
}

impl Drop for HeapTimer {
    #[inline]
    fn drop(&mut self) {
        if !self.of_task.get() || self.timers.clock.source.is_virtual() {
            return self.timers.remove(self.entry);
        }
        let before = self.timers.spare.replace(self.entry);
        if before != NONE {
            self.timers.free(before);
        }
    }
}
