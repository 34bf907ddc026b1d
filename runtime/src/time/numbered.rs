//! A sleep that may be sent to another thread, because it is a number.
//!
//! hyper wants the sleeps of a timer to be `Send` and `Sync`; a timer belongs to the thread of its loop. So the timer
//! itself stays with the executor, in a table for the loop's thread alone, and what hyper holds is its deadline
//! and the number of its row, as a waker is the number of its task. A number that names no row here, because its
//! sleep was made by another runtime or its row was swept, is no error: the deadline says all there is to know, and
//! a new row is made if it has not passed.
//!
//! A row is removed when its sleep is over or dropped. What is dropped where the runtime is not, on another thread or
//! outside of it, cannot reach the table: its row stays until the deadline has passed, and is swept when the table
//! next would grow. That costs a spurious wake and no leak.
//!
//! The table is not borrowed while user code runs.

use crate::time;
use crate::time::clock::Instant;
use crate::time::heap::Timer;
use crate::wake::context::{self, Entered, Slot};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

thread_local! {
    /// Those of the executor that this thread is in.
    static CURRENT: Slot<Sleeps> = const { Cell::new(None) };
}

/// With fewer rows than this the table is not swept: it is not worth the walk.
const SMALL: usize = 64;

/// The sleeps of an executor that are known by a number.
#[derive(Default)]
pub(crate) struct Sleeps {
    rows: RefCell<Slab<Row>>,
    /// How many rows there may be before those that are over are looked for: twice as many as were left the last time,
    /// so that each row pays for a bounded share of the walks.
    sweep_at: Cell<usize>,
}

struct Row {
    id: u64,
    /// Out while the sleep is polled, which runs user code. A row that is empty may be swept: what is put back then gets
    /// another, and what never comes back, because that code panicked, leaves nothing behind.
    timer: Option<Timer>,
}

/// Names a row. The id is used once in the life of the process, so a number that outlived its row names no other,
/// of whichever runtime.
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
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<NumberedSleep>();
};

impl NumberedSleep {
    pub(crate) fn until(deadline: Option<Instant>) -> NumberedSleep {
        NumberedSleep { deadline, number: None }
    }

    /// Sets another deadline; it has to be polled again.
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
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let (timers, sleeps) = (time::current(), context::require(&CURRENT));
        let kept = self.number.and_then(|number| sleeps.take(number));
        // A timer that waits is no proof that the deadline has not passed: the loop fires timers only between polls.
        let timer = match kept.filter(|timer| !timer.has_fired()) {
            _ if timers.clock().has_passed(deadline.nanoseconds()) => None,
            Some(timer) => {
                timer.set_waker(cx.waker());
                Some(timer)
            }
            None => Some(timers.set(deadline.nanoseconds(), cx.waker().clone())),
        };
        // Cloning a waker is user code, which may have turned the loop: so it is asked once more.
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
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        if let Some(sleeps) = context::get(&CURRENT) {
            drop(sleeps.remove(number));
        }
    }
}

impl Sleeps {
    /// Makes these the ones that this thread is in until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Sleeps>) -> Entered<Sleeps> {
        context::enter(&CURRENT, self.clone())
    }

    fn reset(&self, number: Number, deadline: Instant) {
        let rows = self.rows.borrow();
        let row = rows.get(number.index).filter(|row| row.id == number.id);
        if let Some(timer) = row.and_then(|row| row.timer.as_ref()) {
            timer.reset(deadline.nanoseconds()); // which one that has fired takes no notice of
        }
    }

    /// Takes a timer out of its row, to be put back.
    fn take(&self, number: Number) -> Option<Timer> {
        let rows = &mut *self.rows.borrow_mut();
        rows.get_mut(number.index).filter(|row| row.id == number.id)?.timer.take()
    }

    /// Puts a timer back in its row, or in a new one.
    fn put(&self, number: Option<Number>, timer: Timer) -> Number {
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

    fn remove(&self, number: Number) -> Option<Row> {
        let rows = &mut *self.rows.borrow_mut();
        let named = rows.get(number.index).is_some_and(|row| row.id == number.id);
        named.then(|| rows.remove(number.index))
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests;
