//! The run queue: a FIFO of the tasks to poll.
//!
//! - One executor owns it and only its thread touches it; the waker reaches it through `context` while the executor
//!   runs.
//! - It knows tasks as indices. For each index it keeps the tenant that a waker must name, or a waker that outlived
//!   its task would wake the next task at that index; and whether the index is queued, or a task that is woken twice
//!   would be polled twice.
//! - The list is threaded through these marks: a wake moves two numbers and never allocates.
//! - The task itself is next to its mark, so that one look-up finds both.
//! - No method calls user code, so no borrow is held when the next one starts.

mod places; // the tasks, and the free indices

use crate::observe::record::Trace;
use crate::observe::spans::WakeSpans;
use crate::observe::stats::Counter;
use crate::observe::watch::{By, WakeNote, Watch, Woke};
use crate::observe::woken::Woken;
use crate::wake::clones::Clones;
use crate::wake::key::{TaskKey, Tenant};
use crate::wake::task::{CellRef, Task};
use places::{NONE, QueuePlace};
use std::cell::{Cell, RefCell, RefMut};

/// FIFO of task indices, each in it at most once, and the table of the tasks.
pub(crate) struct RunQueue {
    inner: RefCell<Inner>,
    /// How many indices are in the list. Outside of `inner`: the loop asks for it several times in a turn.
    len: Cell<usize>,
    /// The number of the executor, which its wakers carry.
    pub(crate) executor: u16,
    /// The tenant of an index that no task has had yet.
    first_tenant: Tenant,
    /// Wakes that put an index in.
    pub(crate) queued: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) stale: Counter,
    /// Records each wake and each poll, for tests.
    pub(crate) trace: Trace,
    /// Which wakers were cloned, for a dump.
    pub(crate) clones: Clones,
    /// Receives each wake, for `tracing`.
    pub(crate) spans: WakeSpans,
    /// Measures polls and keeps what woke each task.
    pub(crate) watch: Watch,
}

struct Inner {
    /// One for each index that was ever claimed.
    marks: Vec<Mark>,
    /// The first index of the list, or [`LAST`] while it is empty.
    head: u32,
    /// The last index of the list; without meaning while it is empty.
    tail: u32,
    /// The first free index, or [`NONE`].
    free: u32,
    /// How many tasks there are.
    tasks: u32,
}

/// In place of the next index: this one is the last of the list. In place of the first: there is none.
const LAST: u32 = u32::MAX;
/// In place of the next index: this one is not in the list. No task has either of the two as its index.
const NOT_QUEUED: u32 = u32::MAX - 1;

/// With feature `inspect` it is in one line of the cache, and its place is found by a shift.
#[cfg_attr(feature = "inspect", repr(align(64)))]
struct Mark {
    /// The index after this one in the list. An index may be queued for a task that has ended since: the next task at
    /// the index is then polled once without need.
    next: u32,
    tenant: Tenant,
    task: QueuePlace,
    /// The wakes of the task.
    note: WakeNote,
}

/// What [`RunQueue::pop_woken`] takes out.
pub(crate) struct Popped {
    pub(crate) key: TaskKey,
    /// `None` for the future of `block_on`, and when the task has ended.
    pub(crate) task: Option<CellRef<dyn Task>>,
    pub(crate) woke: Woke,
}

/// The queue, borrowed for several wakes: see [`RunQueue::batch`].
pub(crate) struct Batch<'a> {
    inner: RefMut<'a, Inner>,
    queue: &'a RunQueue,
    /// The cause of the wakes.
    by: By,
}

impl RunQueue {
    #[cfg(test)]
    pub(crate) fn new(executor: u16, first_generation: u16) -> RunQueue {
        RunQueue::watched(executor, first_generation, Default::default())
    }

    pub(crate) fn watched(executor: u16, first_generation: u16, watch: Watch) -> RunQueue {
        let inner = RefCell::new(Inner { marks: Vec::new(), head: LAST, tail: 0, free: NONE, tasks: 0 });
        let len = Cell::new(0);
        let first_tenant = Tenant::new(executor, first_generation);
        let (queued, coalesced, stale, trace, clones, spans) = Default::default();
        RunQueue { inner, len, executor, first_tenant, queued, coalesced, stale, trace, clones, spans, watch }
    }

