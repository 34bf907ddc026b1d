//! The sums of the records of polls: by task, and in the histograms.
//!
//! - Short polls are not summed up one by one. Of up to [`WINDOW`] of them, of one turn or of many, one is drawn and stands
//!   for all: the sums have the right mean, and the count of polls is exact. A turn that may have had a long poll is
//!   summed up at once, with each long poll for itself.
//! - The polls that none stands for yet are counted where readers see them.

use super::shared::{Group, SharedWatch};
use crate::observe::histogram::bump;
use crate::observe::recorder::{self, RingSlot};
use crate::observe::ticks;
use crate::sys::Backend;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One poll stands for so many, or some more: those of its turn.
const WINDOW: u64 = 64;
/// A turn of polls of which one may have taken so long is summed up at once, in nanoseconds.
const NOTABLE: u64 = 1_000_000;

/// The sums of a loop.
pub(super) struct Sums {
    tasks: RefCell<Vec<TaskSums>>,
    groups: RefCell<Vec<Arc<Group>>>,
    /// The poll that was drawn from those that wait to be summed up.
    drawn: Cell<Drawn>,
    /// Chooses it.
    seed: Cell<u64>,
    /// When the last ones were summed up.
    at: Cell<u64>,
    /// In ticks: turns that took longer, or polls.
    slow: u64,
    notable: u64,
    limit: u64,
}

/// The sums of a task's polls, in ticks.
#[derive(Clone, Copy)]
pub(super) struct TaskSums {
    pub(super) total: u64,
    pub(super) longest: u64,
    pub(super) last: u64,
    pub(super) group: Option<usize>,
    /// The bits of its [`Born`](crate::observe::recorder::Born).
    pub(super) born: u64,
}

const NO_SUMS: TaskSums = TaskSums { total: 0, longest: 0, last: 0, group: None, born: 0 };

/// A poll: its task, how long it took, and how long the task was queued before.
#[derive(Clone, Copy, Default)]
struct Drawn {
    index: u32,
    took: u64,
    delay: Option<u64>,
}

impl Sums {
    /// From how long on turns are slow and polls are long is in ticks.
    pub(super) fn new(slow: u64, limit: u64) -> Sums {
        let (tasks, groups, drawn, at) = Default::default();
        let notable = ticks::from_nanoseconds(NOTABLE);
        Sums { tasks, groups, drawn, seed: Cell::new(1), at, slow, notable, limit }
    }

    /// Learns the groups that there are, the new ones last.
    pub(super) fn learn(&self, all: &[Arc<Group>]) {
        let groups = &mut *self.groups.borrow_mut();
        groups.extend_from_slice(&all[groups.len()..]);
    }

    /// Notes that a new task has this index.
    pub(super) fn begin(&self, shared: &SharedWatch, index: u32, group: Option<usize>, born: u64) {
        if self.drawn.get().index == index {
            self.flush(shared); // it is of the task before
        }
        let (tasks, at) = (&mut *self.tasks.borrow_mut(), index as usize);
        if tasks.len() <= at {
            tasks.resize(at + 1, NO_SUMS);
        }
        tasks[at] = TaskSums { group, born, ..NO_SUMS };
    }

    /// Of the task at this index.
    pub(super) fn of(&self, index: u32) -> TaskSums {
        self.tasks.borrow().get(index as usize).copied().unwrap_or(NO_SUMS)
    }

