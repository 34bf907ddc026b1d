//! The measurements of the loop's thread, with feature `inspect`. See also `none.rs`, `sums.rs`, and `shared.rs` for the
//! part that other threads read.

use super::Polls;
use super::cause::{By, Label, WakeNote, Woke};
use super::going::Going;
use super::shared::{Post, SharedWatch};
use super::sums::Sums;
use crate::observe::id::Id;
use crate::observe::recorder::{self, Cause, KnownTask, OTHER, Ring, RingSlot};
use crate::observe::site;
use crate::observe::ticks;
use crate::sys::Backend;
use std::cell::Cell;
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

/// The settings of the builder for the times of tasks.
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
    shared: Arc<SharedWatch>,
    /// Whether there is a recorder.
    records: bool,
    sums: Sums,
    /// The end of the last wait, or of the last turn.
    last: Cell<u64>,
    /// How many records of this turn are of no poll.
    voids: Cell<u64>,
}

/// The records of the polls of a turn: those of the ring's block.
pub(crate) struct Recorded<'a> {
    watch: &'a Watch,
    ring: &'a Ring,
}

/// The polls of a turn of a loop without a recorder.
pub(crate) struct Unrecorded<'a> {
    going: &'a Going,
}

/// The place for the record of a poll.
#[derive(Clone, Copy)]
pub(crate) struct PollSlot<'a>(&'a RingSlot);

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
        let slow = ticks::from_nanoseconds(SLOW.min(limit));
        Watch {
            shared: Arc::new(SharedWatch::new(settings.recorder)),
            records: settings.recorder > 0,
            sums: Sums::new(slow, ticks::from_nanoseconds(limit)),
            last: Cell::new(ticks::now()),
            voids: Cell::default(),
        }
    }

    /// Returns the part that other threads may read.
    pub(crate) fn post(&self) -> Post {
        Post(Some(self.shared.clone()))
    }

    /// Returns whether polls are recorded, and timed.
    #[inline]
    pub(crate) fn records(&self) -> bool {
        self.records
    }

    /// Returns the index of the task that is polled.
    #[inline]
    pub(crate) fn polled(&self) -> Option<u32> {
        self.shared.polled()
    }

    /// Starts the polls of a turn that are recorded: there is a slot for each.
    #[inline]
    pub(crate) fn recorded(&self, batch: usize) -> (Recorded<'_>, impl Iterator<Item = PollSlot<'_>>) {
        let ring = &self.shared.ring;
        site::polls_begin(ticks::now()); // not before what has put the tasks in the queue
        let slots = if batch == 0 {
            &[]
        } else {
            ring.reserve(batch + 1, self.last.get()).split_last().map_or(&[][..], |(_, polls)| polls)
        };
        (Recorded { watch: self, ring }, slots.iter().map(PollSlot))
    }

    /// Starts the polls of a turn of a loop without a recorder.
    #[inline]
    pub(crate) fn unrecorded(&self, batch: usize) -> (Unrecorded<'_>, impl Iterator<Item = ()>) {
        let going = &self.shared.going;
        let began = ticks::now();
        site::polls_begin(began);
        going.turn_begins(began);
        (Unrecorded { going }, (0..batch).map(|_| ()))
    }

    /// Notes that the task of the poll that has begun has ended before.
    #[cold]
    pub(crate) fn not_polled(&self) {
        if self.records {
            self.voids.set(self.voids.get() + 1);
            self.shared.ring.void();
        }
    }

    /// Sums up all polls of the turns that are over.
    pub(crate) fn flush(&self) {
        self.sums.flush(&self.shared);
    }

    /// Notes that the loop is about to call `epoll_wait`.
    #[inline]
    pub(crate) fn waits(&self) {
        self.shared.waits.store(true, Ordering::Relaxed);
    }

    /// Notes that the loop is back from `epoll_wait`. Returns the cause for its events.
    #[inline]
    pub(crate) fn waited(&self, timeout: u64, events: usize) -> By {
        let now = ticks::now();
        self.shared.waits.store(false, Ordering::Relaxed);
        let sleeps = if timeout == 0 { 0 } else { recorder::WAIT_SLEEPS };
        let events = (events as u32).min(recorder::NUMBER);
        self.shared.ring.append(now, recorder::WAIT | sleeps | events, now);
        self.last.set(now);
        By { by: 0, since: now }
    }

    /// Returns the cause for the timers that fire now.
    pub(crate) fn timers(&self) -> By {
        By { by: recorder::BY_TIMER, since: ticks::now() }
    }

    /// Notes that a timer has fired; both times are nanoseconds on the clock of the runtime.
    pub(crate) fn late(&self, now: u64, deadline: u64) {
        let late = ticks::from_nanoseconds(now.saturating_sub(deadline));
        self.shared.lateness.add(late.min(u64::MAX >> 1), 1);
    }

    /// Notes how many timers have fired.
    pub(crate) fn fired(&self, timers: usize) {
        if timers > 0 {
            let timers = (timers as u32).min(recorder::NUMBER);
            self.shared.ring.append(ticks::now(), recorder::TIMERS | timers, recorder::BY_TIMER);
        }
    }

    /// Returns the cause for a wake by a waker: the task that is polled now, or another thread.
    #[inline]
    pub(crate) fn waker(&self) -> By {
        let by = match self.polled() {
            Some(index) => recorder::BY_TASK | u64::from(index),
            None => recorder::BY_THREAD,
        };
        By { by, since: ticks::now() }
    }

    /// Notes that a waker has put a task in the queue.
    #[inline]
    pub(crate) fn woken(&self, index: u32, by: By) {
        self.shared.ring.append(by.since, OTHER | index, by.by);
    }

    /// Notes that a task has been given an index. The future of `block_on` has no id.
    pub(crate) fn spawned(&self, index: u32, id: Option<Id>, label: Label) {
        let Label { name, spawned_at } = label;
        let at = index as usize;
        let mut tasks = self.shared.tasks();
        let group = name.as_deref().and_then(|name| tasks.group(name));
        self.sums.learn(&tasks.groups);
        let name = match group {
            Some(group) => Some(tasks.groups[group].name.clone()),
            None => name.map(Arc::from),
        };
        if tasks.known.len() <= at {
            tasks.known.resize(at + 1, KnownTask::default());
        }
        tasks.known[at] = KnownTask { id, name, spawned_at: Some(spawned_at) };
        let born = tasks.born(id, group, spawned_at);
        drop(tasks);
        self.sums.begin(&self.shared, index, group, born);
        self.shared.ring.append(ticks::now(), OTHER | index, recorder::SPAWNED | born);
    }

    /// Notes that the task at an index has ended.
    pub(crate) fn ended(&self, index: u32) {
        if self.records {
            let born = self.sums.of(index).born;
            self.shared.ring.append(ticks::now(), OTHER | index, recorder::ENDED | born);
        }
    }

    /// Notes that a descriptor is registered, and its source has this index.
    pub(crate) fn registered(&self, index: u32, fd: i32) {
        self.shared.tasks().descriptors.add(index, fd, ticks::now());
    }

    /// Returns the times of the task at an index, from the note of its wakes.
    pub(crate) fn times(&self, index: u32, note: &WakeNote, is_queued: bool) -> TaskTimes {
        let sums = self.sums.of(index);
        let poll = self.shared.going().filter(|(polled, ..)| *polled == index);
        TaskTimes {
            polls: note.puts - u64::from(is_queued),
            wakes: note.puts.saturating_sub(1),
            total_ns: ticks::nanoseconds(sums.total),
            longest_ns: ticks::nanoseconds(sums.longest),
            last_ns: ticks::nanoseconds(sums.last),
            woken_at: note.since,
            woken_by: Cause::from_bits(note.by, note.since, &self.shared.tasks().descriptors),
            polled_since: poll.map(|(_, since, _)| since),
        }
    }

    pub(crate) fn long_polls(&self) -> u64 {
        self.shared.long_polls.load(Ordering::Relaxed)
    }

    /// Ends the turn: ends its records and sums up its polls. `woken_at` is when the task at an index was put in the
    /// queue last.
    #[inline]
    fn turn_ends(&self, woken_at: impl Fn(u32) -> u64) {
        let end = ticks::now();
        let Some(block) = self.shared.ring.end(end) else { return };
        let began = self.last.replace(end);
        self.sums.turn(&self.shared, block, self.voids.take(), (began, end), woken_at);
    }
}

impl<'a> Polls for Recorded<'a> {
    type Slot = PollSlot<'a>;

    #[inline(always)]
    fn begin(&self, slot: PollSlot<'a>, index: u32, woke: Woke) {
        self.ring.begin(slot.0, Backend::current().short_ticks(), index, woke.0);
    }

    #[inline]
    fn end(self, woken_at: impl Fn(u32) -> u64) {
        ManuallyDrop::new(self).watch.turn_ends(woken_at);
    }
}

/// The future of `block_on` has panicked, and no poll is going on any more.
impl Drop for Recorded<'_> {
    #[cold]
    fn drop(&mut self) {
        self.ring.end(ticks::now());
        self.watch.voids.set(0);
    }
}

impl Polls for Unrecorded<'_> {
    type Slot = ();

    #[inline(always)]
    fn begin(&self, _slot: (), index: u32, _woke: Woke) {
        self.going.poll_begins(index);
    }

    #[inline]
    fn end(self, _woken_at: impl Fn(u32) -> u64) {}
}

impl Drop for Unrecorded<'_> {
    #[inline]
    fn drop(&mut self) {
        self.going.polls_end();
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
