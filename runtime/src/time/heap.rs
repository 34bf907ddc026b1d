//! Timers: an indexed 4-ary heap over a slab of entries.
//!
//! - One executor owns it and only its thread touches it. A [`Sleep`](crate::time::Sleep) that has been polled has an
//!   entry until it is dropped; while it waits, the entry knows its node in the heap, which is moved or removed
//!   without a search.
//! - A wheel inserts a little faster, but loses the next deadline to the nanosecond, which `epoll_pwait2` takes, and
//!   wraps at the end of its range. Four children to a node halve the depth of the heap and share a cache line or two.
//! - Deadlines are nanoseconds on the clock of the runtime. Every value is a deadline, `u64::MAX` too; a sleep for
//!   ever has no entry. Equal deadlines fire in the order in which they were set.
//! - A node's deadline may be earlier than its entry's: moving a timer to a later time, as each request does with an
//!   idle timeout, only stores the new time. The node is corrected when it reaches the top.

use crate::observe::site::{Note, Site, Task};
use crate::observe::stats::Counter;
use crate::time::clock::Clock;
use crate::wake::queue::RunQueue;
use crate::wake::waker;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

/// The timers of an executor.
///
/// Named for the error about a sleep that is sent to another thread; the code calls it [`Timers`].
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(crate) struct TimersStayOnTheirThread_UseSpawnWith {
    inner: RefCell<Inner>,
    clock: Rc<Clock>,
    /// The runtime is gone: no timer fires any more.
    closed: Cell<bool>,
    pub(crate) fired: Counter,
}

pub(crate) use TimersStayOnTheirThread_UseSpawnWith as Timers;

#[derive(Default)]
struct Inner {
    heap: Vec<Node>,
    entries: Slab<Entry>,
    /// How many nodes have been made.
    sequence: u64,
}

#[derive(Clone, Copy)]
struct Node {
    deadline: u64,
    /// The order of setting, among nodes with the same deadline.
    sequence: u64,
    entry: u32,
}

struct Entry {
    deadline: u64,
    /// The position of its node in the heap; `None` once it has fired. Once the runtime is gone, only `None` has a
    /// meaning.
    position: Option<u32>,
    waker: Option<Waker>,
    note: Cell<Note>,
    task: Task,
}

/// How many children a node has.
const ARITY: usize = 4;

/// An entry, removed on drop.
pub(crate) struct Timer {
    timers: Rc<Timers>,
    entry: u32,
}

impl Node {
    #[inline]
    fn before(&self, other: &Node) -> bool {
        (self.deadline, self.sequence) < (other.deadline, other.sequence)
    }
}

impl Timers {
    #[inline]
    pub(crate) fn new(clock: Rc<Clock>) -> Rc<Timers> {
        let (inner, closed, fired) = Default::default();
        Rc::new(Timers { inner, clock, closed, fired })
    }

    /// The clock of the deadlines.
    #[inline]
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sets a timer.
    #[inline]
    pub(crate) fn set(self: &Rc<Timers>, deadline: u64, waker: Waker, at: Site) -> Timer {
        let inner = &mut *self.inner.borrow_mut();
        let (note, task) = (Cell::new(Note::now(at)), Task::current());
        let entry = Entry { deadline, position: Some(0), waker: Some(waker), note, task };
        let entry = inner.entries.insert(entry);
        let entry = u32::try_from(entry).expect("memory for 2^32 timers");
        if !self.closed.get() {
            inner.push(deadline, entry);
        }
        Timer { timers: self.clone(), entry }
    }

    /// A lower bound of the earliest deadline: for a timer that was moved to a later time, its old one. For a loop
    /// that is about to wait: correcting the heap here would cost each request that moves its timeout a walk through
    /// it; a wait that ends too early happens once in a whole timeout.
    #[inline]
    pub(crate) fn not_after_next(&self) -> Option<u64> {
        self.inner.borrow().heap.first().map(|top| top.deadline)
    }

    /// The earliest deadline.
    #[inline]
    pub(crate) fn next(&self) -> Option<u64> {
        self.inner.borrow_mut().next()
    }

    /// Wakes the waiters whose deadline is not after `now`, in the order of the deadlines. Tasks of `queue` are
    /// queued; foreign wakers are left in `foreign` for the caller, which holds no borrow.
    #[inline]
    pub(crate) fn fire(&self, now: u64, queue: &RunQueue, foreign: &mut Vec<Waker>) -> usize {
        let inner = &mut *self.inner.borrow_mut();
        let watch = &queue.watch;
        let queue = &mut queue.batch_by(watch.timers());
        let mut fired = 0;
        // The top is not after the earliest deadline, so the heap is corrected only when a timer may be due.
        while inner.heap.first().is_some_and(|top| top.deadline <= now)
            && inner.next().is_some_and(|deadline| deadline <= now)
        {
            let entry = inner.heap[0].entry;
            inner.remove(0);
            fired += 1;
            let entry = &mut inner.entries[entry as usize];
            entry.position = None;
            watch.late(now, entry.deadline);
            foreign.extend(entry.waker.take().and_then(|waker| waker::wake_in(queue, waker)));
        }
        self.fired.add(fired as u64);
        watch.fired(fired);
        fired
    }

