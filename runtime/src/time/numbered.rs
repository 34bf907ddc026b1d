//! A sleep that may be sent to another thread, because it is a number.
//!
//! - hyper needs sleeps that are `Send` and `Sync`; a timer belongs to its loop's thread. The timer stays in a table
//!   of the executor, which only that thread touches; hyper holds the deadline and the number of the row.
//! - A number may name no row here: its sleep was made by another runtime, or the row was swept. That is no error: a
//!   new row is made if the deadline has not passed.
//! - A row is removed when its sleep is over or dropped. A drop on another thread or outside the runtime cannot reach
//!   the table: the row stays until its deadline has passed and is swept when the table next would grow. That costs a
//!   spurious wake and no leak.
//! - The table is not borrowed while user code runs.

use crate::observe::site::Site;
use crate::time;
use crate::time::clock::Instant;
use crate::time::heap::HeapTimer;
use crate::wake::context::{self, Entered, Slot};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

thread_local! {
    /// The sleeps of this thread's executor.
    static CURRENT: Slot<Sleeps> = const { Cell::new(None) };
}

/// With fewer rows than this the table is not swept.
const SMALL: usize = 64;

/// The numbered sleeps of an executor.
#[derive(Default)]
pub(crate) struct Sleeps {
    rows: RefCell<Slab<Row>>,
    /// The number of rows at which the next sweep runs: twice as many as the last one left, so that each row pays for
    /// a bounded share of the sweeps.
    sweep_at: Cell<usize>,
}

struct Row {
    id: u64,
    /// `None` while the sleep is polled, which runs user code. An empty row may be swept: a timer that is put back
    /// then gets a new row, and one that is lost to a panic leaves nothing behind.
    timer: Option<HeapTimer>,
}

/// Names a row. An id is used once in the life of the process, so a number that outlived its row names no other row of
/// any runtime.
#[derive(Clone, Copy)]
struct Number {
    index: usize,
    id: u64,
}

/// A deadline, and the number of the timer that waits for it.
pub(crate) struct NumberedSleep {
    /// `None` is never.
    deadline: Option<Instant>,
    number: Option<Number>,
}

const _: () = {
    #[inline]
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<NumberedSleep>();
};

impl NumberedSleep {
    #[inline]
    pub(crate) fn until(deadline: Option<Instant>) -> NumberedSleep {
        NumberedSleep { deadline, number: None }
    }

    /// Sets another deadline; the sleep has to be polled again.
    #[inline]
    pub(crate) fn reset(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
        let Some(number) = self.number else { return };
        match context::get(&CURRENT) {
            Some(sleeps) => sleeps.reset(number, deadline),
            None => self.number = None,
        }
    }
}

impl Future for NumberedSleep {
    type Output = ();

    #[track_caller]
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let (timers, sleeps) = (time::current(), context::require(&CURRENT));
        let kept = self.number.and_then(|number| sleeps.take(number));
        // The loop fires timers only between polls: the deadline of a waiting timer may have passed.
        let timer = match kept.filter(|timer| !timer.has_fired()) {
            _ if timers.clock().has_passed(deadline.nanoseconds()) => None,
            Some(timer) => {
                timer.set_waker(cx.waker(), Site::current());
                Some(timer)
            }
            None => Some(timers.set(deadline.nanoseconds(), cx.waker(), Site::current())),
        };
        // Cloning a waker is user code, which may have turned the loop: check again.
        match timer.filter(|timer| !timer.has_fired()) {
            Some(timer) => {
                self.number = Some(sleeps.put(self.number, timer));
                Poll::Pending
            }
            None => {
                drop(self.number.take().and_then(|number| sleeps.remove(number)));
                Poll::Ready(())
            }
        }
    }
}

impl Drop for NumberedSleep {
    #[inline]
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        if let Some(sleeps) = context::get(&CURRENT) {
            drop(sleeps.remove(number));
        }
    }
}

impl Sleeps {
    /// Makes these the sleeps of this thread until the guard is dropped.
    #[inline]
    pub(crate) fn enter(self: &Rc<Sleeps>) -> Entered<Sleeps> {
        context::enter(&CURRENT, self.clone())
    }

    #[inline]
    fn reset(&self, number: Number, deadline: Instant) {
        let rows = self.rows.borrow();
        let row = rows.get(number.index).filter(|row| row.id == number.id);
        if let Some(timer) = row.and_then(|row| row.timer.as_ref()) {
            timer.reset(deadline.nanoseconds()); // a timer that has fired ignores it
        }
    }

    /// Takes a timer out of its row, to be put back later.
    #[inline]
    fn take(&self, number: Number) -> Option<HeapTimer> {
        let rows = &mut *self.rows.borrow_mut();
        rows.get_mut(number.index).filter(|row| row.id == number.id)?.timer.take()
    }

    /// Puts a timer back in its row, or in a new one.
    #[inline]
    fn put(&self, number: Option<Number>, timer: HeapTimer) -> Number {
        let rows = &mut *self.rows.borrow_mut();
        if let Some(number) = number {
            if let Some(row) = rows.get_mut(number.index).filter(|row| row.id == number.id) {
                row.timer = Some(timer);
                return number;
            }
        }
        if rows.len() >= self.sweep_at.get().max(SMALL) {
            // Dropping a timer that has fired runs no user code: its waker was taken then.
            rows.retain(|_, row| row.timer.as_ref().is_some_and(|timer| !timer.has_fired()));
            self.sweep_at.set(2 * rows.len());
        }
        let id = next_id();
        Number { index: rows.insert(Row { id, timer: Some(timer) }), id }
    }

    #[inline]
    fn remove(&self, number: Number) -> Option<Row> {
        let rows = &mut *self.rows.borrow_mut();
        let named = rows.get(number.index).is_some_and(|row| row.id == number.id);
        named.then(|| rows.remove(number.index))
    }
}

#[inline]
fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests;