    /// Adds a turn that is over, from `began` to `end`. `block` has the records of its polls, of which `voids` are of
    /// none, and the one of the end.
    #[inline(always)] // of each turn
    pub(super) fn turn(
        &self,
        shared: &SharedWatch,
        block: &[RingSlot],
        voids: u64,
        (began, end): (u64, u64),
        woken_at: impl Fn(u32) -> u64,
    ) {
        let took = end.saturating_sub(began);
        shared.turn.add(took, 1);
        let polls = block.len() as u64 - 1;
        if took > self.slow.min(polls * self.notable) || voids > 0 {
            return self.turn_at_once(shared, block, began, woken_at);
        }
        let pending = shared.pending.load(Ordering::Relaxed) + polls;
        // Each of those that wait is as likely to be drawn.
        let chosen = self.below(pending);
        if chosen < polls {
            self.draw(shared, &block[chosen as usize..], began, woken_at);
        }
        shared.pending.store(pending, Ordering::Relaxed);
        if pending >= WINDOW || end.saturating_sub(self.at.get()) > self.slow {
            self.at.set(end);
            self.flush(shared);
        }
    }

    /// Returns the next number of a sequence that is spread evenly, from 0 to below `limit`, which has 32 bits.
    #[inline(always)] // of each turn
    fn below(&self, limit: u64) -> u64 {
        let seed = self.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.seed.set(seed);
        ((seed >> 32) * limit) >> 32
    }

    /// Draws the poll of the first record; the second one is its end.
    #[inline]
    fn draw(&self, shared: &SharedWatch, block: &[RingSlot], began: u64, woken_at: impl Fn(u32) -> u64) {
        let [poll, next, ..] = block else { return };
        let drawn = Drawn::of(poll, next, began, woken_at);
        self.drawn.set(drawn);
        shared.pending_took.store(drawn.took, Ordering::Relaxed);
    }

    /// Sums up the polls that wait for it, by the one that was drawn.
    #[inline]
    pub(super) fn flush(&self, shared: &SharedWatch) {
        let pending = shared.pending.load(Ordering::Relaxed);
        if pending > 0 {
            self.add(shared, self.drawn.get(), pending);
            shared.pending.store(0, Ordering::Relaxed);
        }
    }

    /// Sums up a turn that may have had a long poll, or one that was none: each long one for itself, and one of the
    /// others for all others.
    #[cold]
    fn turn_at_once(
        &self,
        shared: &SharedWatch,
        block: &[RingSlot],
        began: u64,
        woken_at: impl Fn(u32) -> u64,
    ) {
        self.flush(shared);
        let (mut others, mut last) = (0, None);
        for pair in block.windows(2).filter(|pair| pair[0].by() != 0) {
            let poll = Drawn::of(&pair[0], &pair[1], began, &woken_at);
            if poll.took > self.slow / 10 {
                self.add(shared, poll, 1);
            } else {
                others += 1;
                // The n-th takes the place with a chance of one in n.
                if self.below(others) == 0 {
                    last = Some(poll);
                }
            }
        }
        // The first one has a chance of one in one.
        last.into_iter().for_each(|poll| self.add(shared, poll, others));
    }

    /// Adds a poll, `weight` times.
    #[inline(never)]
    fn add(&self, shared: &SharedWatch, poll: Drawn, weight: u64) {
        let Drawn { index, took, delay } = poll;
        shared.poll.add(took, weight);
        if took > self.limit {
            bump(&shared.long_polls, weight);
        }
        delay.into_iter().for_each(|delay| shared.delay.add(delay, weight));
        let tasks = &mut *self.tasks.borrow_mut();
        let Some(sums) = tasks.get_mut(index as usize) else { return };
        sums.total += took * weight;
        sums.last = took;
        sums.longest = sums.longest.max(took);
        if let Some(group) = sums.group {
            let group = &self.groups.borrow()[group];
            group.poll.add(took, weight);
            delay.into_iter().for_each(|delay| group.delay.add(delay, weight));
        }
    }
}

impl Drawn {
    #[inline]
    fn of(poll: &RingSlot, next: &RingSlot, turn_began: u64, woken_at: impl Fn(u32) -> u64) -> Drawn {
        let took = u64::from(next.time().wrapping_sub(poll.time())) << Backend::TICKS_SHIFT;
        let index = poll.index();
        // A task that was woken again has another time there.
        let delay = recorder::after(turn_began, poll.time()).checked_sub(woken_at(index));
        Drawn { index, took, delay }
    }
}