    /// Gives `index` to a future that is not in the table, puts it in the queue and returns the key that wakes it.
    #[inline]
    pub(crate) fn claim(&self, index: u32) -> TaskKey {
        let inner = &mut *self.inner.borrow_mut();
        if inner.marks.len() <= index as usize {
            inner.make_room(index, self.first_tenant);
        }
        let (key, is_queued) = inner.marks[index as usize].claim(index);
        if !is_queued {
            inner.append(index, &self.len);
        }
        key
    }

    /// Takes `index` back from a future that [`claim`](RunQueue::claim) gave it: keys that name it are stale from now on.
    #[inline]
    pub(crate) fn retire(&self, index: u32) {
        let mark = &mut self.inner.borrow_mut().marks[index as usize];
        mark.tenant = mark.tenant.next();
    }

    /// Queues the task that `key` names, unless it is queued already or belongs to another executor.
    #[inline]
    pub(crate) fn wake(&self, key: TaskKey) -> Woken {
        let by = self.watch.waker();
        let woken = self.batch_by(by).wake(key);
        if woken == Woken::Queued {
            self.watch.woken(key.index(), by);
        }
        woken
    }

    /// Borrows the queue for several wakes. No other access is allowed meanwhile.
    #[inline]
    pub(crate) fn batch(&self) -> Batch<'_> {
        self.batch_by(self.watch.waker())
    }

    /// The same, with the cause of the wakes.
    #[inline]
    pub(crate) fn batch_by(&self, by: By) -> Batch<'_> {
        Batch { inner: self.inner.borrow_mut(), queue: self, by }
    }

    /// Returns whether the task that `key` names is of this executor and has ended.
    pub(crate) fn is_stale(&self, key: TaskKey) -> bool {
        let inner = self.inner.borrow();
        let mark = inner.marks.get(key.index() as usize);
        key.executor() == self.executor && mark.is_none_or(|mark| mark.tenant != key.tenant())
    }

    /// Takes the next task out: the one at the position that `pick` chooses from the length of the queue.
    ///
    /// In production `pick` returns 0 and this is a FIFO.
    #[inline]
    pub(crate) fn pop(&self, pick: impl FnOnce(usize) -> usize) -> Option<TaskKey> {
        (self.len() > 0).then(|| self.pop_woken(pick).key)
    }

    /// The same, with the task and what woke it. The queue is not empty: the loop takes out as many as it has found there,
    /// and nothing else takes any.
    #[inline(always)] // into the loops over the polls of a turn, of which there are two with feature `inspect`
    pub(crate) fn pop_woken(&self, pick: impl FnOnce(usize) -> usize) -> Popped {
        let len = self.len.get();
        debug_assert!(len > 0);
        let inner = &mut *self.inner.borrow_mut();
        let before = match pick(len) {
            0 => None,
            position => Some(inner.at(position - 1)),
        };
        let index = before.map_or(inner.head, |before| inner.marks[before as usize].next);
        // Marked before the poll, so that a wake during the poll queues the task again.
        let mark = &mut inner.marks[index as usize];
        let next = std::mem::replace(&mut mark.next, NOT_QUEUED);
        let (key, woke) = (mark.tenant.key(index), mark.note.woke());
        self.len.set(len - 1);
        self.trace.popped(index);
        inner.head = if before.is_none() { next } else { inner.head };
        let task = mark.task(); // last, for the loop looks at it first
        if let Some(before) = before {
            inner.close_gap(before, next);
        }
        Popped { key, task, woke }
    }

    #[cold]
    fn not_ours(&self, key: TaskKey) -> Woken {
        if key.executor() != self.executor {
            return Woken::Elsewhere;
        }
        self.stale.bump();
        Woken::Stale
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// Returns the first indices of the list, at most so many.
    #[cfg(feature = "sim")]
    pub(crate) fn first(&self, most: usize) -> Vec<u32> {
        let inner = self.inner.borrow();
        (0..self.len().min(most)).map(|position| inner.at(position)).collect()
    }

    /// Returns the task that is polled.
    #[cfg(feature = "inspect")]
    pub(crate) fn polled(&self) -> Option<TaskKey> {
        self.key_at(self.watch.polled()?)
    }

    /// Returns the note of the wakes of the task at `index`.
    #[inline]
    pub(crate) fn note(&self, index: u32) -> WakeNote {
        self.inner.borrow().marks.get(index as usize).map_or_else(WakeNote::default, |mark| mark.note)
    }

    /// Returns the times and the wakes of the task at `index`, and whether it is in the list.
    #[cfg(feature = "inspect")]
    pub(crate) fn times(&self, index: u32) -> (crate::observe::watch::TaskTimes, bool) {
        let mark = self.inner.borrow().marks.get(index as usize).map(|mark| (mark.next, mark.note));
        let (next, note) = mark.unwrap_or((NOT_QUEUED, WakeNote::default()));
        let is_queued = next != NOT_QUEUED;
        (self.watch.times(index, &note, is_queued), is_queued)
    }

    /// Returns the keys in the list, in their order.
    #[cfg(feature = "inspect")]
    pub(crate) fn keys(&self) -> Vec<TaskKey> {
        let inner = self.inner.borrow();
        let first = (self.len() > 0).then_some(inner.head);
        let indices = std::iter::successors(first, |index| {
            Some(inner.marks[*index as usize].next).filter(|next| *next != LAST)
        });
        indices.map(|index| inner.marks[index as usize].tenant.key(index)).collect()
    }

    /// Returns the key of the task that has an index.
    #[cfg(feature = "inspect")]
    pub(crate) fn key_at(&self, index: u32) -> Option<TaskKey> {
        self.inner.borrow().marks.get(index as usize).map(|mark| mark.tenant.key(index))
    }
}

