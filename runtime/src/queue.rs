//! The run queue: which tasks are to be polled, in which order.
//!
//! Owned by one executor and touched by its thread alone; the waker reaches it through `context` while the
//! executor runs. It knows tasks as indices: for each it keeps the generation that a waker must name and
//! whether the index is queued. Without the first a waker that outlived its task would run whatever took
//! its place; without the second a task woken twice would be polled twice.
//!
//! The queue is a list threaded through these marks, so that a wake moves two numbers and never allocates.
//!
//! Nothing in here calls user code, so the borrow taken by each method ends before anyone else can ask.

use crate::record::Trace;
use crate::spans::WakeSpans;
use crate::stats::Counter;
use std::cell::{RefCell, RefMut};

/// FIFO of task indices, each in it at most once.
#[derive(Debug)]
pub(crate) struct RunQueue {
    inner: RefCell<Inner>,
    /// The number of the executor, which its wakers carry.
    pub(crate) executor: u16,
    /// The generation of an index that no task has had yet.
    first_generation: u16,
    /// Wakes that put an index in.
    pub(crate) queued: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) stale: Counter,
    /// Told of each wake and of each poll, for tests.
    pub(crate) trace: Trace,
    /// Told of each wake, for `tracing`.
    pub(crate) spans: WakeSpans,
}

#[derive(Debug)]
struct Inner {
    /// One for each index that was ever claimed.
    marks: Vec<Mark>,
    len: usize,
    /// The first and the last index of the list; of no meaning while it is empty.
    head: u32,
    tail: u32,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The index that is behind this one in the list, if it is in there and not the last.
    next: u32,
    generation: u16,
    /// Whether the index is in the list. It may be there for a task that has gone since: whoever takes the
    /// index next is then polled for nothing.
    queued: bool,
}

/// The queue, taken for a number of wakes: see [`RunQueue::batch`].
pub(crate) struct Batch<'a> {
    inner: RefMut<'a, Inner>,
    queue: &'a RunQueue,
}

/// What became of a wake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Woken {
    /// The task is in the queue now and was not before.
    Queued,
    /// It was in the queue already.
    Coalesced,
    /// The task is gone.
    Stale,
}

impl RunQueue {
    pub(crate) fn new(executor: u16, first_generation: u16) -> RunQueue {
        let inner = RefCell::new(Inner { marks: Vec::new(), len: 0, head: 0, tail: 0 });
        let (queued, coalesced, stale, trace, spans) = Default::default();
        RunQueue { inner, executor, first_generation, queued, coalesced, stale, trace, spans }
    }

    /// Gives `index` to a new task, puts it in the queue and returns the generation that wakes it.
    pub(crate) fn claim(&self, index: u32) -> u16 {
        let inner = &mut *self.inner.borrow_mut();
        let at = index as usize;
        if inner.marks.len() <= at {
            let unused = Mark { next: 0, generation: self.first_generation, queued: false };
            inner.marks.resize(at + 1, unused);
        }
        if !inner.marks[at].queued {
            inner.push(index);
        }
        inner.marks[at].generation
    }

    /// Takes `index` from a task that is over: keys that name it are stale from now on.
    pub(crate) fn retire(&self, index: u32) {
        let mark = &mut self.inner.borrow_mut().marks[index as usize];
        mark.generation = mark.generation.wrapping_add(1);
    }

    /// Puts the task that `index` and `generation` name at the end of the queue, unless it is in there.
    #[inline]
    pub(crate) fn wake(&self, index: u32, generation: u16) -> Woken {
        self.batch().wake(index, generation)
    }

    /// Takes the queue for a number of wakes. Nobody else may touch it until they are done.
    #[inline]
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch { inner: self.inner.borrow_mut(), queue: self }
    }

    /// Whether the task that `index` and `generation` name is over.
    pub(crate) fn is_stale(&self, index: u32, generation: u16) -> bool {
        self.inner.borrow().marks.get(index as usize).is_none_or(|mark| mark.generation != generation)
    }

    /// Takes the next index out, with its generation: the one at the position that `pick` chooses from the length of the queue.
    ///
    /// In production `pick` is the constant 0 and this is a FIFO.
    #[inline]
    pub(crate) fn pop(&self, pick: impl FnOnce(usize) -> usize) -> Option<(u32, u16)> {
        let inner = &mut *self.inner.borrow_mut();
        if inner.len == 0 {
            return None;
        }
        let index = match pick(inner.len) {
            0 => inner.pop_front(),
            position => inner.remove(position),
        };
        // Cleared before the poll, so that a wake during it counts.
        let mark = &mut inner.marks[index as usize];
        mark.queued = false;
        self.trace.popped(index);
        Some((index, mark.generation))
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.inner.borrow().len
    }
}

