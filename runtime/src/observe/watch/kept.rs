//! What the loop's thread measures, with feature `inspect`. See also `none.rs`, and `shared.rs` for what other threads
//! read of it.

use super::cause::{By, Label, Note, Woke};
use super::shared::{Group, Post, Shared};
use crate::observe::histogram::bump;
use crate::observe::id::Id;
use crate::observe::recorder::{self, Cause, Known, OTHER, Ring, RingSlot};
use crate::observe::site::{self, Serial};
use crate::observe::ticks;
use crate::sys::Backend;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The memory of the recorder where the builder says nothing.
const RECORDER: usize = 2 << 20;
/// From how long on a poll counts as long where the builder says nothing.
const LONG: Duration = Duration::from_millis(100);
/// In a turn that took longer, each poll that took a tenth of it is summed up for itself, in nanoseconds.
const SLOW: u64 = 10_000_000;

/// What a runtime keeps of the times of its tasks, from its builder.
#[derive(Clone, Debug)]
pub(crate) struct WatchSettings {
    /// The memory of the flight recorder in bytes; 0 for none.
    pub(crate) recorder: usize,
    /// From how long on a poll counts as long.
    pub(crate) limit: Duration,
}

impl Default for WatchSettings {
    fn default() -> WatchSettings {
        WatchSettings { recorder: RECORDER, limit: LONG }
    }
}

/// The part of an executor that measures. For the loop's thread.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    sums: RefCell<Vec<Sums>>,
    groups: RefCell<Vec<Arc<Group>>>,
    /// The end of the last wait, or of the last turn.
    last: Cell<u64>,
    /// Chooses the poll that stands for its turn.
    seed: Cell<u64>,
    /// In ticks.
    slow: u64,
    limit: u64,
}

/// The sums of a task's polls, in ticks.
#[derive(Clone, Copy)]
struct Sums {
    total: u64,
    longest: u64,
    last: u64,
    group: Option<usize>,
    /// The bits of its [`Born`].
    born: u64,
}

const NO_SUMS: Sums = Sums { total: 0, longest: 0, last: 0, group: None, born: 0 };

/// The records of the polls of a turn: those of the ring's block.
pub(crate) struct Polls<'a> {
    watch: &'a Watch,
    ring: &'a Ring,
}

/// The place for the record of a poll.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a>(&'a RingSlot);

/// The times of a task, and its wakes. Durations are in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskTimes {
    pub(crate) polls: u64,
    /// Wakes that put it in the run queue.
    pub(crate) wakes: u64,
    pub(crate) total_ns: u64,
    pub(crate) longest_ns: u64,
    /// Of the last poll that was summed up.
    pub(crate) last_ns: u64,
    /// When it was put in the run queue last, in ticks: until its next poll it is queued, and then it waits, since about
    /// that time.
    pub(crate) woken_at: u64,
    pub(crate) woken_by: Cause,
    /// While it is polled: since when, in ticks.
    pub(crate) polled_since: Option<u64>,
}

impl Watch {
    pub(crate) fn new(settings: &WatchSettings) -> Watch {
        let limit = u64::try_from(settings.limit.as_nanos()).unwrap_or(u64::MAX);
        Watch {
            shared: Arc::new(Shared::new(settings.recorder)),
            sums: RefCell::default(),
            groups: RefCell::default(),
            last: Cell::new(ticks::now()),
            seed: Cell::new(1),
            slow: ticks::from_nanoseconds(SLOW.min(limit)),
            limit: ticks::from_nanoseconds(limit),
        }
    }

    /// What other threads may read.
    pub(crate) fn post(&self) -> Post {
        Post(Some(self.shared.clone()))
    }

    /// Starts the polls of a turn: there is a slot for each.
    #[inline]
    pub(crate) fn polls(&self, batch: usize) -> (Polls<'_>, impl Iterator<Item = Slot<'_>>) {
        let ring = &self.shared.ring;
        let began = self.last.get();
        site::polls_begin(began);
        let slots = if batch == 0 {
            &[]
        } else {
            ring.reserve(batch + 1, began).split_last().map_or(&[][..], |(_, polls)| polls)
        };
        (Polls { watch: self, ring }, slots.iter().map(Slot))
    }