impl Batch<'_> {
    /// Returns the trace to which the source of the wakes is reported.
    #[inline]
    pub(crate) fn trace(&self) -> &Trace {
        &self.queue.trace
    }

    /// [`RunQueue::wake`].
    #[inline]
    pub(crate) fn wake(&mut self, key: TaskKey) -> Woken {
        self.wake_alive(key, |by| by).unwrap_or_else(|| {
            let woken = self.queue.not_ours(key);
            self.tell(key, woken);
            woken
        })
    }

    /// The same for a task that is of this executor and has not ended, by what `cause` makes of the cause of the batch. For
    /// any other key it does nothing, and returns `None`.
    #[inline(always)] // into the walk over the events
    pub(crate) fn wake_alive(&mut self, key: TaskKey, cause: impl FnOnce(By) -> By) -> Option<Woken> {
        let index = key.index();
        let mark = self.inner.marks.get_mut(index as usize).filter(|mark| mark.tenant == key.tenant())?;
        let woken = if mark.next != NOT_QUEUED {
            self.queue.coalesced.bump();
            Woken::Coalesced
        } else {
            mark.note.queued(cause(self.by));
            mark.next = LAST;
            self.inner.append(index, &self.queue.len);
            self.queue.queued.bump();
            Woken::Queued
        };
        self.tell(key, woken);
        Some(woken)
    }

    #[inline]
    fn tell(&self, key: TaskKey, woken: Woken) {
        self.queue.trace.woken(key.index(), woken);
        self.queue.spans.woken(key.index(), woken);
    }
}

impl Inner {
    #[cold]
    fn make_room(&mut self, index: u32, tenant: Tenant) {
        assert!(index < NOT_QUEUED, "memory for so many tasks");
        self.marks.resize_with(index as usize + 1, || Mark::new(tenant));
    }

    /// Links `index`, whose mark says that it is the last, after the one that was. `len` is that of the list.
    #[inline]
    fn append(&mut self, index: u32, len: &Cell<usize>) {
        // Not by the length, which is then an increment in memory.
        if self.head == LAST {
            self.head = index;
        } else {
            self.marks[self.tail as usize].next = index;
        }
        self.tail = index;
        len.set(len.get() + 1);
    }

    /// Returns the index at `position` of the list.
    fn at(&self, position: usize) -> u32 {
        (0..position).fold(self.head, |index, _| self.marks[index as usize].next)
    }

    /// Links `next` after `before`, once the index between them was taken out.
    fn close_gap(&mut self, before: u32, next: u32) {
        self.marks[before as usize].next = next;
        if next == LAST {
            self.tail = before;
        }
    }
}

#[cfg(test)]
mod tests;
