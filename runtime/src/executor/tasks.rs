//! The table of the tasks of an executor: the executor's reference to each, in the slot that its wakers name.
//!
//! Free slots form a list, so that a slot that was freed last is used first.

use super::task::{CellRef, Task};

#[derive(Default)]
pub(crate) struct Tasks {
    slots: Vec<Slot>,
    /// The first free slot; the number of slots when none is free.
    free: u32,
    len: u32,
}

enum Slot {
    Task(CellRef<dyn Task>),
    /// The next free one.
    Free(u32),
}

const _: () = assert!(size_of::<Slot>() == 16);

impl Tasks {
    /// Stores a task, and returns its slot.
    #[inline]
    pub(crate) fn insert(&mut self, task: CellRef<dyn Task>) -> u32 {
        let slot = self.free;
        match self.slots.get_mut(slot as usize) {
            Some(place) => {
                let Slot::Free(next) = *place else { unreachable!("a slot in the list is free") };
                self.free = next;
                // Not assigned: the old value needs no drop.
                std::mem::forget(std::mem::replace(place, Slot::Task(task)));
            }
            None => self.push(task),
        }
        self.len += 1;
        slot
    }

    #[cold]
    fn push(&mut self, task: CellRef<dyn Task>) {
        self.slots.push(Slot::Task(task));
        self.free = u32::try_from(self.slots.len()).expect("memory for 2^32 tasks");
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&CellRef<dyn Task>> {
        match self.slots.get(slot as usize) {
            Some(Slot::Task(task)) => Some(task),
            _ => None,
        }
    }

    /// Takes the task of a slot out, which is free then.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) -> Option<CellRef<dyn Task>> {
        let place = self.slots.get_mut(slot as usize)?;
        if let Slot::Free(_) = place {
            return None;
        }
        let Slot::Task(task) = std::mem::replace(place, Slot::Free(self.free)) else { return None };
        self.free = slot;
        self.len -= 1;
        Some(task)
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The tasks, each with its slot.
    #[cfg(any(feature = "inspect", feature = "test-util"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &CellRef<dyn Task>)> {
        (0..).zip(&self.slots).filter_map(|(number, slot)| match slot {
            Slot::Task(task) => Some((number, task)),
            Slot::Free(_) => None,
        })
    }
}