    /// The task of the poll that has begun has ended before.
    #[cold]
    pub(crate) fn not_polled(&self) {
        self.shared.ring.void();
    }

    /// The loop is about to call `epoll_wait`.
    #[inline]
    pub(crate) fn waits(&self) {
        self.shared.waits.store(true, Ordering::Relaxed);
    }

    /// The loop is back from `epoll_wait`. Returns the cause for its events.
    #[inline]
    pub(crate) fn waited(&self, timeout: Option<Duration>, events: usize) -> By {
        let now = ticks::now();
        self.shared.waits.store(false, Ordering::Relaxed);
        let sleeps = if timeout == Some(Duration::ZERO) { 0 } else { recorder::WAIT_SLEEPS };
        let events = (events as u32).min(recorder::NUMBER);
        self.shared.ring.append(now, recorder::WAIT | sleeps | events, now);
        self.last.set(now);
        By { by: 0, since: now }
    }

    /// The cause for the timers that fire now.
    pub(crate) fn timers(&self) -> By {
        By { by: recorder::BY_TIMER, since: ticks::now() }
    }

    /// A timer has fired; both times are nanoseconds on the clock of the runtime.
    pub(crate) fn late(&self, now: u64, deadline: u64) {
        let late = ticks::from_nanoseconds(now.saturating_sub(deadline));
        self.shared.lateness.add(late.min(u64::MAX >> 1), 1);
    }

    /// So many timers have fired.
    pub(crate) fn fired(&self, timers: usize) {
        if timers > 0 {
            let timers = (timers as u32).min(recorder::NUMBER);
            self.shared.ring.append(ticks::now(), recorder::TIMERS | timers, recorder::BY_TIMER);
        }
    }

    /// The cause for a wake by a waker: the task that is polled now, or another thread.
    #[inline]
    pub(crate) fn waker(&self) -> By {
        let by = match self.shared.ring.polled() {
            Some(index) => recorder::BY_TASK | u64::from(index),
            None => recorder::BY_THREAD,
        };
        By { by, since: ticks::now() }
    }

    /// A waker has put a task in the queue.
    #[inline]
    pub(crate) fn woken(&self, index: u32, by: By) {
        self.shared.ring.append(by.since, OTHER | index, by.by);
    }

    /// A task has been given an index. The future of `block_on` has no id.
    pub(crate) fn spawned(&self, index: u32, id: Option<Id>, label: Label) {
        let Label { name, spawned_at } = label;
        let at = index as usize;
        let mut tasks = self.shared.tasks();
        let group = name.as_deref().and_then(|name| tasks.group(name));
        let groups = &mut *self.groups.borrow_mut();
        groups.extend_from_slice(&tasks.groups[groups.len()..]);
        let name = match group {
            Some(group) => Some(tasks.groups[group].name.clone()),
            None => name.map(Arc::from),
        };
        if tasks.known.len() <= at {
            tasks.known.resize(at + 1, Known::default());
        }
        tasks.known[at] = Known { id, name, spawned_at: Some(spawned_at) };
        let born = tasks.born(id, group, spawned_at);
        drop(tasks);
        let sums = &mut *self.sums.borrow_mut();
        if sums.len() <= at {
            sums.resize(at + 1, NO_SUMS);
        }
        sums[at] = Sums { group, born, ..NO_SUMS };
        self.shared.ring.append(ticks::now(), OTHER | index, recorder::SPAWNED | born);
    }

    /// The task at an index has ended.
    pub(crate) fn ended(&self, index: u32) {
        let born = self.sums.borrow().get(index as usize).map_or(0, |sums| sums.born);
        self.shared.ring.append(ticks::now(), OTHER | index, recorder::ENDED | born);
    }

    /// The times of the task at an index, from the note of its wakes.
    pub(crate) fn times(&self, index: u32, note: &Note, is_queued: bool) -> TaskTimes {
        let sums = self.sums.borrow().get(index as usize).copied().unwrap_or(NO_SUMS);
        let poll = self.shared.ring.poll().filter(|(polled, ..)| *polled == index);
        TaskTimes {
            polls: note.puts - u64::from(is_queued),
            wakes: note.puts.saturating_sub(1),
            total_ns: ticks::nanoseconds(sums.total),
            longest_ns: ticks::nanoseconds(sums.longest),
            last_ns: ticks::nanoseconds(sums.last),
            woken_at: note.since,
            woken_by: Cause::from_bits(note.by),
            polled_since: poll.map(|(_, since, _)| since),
        }
    }

