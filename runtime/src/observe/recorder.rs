//! The ring of the flight recorder: what a loop did last, in fixed memory.
//!
//! - Only the thread of the loop writes; any thread copies the ring at any time. All of it is atomics with relaxed
//!   stores, which are plain stores of the processor.
//! - At most one record is written that `written` does not count yet, and a fence stands between the count and the next
//!   record. So a copy leaves out what was counted meanwhile, and one record more.
//! - A record has 16 bytes. A turn of the loop reserves a block for its polls, so that a poll writes its record through
//!   a pointer that only goes on; what happens meanwhile is appended behind the block.
//! - A time has 32 bits. The record of a wait and that of the end of a block have a whole one, from which the others are
//!   counted.

mod chrome; // the trace event format
mod copy; // what is in a ring, decoded
mod descriptors; // which descriptors the events were of
mod recording; // what was taken out of a recorder

pub(crate) use copy::{Born, KnownTask, Labels};
pub(crate) use descriptors::Descriptors;
pub use recording::{Cause, Record, RecordedTask, Recording, What};

use crate::observe::ticks;
use crate::sys::{Backend, Words};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

/// The bit of an index that says that the record is not of a poll.
pub(crate) const OTHER: u32 = 1 << 31;
/// The indices of records that are about no task.
pub(crate) const BLOCK_END: u32 = u32::MAX;
/// The end of a wait, with the number of events in the low bits.
pub(crate) const WAIT: u32 = 0xe000_0000;
/// Of a wait: it could sleep.
pub(crate) const WAIT_SLEEPS: u32 = 0x0800_0000;
/// Timers fired, so many as the low bits say.
pub(crate) const TIMERS: u32 = 0xd000_0000;
/// The low bits of `WAIT` and `TIMERS`.
pub(crate) const NUMBER: u32 = 0x07ff_ffff;

/// In the upper half of a cause, in place of the index of the source of an event, whose mask is in the lower half. A
/// record whose cause is 0 is void.
pub(crate) const BY_TIMER: u64 = 0x8000_0001 << 32;
pub(crate) const BY_TASK: u64 = 0x8000_0002 << 32;
pub(crate) const BY_THREAD: u64 = 0x8000_0003 << 32;
pub(crate) const BY_SPAWN: u64 = 0x8000_0004 << 32;
/// In place of a cause: the task was spawned, or it ended; with its name, place and id: see [`Born`].
pub(crate) const SPAWNED: u64 = 0x81 << 56;
pub(crate) const ENDED: u64 = 0x82 << 56;

/// The least number of records: blocks of two turns.
const LEAST: usize = 256;

/// A record: the time, the index of the task and what it is, the cause.
pub(crate) type RingSlot = Words;

const _: () = assert!(size_of::<RingSlot>() == 16);

/// The ring.
#[derive(Debug)]
pub(crate) struct Ring {
    slots: Box<[RingSlot]>,
    /// Whether there is a recorder; without one nothing is written.
    records: bool,
    /// How many records were reserved since the start, those before the end of the memory that were left out included.
    written: AtomicU64,
    /// The record of the poll that is going on, or null. It is compared and never read through.
    at: AtomicPtr<RingSlot>,
    /// The block of the turn, until it ends: its position in the low half and its length, else 0. And when it began at
    /// the latest.
    block: AtomicU64,
    block_began: AtomicU64,
}

impl Ring {
    pub(crate) fn new(bytes: usize) -> Ring {
        let len = (bytes / size_of::<RingSlot>()).max(LEAST);
        let len = 1 << len.ilog2(); // so that a position is a mask, and not a division
        let slots = Backend::current().ring(len);
        let (written, at, block, block_began) = Default::default(); // 0 and null
        let ring = Ring { slots, records: bytes > 0, written, at, block, block_began };
        let now = ticks::now();
        ring.append(now, WAIT, now); // the base of the first times
        ring
    }

    /// Returns the position of the next record.
    #[inline]
    fn position(&self, written: u64) -> usize {
        written as usize & (self.slots.len() - 1)
    }

    /// Counts records. Records that the next ones overwrite are not mistaken for current ones: see [`Ring::copy`].
    #[inline]
    fn count(&self, written: u64) {
        self.written.store(written, Ordering::Release);
        fence(Ordering::Release);
    }

    /// Reserves records in a row, and makes them the block of the turn.
    #[inline]
    pub(crate) fn reserve(&self, count: usize, began: u64) -> &[RingSlot] {
        let mut written = self.written.load(Ordering::Relaxed);
        let mut first = self.position(written);
        if self.slots.len() - first < count {
            written = self.leave_out(written);
            first = 0;
        }
        fence(Ordering::Release); // the end of the last block is seen before the times of this one
        self.block_began.store(began, Ordering::Relaxed);
        self.block.store(first as u64 | (count as u64) << 32, Ordering::Release);
        self.count(written + count as u64);
        &self.slots[first..first + count]
    }