    /// Drops all waiters: no timer fires any more. A timer that has not fired is an orphan, which is not the same as
    /// fired.
    #[inline]
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let wakers: Vec<_> = {
            let inner = &mut *self.inner.borrow_mut();
            inner.heap.clear();
            let waiting = inner.entries.iter_mut().filter(|(_, entry)| entry.position.is_some());
            waiting.filter_map(|(_, entry)| entry.waker.take()).collect()
        };
        wakers.into_iter().for_each(waker::wake_contained);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.inner.borrow().heap.is_empty()
    }

    /// Whether `waker` waits for a timer.
    pub(crate) fn has_waiter(&self, waker: &Waker) -> bool {
        let inner = self.inner.borrow();
        inner.entries.iter().any(|(_, entry)| entry.waker.as_ref().is_some_and(|it| it.will_wake(waker)))
    }

    /// How many timers are set and have not fired.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.inner.borrow().heap.len()
    }
}

impl Timer {
    /// Whether it has fired.
    #[inline]
    pub(crate) fn has_fired(&self) -> bool {
        self.timers.inner.borrow().entries[self.entry as usize].position.is_none()
    }

    /// Whether its deadline has passed by the clock, fired or not.
    ///
    /// For a distant deadline this reads the coarse clock only; see [`Clock::has_passed`].
    #[inline]
    pub(crate) fn has_passed(&self) -> bool {
        let deadline = self.timers.inner.borrow().entries[self.entry as usize].deadline;
        self.timers.clock.has_passed(deadline)
    }

    /// Whether it never will fire, because its runtime is gone.
    #[inline]
    pub(crate) fn is_orphan(&self) -> bool {
        self.timers.closed.get()
    }

    /// Replaces the waker, if it differs. No effect once the timer has fired.
    #[inline]
    pub(crate) fn set_waker(&self, waker: &Waker, at: Site) {
        let same = {
            let inner = self.timers.inner.borrow();
            let entry = &inner.entries[self.entry as usize];
            entry.note.set(entry.note.get().again(at));
            entry.waker.as_ref().is_some_and(|old| old.will_wake(waker))
        };
        if !same {
            let waker = waker.clone(); // user code, like the drop of the old one
            let old = {
                let entry = &mut self.timers.inner.borrow_mut().entries[self.entry as usize];
                entry.task = Task::current();
                entry.waker.replace(waker)
            };
            drop(old);
        }
    }

    /// Moves a timer that has not fired. Moving to a later time is a store.
    #[inline]
    pub(crate) fn reset(&self, deadline: u64) {
        let inner = &mut *self.timers.inner.borrow_mut();
        let entry = &mut inner.entries[self.entry as usize];
        entry.deadline = deadline;
        let Some(position) = entry.position.filter(|_| !self.timers.closed.get()) else { return };
        if deadline < inner.heap[position as usize].deadline {
            inner.remove(position as usize);
            inner.push(deadline, self.entry);
        }
    }
}

impl Drop for Timer {
    #[inline]
    fn drop(&mut self) {
        let entry = {
            let inner = &mut *self.timers.inner.borrow_mut();
            let entry = inner.entries.remove(self.entry as usize);
            if let Some(position) = entry.position.filter(|_| !self.timers.closed.get()) {
                inner.remove(position as usize);
            }
            entry
        };
        drop(entry); // its waker may be foreign
    }
}

impl Inner {
    /// The earliest deadline, once the node at the top is corrected.
    #[inline]
    fn next(&mut self) -> Option<u64> {
        loop {
            let top = self.heap.first()?;
            let deadline = self.entries[top.entry as usize].deadline;
            if deadline == top.deadline {
                return Some(deadline);
            }
            let entry = top.entry;
            self.remove(0);
            self.push(deadline, entry);
        }
    }

    /// Adds a node, the last of its deadline.
    #[inline]
    fn push(&mut self, deadline: u64, entry: u32) {
        let node = Node { deadline, sequence: self.sequence, entry };
        self.sequence += 1;
        self.heap.push(node);
        self.sift_up(self.heap.len() - 1, node);
    }

    /// Removes the node at `position`. The `position` of its entry is not updated.
    #[inline]
    fn remove(&mut self, position: usize) {
        let last = self.heap.pop().expect("a position is of a node");
        if position == self.heap.len() {
            return;
        }
        // The last node replaces it and moves up or down from there.
        let parent = position.wrapping_sub(1) / ARITY;
        if position > 0 && last.before(&self.heap[parent]) {
            self.sift_up(position, last);
        } else {
            self.sift_down(position, last);
        }
    }

    /// Puts `node` at `position` or above, moving down what is after it.
    #[inline]
    fn sift_up(&mut self, mut position: usize, node: Node) {
        while position > 0 {
            let parent = (position - 1) / ARITY;
            if !node.before(&self.heap[parent]) {
                break;
            }
            self.place(position, self.heap[parent]);
            position = parent;
        }
        self.place(position, node);
    }

    /// Puts `node` at `position` or below, moving up what is before it.
    #[inline]
    fn sift_down(&mut self, mut position: usize, node: Node) {
        loop {
            let first = position * ARITY + 1;
            let children = first..(first + ARITY).min(self.heap.len());
            let least = children.reduce(|a, b| if self.heap[b].before(&self.heap[a]) { b } else { a });
            match least {
                Some(child) if self.heap[child].before(&node) => {
                    self.place(position, self.heap[child]);
                    position = child;
                }
                _ => break,
            }
        }
        self.place(position, node);
    }

    #[inline]
    fn place(&mut self, position: usize, node: Node) {
        self.heap[position] = node;
        self.entries[node.entry as usize].position = Some(position as u32);
    }
}

#[cfg(feature = "inspect")]
pub(crate) mod waits;

#[cfg(test)]
mod tests;
