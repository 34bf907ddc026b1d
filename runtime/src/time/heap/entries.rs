//! The table of entries: those that are free form a list, and each other one knows its node.

use super::{Node, NodePlace, TimerEntry, TimersInner};

impl TimerEntry {
    #[inline]
    pub(super) fn has_node(&self) -> bool {
        matches!(self.place, NodePlace::Heap(_) | NodePlace::Far(..))
    }
}

impl TimersInner {
    /// Stores an entry with a node, the last of its deadline.
    #[inline]
    pub(super) fn insert(&mut self, mut entry: TimerEntry) -> u32 {
        let node = Node { deadline: entry.deadline, sequence: self.sequence, entry: self.free };
        let is_far = self.far.takes(node.deadline);
        self.sequence += 1;
        if is_far {
            entry.place = self.far.push(node);
            return self.allot(entry);
        }
        let number = self.allot(entry);
        self.push_near(node);
        number
    }

    /// Stores an entry, at the place that `free` says.
    #[inline]
    pub(super) fn allot(&mut self, entry: TimerEntry) -> u32 {
        let number = self.free;
        match self.entries.get_mut(number as usize) {
            Some(old) => {
                if let NodePlace::Free(next) = old.place {
                    self.free = next;
                }
                std::mem::forget(std::mem::replace(old, entry)); // The waker of a free entry is `None`.
            }
            None => self.grow(entry),
        }
        number
    }

    #[inline(never)]
    fn grow(&mut self, entry: TimerEntry) {
        self.entries.push(entry);
        self.free = u32::try_from(self.entries.len()).expect("memory for 2^32 timers");
    }

    /// Returns the node of an entry.
    #[inline]
    pub(super) fn node(&self, place: NodePlace) -> Option<&Node> {
        match place {
            NodePlace::Heap(position) => Some(&self.heap[position as usize]),
            NodePlace::Far(bucket, position) => Some(self.far.node(bucket, position)),
            NodePlace::Fired | NodePlace::Gone | NodePlace::Free(_) => None,
        }
    }

    /// Removes the node of an entry, if it has one. Its `place` is not updated. Returns whether the bound may be later now.
    #[inline(always)] // into `Timers::free`, the path of every cancelled timer
    pub(super) fn take(&mut self, place: NodePlace) -> bool {
        match place {
            NodePlace::Heap(position) => {
                self.remove(position as usize);
                position == 0
            }
            NodePlace::Far(bucket, position) => {
                if let Some(moved) = self.far.remove(bucket, position) {
                    self.entries[moved as usize].place = place;
                }
                self.far.len() == 0
            }
            NodePlace::Fired | NodePlace::Gone | NodePlace::Free(_) => false,
        }
    }
}
