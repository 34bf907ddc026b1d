//! Timers: an indexed 4-ary heap for the near deadlines, buckets for the others, over a table of entries.
//!
//! - One executor owns it and only its thread touches it. A [`Sleep`](crate::time::Sleep) that has been polled has an
//!   entry until it is dropped; while it waits, the entry knows its node in the heap, which is moved or removed
//!   without a search.
//! - A deadline that is more than a moment away is in a bucket without an order (`heap/far.rs`) until it is near: nearly
//!   every timeout is cancelled before, and never meets the heap. Every deadline fires from the heap, to the
//!   nanosecond, which `epoll_pwait2` takes. Four children to a node halve its depth and share a cache line or two.
//! - Deadlines are nanoseconds on the clock of the runtime. Every value is a deadline, `u64::MAX` too; a sleep for
//!   ever has no entry. Equal deadlines fire in the order in which they were set.
//! - A node's deadline may be earlier than its entry's: moving a timer to a later time, as each request does with an
//!   idle timeout, only stores the new time. The node is corrected when it reaches the top of the heap.
//! - A timer that is dropped stays where it is for the next one of its task (`heap/spare.rs`): that is a move.

mod entries; // the table of entries
mod far; // the buckets
mod near; // the heap
mod spare; // the timer that was dropped last

use crate::observe::site::{Note, Site, Task};
use crate::observe::stats::Counter;
use crate::time::clock::Clock;
use crate::wake::queue::RunQueue;
use crate::wake::waker;
use far::Far;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

/// The last deadline as a bound, so that one of `u64::MAX` is not taken for none.
const LAST: u64 = u64::MAX - 1;

/// The timers of an executor.
///
/// Named for the error about a sleep that is sent to another thread; the code calls it [`Timers`].
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(crate) struct TimersStayOnTheirThread_UseSpawnWith {
    inner: RefCell<TimersInner>,
    clock: Rc<Clock>,
    /// The runtime is gone: no timer fires any more.
    closed: Cell<bool>,
    /// The entry of the spare.
    spare: Cell<u32>,
    /// Not after any deadline; `u64::MAX` for none.
    bound: Cell<u64>,
    pub(crate) fired: Counter,
}

pub(crate) use TimersStayOnTheirThread_UseSpawnWith as Timers;

#[derive(Default)]
struct TimersInner {
    heap: Vec<Node>,
    far: Far,
    entries: Vec<TimerEntry>,
    /// The free entry that is used next; the number of entries when none is free.
    free: u32,
    /// How many nodes have been made.
    sequence: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    deadline: u64,
    /// The order of setting, among nodes with the same deadline.
    sequence: u64,
    entry: u32,
}

struct TimerEntry {
    deadline: u64,
    place: NodePlace,
    waker: Option<Waker>,
    note: Cell<Note>,
    task: Task,
}

/// Where the node of an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NodePlace {
    /// It has no node any more.
    Fired,
    /// Its position in the heap.
    Heap(u32),
    /// Its bucket, and its position there.
    Far(u8, u32),
    /// The runtime is gone, and it had not fired.
    Gone,
    /// The entry is free. The next free entry, as in [`TimersInner::free`].
    Free(u32),
}

/// An entry, removed on drop.
pub(crate) struct HeapTimer {
    timers: Rc<Timers>,
    entry: u32,
    /// Whether its waker is a number, or gone.
    of_task: Cell<bool>,
}

impl Timers {
    #[inline]
    pub(crate) fn new(clock: Rc<Clock>) -> Rc<Timers> {
        let now = clock.now();
        Timers::since(now, clock)
    }

    /// With what is near as it is at the time `now`.
    #[inline]
    fn since(now: u64, clock: Rc<Clock>) -> Rc<Timers> {
        let (mut inner, closed, fired): (TimersInner, _, _) = Default::default();
        inner.advance(now);
        let (spare, bound) = (Cell::new(spare::NONE), Cell::new(u64::MAX));
        Rc::new(Timers { inner: RefCell::new(inner), clock, closed, spare, bound, fired })
    }

    /// Returns the clock of the deadlines.
    #[inline]
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sets a timer.
    #[inline]
    pub(crate) fn set(self: Rc<Timers>, deadline: u64, waker: &Waker, at: Site) -> HeapTimer {
        if let Some(entry) = self.reuse(deadline, waker, at) {
            return HeapTimer { timers: self, entry, of_task: Cell::new(true) };
        }
        let waker = waker.clone(); // user code
        let of_task = Cell::new(waker::is_ours(&waker));
        let entry = {
            let inner = &mut *self.inner.borrow_mut();
            let (note, task) = (Cell::new(Note::now(at)), Task::current());
            let (waker, place) = (Some(waker), NodePlace::Gone);
            let entry = TimerEntry { deadline, place, waker, note, task };
            if self.closed.get() {
                inner.allot(entry)
            } else {
                self.bound.set(self.bound.get().min(deadline.min(LAST)));
                inner.insert(entry)
            }
        };
        HeapTimer { timers: self, entry, of_task }
    }

