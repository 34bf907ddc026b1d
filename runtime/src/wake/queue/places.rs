//! The tasks in the table of the run queue: the executor's reference to each, next to the mark of its index.
//!
//! - Free indices form a list, so that an index that was freed last is used first.
//! - The index of the future of `block_on` is in no list and has no task here.

use super::{Inner, LAST, Mark, NOT_QUEUED, RunQueue};
use crate::observe::watch::WakeNote;
use crate::wake::key::{ROOT, TaskKey, Tenant};
use crate::wake::task::{CellRef, Task};

/// What is at an index.
pub(super) enum QueuePlace {
    Task(CellRef<dyn Task>),
    /// The next free index, or [`NONE`].
    Free(u32),
}

const _: () = assert!(size_of::<QueuePlace>() == 16);

/// Ends the list of free indices.
pub(super) const NONE: u32 = u32::MAX;

impl RunQueue {
    /// Stores a task at a free index, puts it in the queue and returns the key that wakes it.
    #[inline]
    pub(crate) fn admit(&self, task: CellRef<dyn Task>) -> TaskKey {
        let inner = &mut *self.inner.borrow_mut();
        if inner.free == NONE {
            inner.add_place(self.first_tenant);
        }
        let index = inner.free;
        let mark = &mut inner.marks[index as usize];
        let QueuePlace::Free(free) = mark.task else { unreachable!("an index in the list is free") };
        // Not assigned: the old value needs no drop.
        std::mem::forget(std::mem::replace(&mut mark.task, QueuePlace::Task(task)));
        inner.free = free;
        inner.tasks += 1;
        let (key, is_queued) = mark.claim(index);
        if !is_queued {
            inner.append(index, &self.len);
        }
        key
    }

    /// Takes the task at an index out, if there is one: keys that name it are stale from now on, and the index is free.
    #[inline]
    pub(crate) fn remove(&self, index: u32) -> Option<CellRef<dyn Task>> {
        let inner = &mut *self.inner.borrow_mut();
        let mark = inner.marks.get_mut(index as usize)?;
        if let QueuePlace::Free(_) = mark.task {
            return None;
        }
        mark.tenant = mark.tenant.next();
        let QueuePlace::Task(task) = std::mem::replace(&mut mark.task, QueuePlace::Free(inner.free)) else {
            return None;
        };
        inner.free = index;
        inner.tasks -= 1;
        Some(task)
    }

    /// Returns the task at an index.
    #[inline]
    pub(crate) fn task(&self, index: u32) -> Option<CellRef<dyn Task>> {
        self.inner.borrow().marks.get(index as usize)?.task()
    }

    /// Returns how many tasks there are.
    #[inline]
    pub(crate) fn tasks_alive(&self) -> usize {
        self.inner.borrow().tasks as usize
    }

    /// Returns the indices that tasks have or have had.
    #[inline]
    pub(crate) fn indices(&self) -> std::ops::Range<u32> {
        ROOT + 1..self.inner.borrow().marks.len() as u32
    }
}

impl Mark {
    /// Of an index that no task has had, at the end of the list of free ones.
    #[inline]
    pub(super) fn new(tenant: Tenant) -> Mark {
        Mark { next: NOT_QUEUED, tenant, task: QueuePlace::Free(NONE), note: WakeNote::default() }
    }

    /// Gives its index to a new task. Returns its key, and whether the index is in the queue since the last one.
    #[inline]
    pub(super) fn claim(&mut self, index: u32) -> (TaskKey, bool) {
        self.note = WakeNote::spawned();
        let is_queued = self.next != NOT_QUEUED;
        if !is_queued {
            self.next = LAST;
        }
        (self.tenant.key(index), is_queued)
    }

    #[inline]
    pub(super) fn task(&self) -> Option<CellRef<dyn Task>> {
        match &self.task {
            QueuePlace::Task(task) => Some(task.clone()),
            QueuePlace::Free(_) => None,
        }
    }
}

impl Inner {
    /// Adds an index, which is the first free one.
    #[cold]
    fn add_place(&mut self, tenant: Tenant) {
        let index = self.marks.len();
        assert!(index < NOT_QUEUED as usize, "memory for so many tasks");
        self.marks.push(Mark::new(tenant));
        self.free = index as u32;
    }
}