impl Batch<'_> {
    /// The number of the executor whose queue this is.
    #[inline]
    pub(crate) fn executor(&self) -> u16 {
        self.queue.executor
    }

    /// Who is told what the wakes come from.
    #[inline]
    pub(crate) fn trace(&self) -> &Trace {
        &self.queue.trace
    }

    /// [`RunQueue::wake`].
    #[inline]
    pub(crate) fn wake(&mut self, index: u32, generation: u16) -> Woken {
        let woken = self.put(index, generation);
        self.queue.trace.woken(index, woken);
        self.queue.spans.woken(index, woken);
        woken
    }

    #[inline]
    fn put(&mut self, index: u32, generation: u16) -> Woken {
        let Some(mark) = self.inner.marks.get(index as usize).filter(|mark| mark.generation == generation)
        else {
            self.queue.stale.bump();
            return Woken::Stale;
        };
        if mark.queued {
            self.queue.coalesced.bump();
            return Woken::Coalesced;
        }
        self.inner.push(index);
        self.queue.queued.bump();
        Woken::Queued
    }
}

impl Inner {
    #[inline]
    fn push(&mut self, index: u32) {
        self.marks[index as usize].queued = true;
        if self.len == 0 {
            self.head = index;
        } else {
            self.marks[self.tail as usize].next = index;
        }
        self.tail = index;
        self.len += 1;
    }

    #[inline]
    fn pop_front(&mut self) -> u32 {
        let index = self.head;
        self.head = self.marks[index as usize].next;
        self.len -= 1;
        index
    }

    /// Takes the index at `position`, which is not 0, out of the middle.
    fn remove(&mut self, position: usize) -> u32 {
        let mut before = self.head;
        for _ in 1..position {
            before = self.marks[before as usize].next;
        }
        let index = self.marks[before as usize].next;
        if index == self.tail {
            self.tail = before;
        } else {
            self.marks[before as usize].next = self.marks[index as usize].next;
        }
        self.len -= 1;
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &RunQueue) -> Vec<u32> {
        std::iter::from_fn(|| Some(queue.pop(|_| 0)?.0)).collect()
    }

    #[test]
    fn a_claimed_index_is_queued_and_the_order_is_first_in_first_out() {
        let queue = RunQueue::new(0, 0);
        for index in [2, 0, 1] {
            queue.claim(index);
        }
        assert_eq!(queue.len(), 3);
        assert_eq!(drain(&queue), [2, 0, 1]);
    }

    #[test]
    fn a_second_wake_before_the_poll_is_coalesced_and_one_after_the_pop_is_not() {
        let queue = RunQueue::new(0, 0);
        let generation = queue.claim(0);
        assert_eq!(queue.wake(0, generation), Woken::Coalesced);
        assert_eq!(drain(&queue), [0]);
        assert_eq!(queue.wake(0, generation), Woken::Queued);
        assert_eq!(queue.wake(0, generation), Woken::Coalesced);
        assert_eq!(drain(&queue), [0]);
        assert_eq!(queue.coalesced.get(), 2);
    }

    #[test]
    fn a_key_of_a_task_that_is_over_wakes_nothing() {
        let queue = RunQueue::new(0, u16::MAX);
        let old = queue.claim(0);
        assert_eq!(old, u16::MAX);
        drain(&queue);
        queue.retire(0);
        assert_eq!(queue.wake(0, old), Woken::Stale);
        let new = queue.claim(0);
        assert_eq!(new, 0); // the generation wraps
        drain(&queue);
        assert_eq!(queue.wake(0, old), Woken::Stale);
        assert_eq!(queue.wake(0, new), Woken::Queued);
        assert_eq!(queue.wake(9, new), Woken::Stale); // an index that nobody ever had
        assert_eq!(queue.stale.get(), 3);
    }

    #[test]
    fn an_index_that_is_queued_when_its_task_goes_stays_in_the_ring_once() {
        let queue = RunQueue::new(0, 0);
        queue.claim(0);
        queue.retire(0);
        queue.claim(0);
        assert_eq!(drain(&queue), [0]);
    }

    #[test]
    fn pick_chooses_the_position() {
        let queue = RunQueue::new(0, 0);
        for index in 0..4 {
            queue.claim(index);
        }
        assert_eq!(queue.pop(|len| len - 1), Some((3, 0)));
        queue.claim(4);
        assert_eq!(queue.pop(|_| 1), Some((1, 0)));
        assert_eq!(drain(&queue), [0, 2, 4]);
        queue.claim(1);
        assert_eq!(drain(&queue), [1]);
    }
}