    pub(crate) fn long_polls(&self) -> u64 {
        self.shared.long_polls.load(Ordering::Relaxed)
    }

    /// The turn is over: ends its records and sums up its polls. `woken_at` is when the task at an index was put in the
    /// queue last.
    fn turn_ends(&self, woken_at: impl Fn(u32) -> u64) {
        let end = ticks::now();
        let Some(block) = self.shared.ring.end(end) else { return };
        let (began, polls) = (self.last.replace(end), block.len() as u64 - 1);
        let took = end.saturating_sub(began);
        self.shared.turn.add(took, 1);
        let seed = self.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.seed.set(seed);
        let chosen = &block[(((seed >> 32) * polls) >> 32) as usize..];
        if took > self.slow {
            self.sum_slow(block, chosen, began, woken_at);
        } else {
            self.sum_one(chosen, polls, began, woken_at);
        }
    }

    /// Sums up a turn that may have had a long poll: each of them for itself, and one of the others for all others.
    #[cold]
    fn sum_slow(&self, block: &[RingSlot], chosen: &[RingSlot], began: u64, woken_at: impl Fn(u32) -> u64) {
        let polls = block.len() - 1;
        let is_long = |poll: &[RingSlot]| took(poll) > self.slow / 10;
        let mut others = polls as u64;
        for poll in (0..polls).map(|poll| &block[poll..]).filter(|poll| is_long(poll)) {
            self.sum_one(poll, 1, began, &woken_at);
            others -= 1;
        }
        if !is_long(chosen) {
            self.sum_one(chosen, others, began, woken_at);
        }
    }

    /// Adds the poll of the first record `weight` times; the second one is its end.
    #[inline(always)] // of each turn
    fn sum_one(&self, block: &[RingSlot], weight: u64, turn_began: u64, woken_at: impl Fn(u32) -> u64) {
        let [poll, next, ..] = block else { return };
        let (index, took) = (poll.index(), between(poll, next));
        let sums = &mut *self.sums.borrow_mut();
        let Some(sums) = sums.get_mut(index as usize).filter(|_| poll.by() != 0) else { return };
        sums.total += took * weight;
        sums.last = took;
        sums.longest = sums.longest.max(took);
        self.shared.poll.add(took, weight);
        if took > self.limit {
            bump(&self.shared.long_polls, weight);
        }
        // A task that was woken again has another time there.
        let delay = recorder::after(turn_began, poll.time()).checked_sub(woken_at(index));
        delay.into_iter().for_each(|delay| self.shared.delay.add(delay, weight));
        if let Some(group) = sums.group {
            self.sum_group(group, took, delay, weight);
        }
    }

    #[inline(never)]
    fn sum_group(&self, group: usize, took: u64, delay: Option<u64>, weight: u64) {
        let group = &self.groups.borrow()[group];
        group.poll.add(took, weight);
        delay.into_iter().for_each(|delay| group.delay.add(delay, weight));
    }
}

/// How long the poll of the first record took; the second one is its end.
fn took(block: &[RingSlot]) -> u64 {
    between(&block[0], &block[1])
}

#[inline]
fn between(poll: &RingSlot, next: &RingSlot) -> u64 {
    u64::from(next.time().wrapping_sub(poll.time())) << Backend::TICKS_SHIFT
}

impl<'a> Polls<'a> {
    /// A poll begins.
    #[inline(always)]
    pub(crate) fn begin(&self, slot: Slot<'a>, poll: Serial, index: u32, woke: Woke) {
        self.ring.begin(slot.0, poll.bits(), index, woke.0);
    }

    /// The turn is over. `woken_at` is when the task at an index was put in the queue last.
    #[inline]
    pub(crate) fn end(self, woken_at: impl Fn(u32) -> u64) {
        ManuallyDrop::new(self).watch.turn_ends(woken_at);
    }
}

/// The future of `block_on` has panicked, and no poll is going on any more.
impl Drop for Polls<'_> {
    #[cold]
    fn drop(&mut self) {
        self.ring.end(ticks::now());
    }
}

impl Default for Watch {
    fn default() -> Watch {
        Watch::new(&WatchSettings::default())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