    /// Leaves out the records before the end of the memory.
    #[cold]
    fn leave_out(&self, mut written: u64) -> u64 {
        for slot in &self.slots[self.position(written)..] {
            slot.void();
            written += 1;
            self.count(written);
        }
        written
    }

    /// Writes a record behind the others.
    pub(crate) fn append(&self, time: u64, index: u32, by: u64) {
        if !self.records {
            return;
        }
        let written = self.written.load(Ordering::Relaxed);
        self.slots[self.position(written)].write(short(time), index, by);
        self.count(written + 1);
    }

    /// Notes that the poll of this record begins.
    #[inline(always)]
    pub(crate) fn begin(&self, slot: &RingSlot, time: u32, index: u32, by: u64) {
        slot.write(time, index, by);
        self.at.store(std::ptr::from_ref(slot).cast_mut(), Ordering::Release);
    }

    /// Returns the block of the turn, which is empty when it has no poll.
    #[inline]
    fn block(&self) -> &[RingSlot] {
        let block = self.block.load(Ordering::Relaxed);
        let first = block as u32 as usize;
        self.slots.get(first..first + (block >> 32) as usize).unwrap_or_default()
    }

    /// Ends the block of the turn at `end`: no poll is going on. Returns its records with that of the end; `None`
    /// when it has no poll.
    #[inline]
    pub(crate) fn end(&self, end: u64) -> Option<&[RingSlot]> {
        let (block, at) = (self.block(), self.at.load(Ordering::Relaxed));
        self.at.store(null_mut(), Ordering::Release);
        match block {
            [.., poll, last] if std::ptr::eq(poll, at) => {
                last.write(short(end), BLOCK_END, end);
                self.block.store(0, Ordering::Release);
                Some(block)
            }
            _ => self.end_early(block, at.addr(), end),
        }
    }

    /// The last record of a poll in the block is at an address before that of the last poll that was expected.
    #[cold]
    fn end_early<'a>(&self, block: &'a [RingSlot], at: usize, end: u64) -> Option<&'a [RingSlot]> {
        let from = at.checked_sub(block.as_ptr().addr()).map(|bytes| bytes / size_of::<RingSlot>());
        let polls = from.filter(|from| *from < block.len()).map_or(0, |from| from + 1);
        let (done, rest) = block.split_at(block.len().min(polls + 1));
        if let Some(last) = done.last() {
            last.write(short(end), BLOCK_END, end);
        }
        rest.iter().for_each(RingSlot::void);
        self.block.store(0, Ordering::Release);
        (polls > 0).then_some(done)
    }

    /// Returns the record of the poll that is going on, by its position.
    #[inline]
    fn current(&self) -> Option<usize> {
        let at = self.at.load(Ordering::Acquire).addr();
        let from = at.checked_sub(self.slots.as_ptr().addr())? / size_of::<RingSlot>();
        (from < self.slots.len()).then_some(from)
    }

    /// Returns the index of the task that is polled. For the thread of the loop.
    #[inline]
    pub(crate) fn polled(&self) -> Option<u32> {
        self.current().map(|at| self.slots[at].index())
    }

    /// The record of the poll that is going on is of a task that has ended and is not polled.
    pub(crate) fn void(&self) {
        if let Some(at) = self.current() {
            self.slots[at].void();
        }
    }

    /// Returns the poll that is going on, for any thread: the index of its task, when it began, and a number that
    /// only this poll has.
    pub(crate) fn poll(&self) -> Option<(u32, u64, u64)> {
        for _ in 0..100 {
            let at = self.current()?;
            let slot = &self.slots[at];
            let (time, index) = (slot.time(), slot.index());
            let began = self.block_began.load(Ordering::Relaxed);
            let written = self.written.load(Ordering::Acquire);
            fence(Ordering::Acquire);
            let is_same = self.current() == Some(at) && slot.time() == time;
            if is_same && began == self.block_began.load(Ordering::Acquire) && index & OTHER == 0 {
                let lap = written - self.position(written) as u64;
                return Some((index, after(began, time), lap + at as u64));
            }
        }
        None
    }
}

impl RingSlot {
    #[inline(always)]
    pub(crate) fn write(&self, time: u32, index: u32, by: u64) {
        self.a.store(time, Ordering::Relaxed);
        self.b.store(index, Ordering::Relaxed);
        self.c.store(by, Ordering::Relaxed);
    }

    /// Makes it the record of nothing.
    pub(crate) fn void(&self) {
        self.c.store(0, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn time(&self) -> u32 {
        self.a.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn index(&self) -> u32 {
        self.b.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn by(&self) -> u64 {
        self.c.load(Ordering::Relaxed)
    }
}

/// Returns a time in the 32 bits of a record.
#[inline(always)]
pub(crate) fn short(ticks: u64) -> u32 {
    (ticks >> Backend::TICKS_SHIFT) as u32
}

/// Returns the whole time of a record that was written after `base`, by less than a minute.
#[inline]
pub(crate) fn after(base: u64, time: u32) -> u64 {
    base + (u64::from(time.wrapping_sub(short(base))) << Backend::TICKS_SHIFT)
}

#[cfg(test)]
mod tests;
