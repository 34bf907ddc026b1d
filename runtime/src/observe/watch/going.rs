//! Which task a loop polls, where no recorder says it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// In place of an index: no poll is going on.
const NONE: u32 = u32::MAX;

/// The poll that is going on, for any thread. Only the loop's thread writes.
pub(crate) struct Going {
    index: AtomicU32,
    /// The number of the turn, and when it began at the latest.
    turn: AtomicU32,
    began: AtomicU64,
}

impl Going {
    pub(super) fn new() -> Going {
        Going { index: AtomicU32::new(NONE), turn: AtomicU32::new(0), began: AtomicU64::new(0) }
    }

    /// Notes that a turn begins; no poll is going on.
    #[inline]
    pub(super) fn turn_begins(&self, began: u64) {
        self.began.store(began, Ordering::Relaxed);
        self.turn.store(self.turn.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// Notes that the poll of the task at this index begins.
    #[inline(always)]
    pub(super) fn poll_begins(&self, index: u32) {
        self.index.store(index, Ordering::Release);
    }

    #[inline]
    pub(super) fn polls_end(&self) {
        self.index.store(NONE, Ordering::Release);
    }

    /// Returns the index of the task that is polled. For the thread of the loop.
    #[inline]
    pub(super) fn polled(&self) -> Option<u32> {
        Some(self.index.load(Ordering::Relaxed)).filter(|index| *index != NONE)
    }

    /// Returns the poll that is going on: the index of its task, when its turn began, and a number that only this
    /// poll has.
    pub(super) fn poll(&self) -> Option<(u32, u64, u64)> {
        for _ in 0..100 {
            let turn = self.turn.load(Ordering::Acquire);
            let index = self.index.load(Ordering::Acquire);
            let began = self.began.load(Ordering::Acquire);
            fence(Ordering::Acquire);
            if index == NONE {
                return None;
            }
            // A task is polled once in a turn.
            if turn == self.turn.load(Ordering::Relaxed) && index == self.index.load(Ordering::Relaxed) {
                return Some((index, began, u64::from(turn) << 32 | u64::from(index)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_poll_has_a_number_of_its_own() {
        let going = Going::new();
        going.turn_begins(70);
        assert_eq!((going.poll(), going.polled()), (None, None));
        going.poll_begins(5);
        let (index, began, first) = going.poll().unwrap();
        assert_eq!((index, began, going.polled()), (5, 70, Some(5)));
        going.poll_begins(6);
        let (_, _, second) = going.poll().unwrap();
        going.polls_end();
        assert_eq!(going.poll(), None);
        going.turn_begins(80);
        going.poll_begins(5);
        let (_, began, third) = going.poll().unwrap();
        assert!(began == 80 && first != second && first != third && second != third);
    }
}