    /// Returns a lower bound of the earliest deadline: for a timer that was moved to a later time, its old one. For a
    /// loop that is about to wait: correcting the heap here would cost each request that moves its timeout a walk
    /// through it; a wait that ends too early happens once in a whole timeout. Of far deadlines it may be the start
    /// of a bucket.
    #[inline]
    pub(crate) fn not_after_next(&self) -> Option<u64> {
        if self.spare.get() != spare::NONE {
            self.settle();
        }
        Some(self.bound.get()).filter(|bound| *bound != u64::MAX)
    }

    /// The same for [`fire`](Timers::fire), which also moves what is going to be near.
    #[inline]
    pub(crate) fn work_is_due_at(&self) -> u64 {
        let inner = self.settled();
        let near = inner.heap.first().map_or(u64::MAX, |top| top.deadline);
        near.min(inner.far.bound().saturating_sub(far::AHEAD))
    }

    /// Returns the earliest deadline.
    #[inline]
    pub(crate) fn next(&self) -> Option<u64> {
        let inner = &mut *self.settled();
        let next = inner.next();
        self.bound.set(inner.bound());
        next
    }

    /// Wakes the waiters whose deadline is not after `now`, in the order of the deadlines. Tasks of `queue` are
    /// queued; foreign wakers are left in `foreign` for the caller, which holds no borrow.
    #[inline]
    pub(crate) fn fire(&self, now: u64, queue: &RunQueue, foreign: &mut Vec<Waker>) -> usize {
        let inner = &mut *self.settled();
        inner.advance(now);
        let watch = &queue.watch;
        let queue = &mut queue.batch_by(watch.timers());
        let mut fired = 0;
        // The top is not after the earliest deadline, so the heap is corrected only when a timer may be due.
        while inner.heap.first().is_some_and(|top| top.deadline <= now)
            && inner.next_near().is_some_and(|deadline| deadline <= now)
        {
            let entry = inner.heap[0].entry;
            inner.remove(0);
            fired += 1;
            let entry = &mut inner.entries[entry as usize];
            entry.place = NodePlace::Fired;
            watch.late(now, entry.deadline);
            foreign.extend(entry.waker.take().and_then(|waker| waker::wake_in(queue, waker)));
        }
        self.bound.set(inner.bound());
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
            let inner = &mut *self.settled();
            inner.heap.clear();
            inner.far = Far::default();
            self.bound.set(u64::MAX);
            let had_nodes = inner.entries.iter_mut().filter(|entry| entry.has_node());
            had_nodes.for_each(|entry| entry.place = NodePlace::Gone);
            inner.entries.iter_mut().filter_map(|entry| entry.waker.take()).collect()
        };
        wakers.into_iter().for_each(waker::wake_contained);
    }

    /// Returns whether none is set, but for one that may just have been dropped.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bound.get() == u64::MAX
    }

    /// Returns whether `waker` waits for a timer.
    #[inline]
    pub(crate) fn has_waiter(&self, waker: &Waker) -> bool {
        let inner = self.inner.borrow();
        inner.entries.iter().any(|entry| entry.waker.as_ref().is_some_and(|it| it.will_wake(waker)))
    }

    /// Returns how many timers are set and have not fired.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        let inner = self.settled();
        inner.heap.len() + inner.far.len()
    }
}

impl HeapTimer {
    /// Returns whether it has fired.
    #[inline]
    pub(crate) fn has_fired(&self) -> bool {
        self.timers.inner.borrow().entries[self.entry as usize].place == NodePlace::Fired
    }

    /// Returns whether its deadline has passed by the clock, fired or not.
    ///
    /// For a distant deadline this reads the coarse clock only; see [`Clock::has_passed`].
    #[inline]
    pub(crate) fn has_passed(&self) -> bool {
        let deadline = self.timers.inner.borrow().entries[self.entry as usize].deadline;
        self.timers.clock.has_passed(deadline)
    }

    /// Returns whether it never will fire, because its runtime is gone.
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
            self.of_task.set(waker::is_ours(&waker));
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
        let place = entry.place;
        if inner.node(place).is_some_and(|node| deadline < node.deadline) {
            inner.take(place);
            inner.push(deadline, self.entry);
            self.timers.bound.set(inner.bound());
        }
    }
}

impl TimersInner {
    /// Returns a time that is not after any deadline; `u64::MAX` for none.
    #[inline]
    fn bound(&self) -> u64 {
        let near = self.heap.first().map_or(u64::MAX, |top| top.deadline.min(LAST));
        near.min(self.far.bound())
    }

    /// Returns the earliest deadline, once the node at the top is corrected. All nodes are in the heap then.
    #[inline]
    fn next(&mut self) -> Option<u64> {
        loop {
            self.gather();
            let next = self.next_near(); // which may find that a node is far now
            if self.far.len() == 0 {
                return next;
            }
        }
    }

    /// Returns the earliest deadline in the heap, once the node at the top is corrected.
    #[inline]
    fn next_near(&mut self) -> Option<u64> {
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
        if self.far.takes(deadline) {
            self.entries[entry as usize].place = self.far.push(node);
        } else {
            self.push_near(node);
        }
    }
}

#[cfg(feature = "inspect")]
pub(crate) mod waits; // the timers that are set, for a dump

#[cfg(test)]
mod tests;
