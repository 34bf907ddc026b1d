//! The content of a ring, decoded.

use super::{
    BLOCK_END, Descriptors, ENDED, NUMBER, OTHER, Record, RecordedTask, Recording, Ring, RingSlot, SPAWNED,
    TIMERS, WAIT, WAIT_SLEEPS, What, after,
};
use crate::observe::id::Id;
use crate::observe::recorder::Cause;
use crate::observe::ticks::Anchor;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

/// A task as the recorder knows it: of an index, the last one.
#[derive(Clone, Default)]
pub(crate) struct KnownTask {
    pub(crate) id: Option<Id>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) spawned_at: Option<&'static Location<'static>>,
}

/// The task in the records of a spawn and of an end: the numbers of its name and of its place, and its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Born {
    pub(crate) name: Option<u8>,
    pub(crate) place: Option<u16>,
    pub(crate) id: u64,
}

const ID_BITS: u32 = 36;
const PLACE_BITS: u32 = 12;
const NO_PLACE: u64 = (1 << PLACE_BITS) - 1;
const NO_NAME: u64 = 0xff;

/// The records of a ring as they were at one moment.
pub(crate) struct Copy {
    /// The oldest first: time, index and cause.
    words: Vec<(u32, u32, u64)>,
    /// Where the block of the turn begins, and when it began at the latest.
    block: Option<usize>,
    began: u64,
    /// Whether the last record of a poll is of one that goes on.
    in_poll: bool,
}

/// The names and places to which the records refer by number.
pub(crate) struct Labels<'a> {
    pub(crate) known: &'a [KnownTask],
    pub(crate) names: &'a [Arc<str>],
    pub(crate) places: &'a [&'static Location<'static>],
    pub(crate) descriptors: &'a Descriptors,
}

impl Born {
    pub(crate) fn bits(self) -> u64 {
        let name = self.name.map_or(NO_NAME, u64::from);
        let place = self.place.map(u64::from).filter(|place| *place < NO_PLACE).unwrap_or(NO_PLACE);
        name << (ID_BITS + PLACE_BITS) | place << ID_BITS | self.id & ((1 << ID_BITS) - 1)
    }

    fn from_bits(bits: u64) -> Born {
        let (name, place) = (bits >> (ID_BITS + PLACE_BITS) & NO_NAME, bits >> ID_BITS & NO_PLACE);
        Born {
            name: (name != NO_NAME).then_some(name as u8),
            place: (place != NO_PLACE).then_some(place as u16),
            id: bits & ((1 << ID_BITS) - 1),
        }
    }
}

impl Ring {
    /// Copies the records. The loop may go on meanwhile: what it overwrites is left out.
    pub(crate) fn copy(&self) -> Copy {
        let before = self.written.load(Ordering::Acquire);
        let block = self.block.load(Ordering::Acquire);
        let (began, current) = (self.block_began.load(Ordering::Relaxed), self.current());
        let read = |slot: &RingSlot| (slot.time(), slot.index(), slot.by());
        let len = self.slots.len();
        let next = self.position(before);
        let mut words: Vec<_> = self.slots[next..].iter().chain(&self.slots[..next]).map(read).collect();
        fence(Ordering::Acquire);
        let place = |position: usize| (position + len - next) % len;
        // Of a block that has not ended, the records behind that of the poll that is going on are not written yet.
        let (first, count) = (block as u32 as usize, (block >> 32) as usize);
        let ready = current.filter(|at| (first..first + count).contains(at)).map_or(first, |at| at + 1);
        (ready..first + count).for_each(|position| words[place(position)].2 = 0);
        let is_same = block != 0 && self.block.load(Ordering::Relaxed) == block && self.current() == current;
        // The one that was being written when the last record was read is not counted yet.
        let lost = self.written.load(Ordering::Acquire).wrapping_sub(before) + 1;
        let lost = usize::try_from(lost).unwrap_or(len).min(len);
        words.drain(..lost);
        let block = if is_same { place(first).checked_sub(lost) } else { None };
        Copy { words, block, began, in_poll: is_same && current.is_some() }
    }
}

impl Copy {
    #[cfg(test)]
    pub(crate) fn causes(&self) -> Vec<u64> {
        self.words.iter().map(|(_, _, by)| *by).collect()
    }

    /// Returns the records with whole times and with tasks.
    pub(crate) fn decode(&self, labels: &Labels<'_>, runtime: u16) -> Recording {
        let anchor = Anchor::now();
        let mut tasks = TaskTable { labels, list: Vec::new(), numbers: HashMap::new(), now: HashMap::new() };
        let mut records = Vec::with_capacity(self.words.len());
        // The last whole time, the one that counts for what is appended, and the poll that has no end yet.
        let (mut base, mut before, mut open): (Option<u64>, Option<u64>, Option<usize>) = (None, None, None);
        tasks.look_ahead(&self.words);
        for (position, (time, index, by)) in self.words.iter().copied().enumerate() {
            if by == 0 {
                continue;
            }
            if self.block == Some(position) {
                (base, before) = (Some(self.began), Some(self.began));
            }
            let close = |records: &mut Vec<Record>, open: &mut Option<usize>, at: u64| {
                if let Some(poll) = open.take() {
                    let poll: &mut Record = &mut records[poll];
                    poll.took = anchor.monotonic(at).saturating_sub(poll.at);
                }
            };
            if index == BLOCK_END {
                close(&mut records, &mut open, by);
                base = Some(by);
            } else if index & WAIT == WAIT {
                if let Some(began) = base {
                    let (at, end) = (anchor.monotonic(began), anchor.monotonic(by));
                    let what = What::Wait { events: index & NUMBER, sleeps: index & WAIT_SLEEPS != 0 };
                    records.push(Record { at, took: end.saturating_sub(at), what });
                }
                (base, before) = (Some(by), Some(by));
            } else if index & OTHER == 0 {
                let Some(from) = base else { continue };
                let at = after(from, time);
                close(&mut records, &mut open, at);
                base = Some(at);
                open = Some(records.len());
                let what = What::Poll { task: tasks.number(index), by: tasks.cause(by, at) };
                records.push(Record { at: anchor.monotonic(at), took: 0, what });
            } else {
                let Some(from) = before else {
                    tasks.pass(index & !OTHER, by);
                    continue;
                };
                let at = after(from, time);
                let what = if index & TIMERS == TIMERS {
                    What::Timers { fired: index & NUMBER }
                } else {
                    tasks.other(index & !OTHER, by, at)
                };
                records.push(Record { at: anchor.monotonic(at), took: 0, what });
            }
        }
        if self.in_poll {
            if let Some(poll) = open {
                records[poll].took = anchor.nanoseconds().saturating_sub(records[poll].at);
            }
        }
        records.sort_by_key(|record| record.at);
        Recording { records, tasks: tasks.list, taken_at: anchor.nanoseconds(), runtime }
    }
}

/// The tasks that the records name, as they are met.
struct TaskTable<'a> {
    labels: &'a Labels<'a>,
    list: Vec<RecordedTask>,
    /// The position in the list by index and id.
    numbers: HashMap<(u32, Option<u64>), u32>,
    /// By index: the task that has it at this point.
    now: HashMap<u32, Option<Born>>,
}

impl TaskTable<'_> {
    /// Finds out which task has each index before the first record of its spawn or its end.
    fn look_ahead(&mut self, words: &[(u32, u32, u64)]) {
        let mut seen = HashMap::new();
        for (_, index, by) in words.iter().copied().filter(|word| is_birth(word.1, word.2)) {
            let ended = (by & ENDED == ENDED).then(|| Born::from_bits(by));
            seen.entry(index & !OTHER).or_insert(ended);
        }
        self.now = seen;
    }

    /// Goes past a spawn or an end.
    fn pass(&mut self, index: u32, by: u64) {
        if is_birth(index | OTHER, by) {
            self.now.insert(index, (by & ENDED != ENDED).then(|| Born::from_bits(by)));
        }
    }

    fn other(&mut self, index: u32, by: u64, at: u64) -> What {
        if !is_birth(index | OTHER, by) {
            return What::Wake { task: self.number(index), by: self.cause(by, at) };
        }
        if by & ENDED == ENDED {
            let task = self.number(index);
            self.pass(index, by);
            What::End { task }
        } else {
            self.pass(index, by);
            What::Spawn { task: self.number(index) }
        }
    }

    /// Returns the position of the task that has an index now.
    fn number(&mut self, index: u32) -> u32 {
        let known = self.labels.known.get(index as usize);
        let born = self.now.get(&index).copied();
        let known_id = known.and_then(|known| known.id).map(Id::number);
        let id = match born {
            None => known_id,
            Some(born) => born.map(|born| born.id),
        };
        let list = &mut self.list;
        *self.numbers.entry((index, id)).or_insert_with(|| {
            let task = match (known, born.flatten()) {
                (Some(known), born) if born.is_none_or(|born| Some(born.id) == known_id) => RecordedTask {
                    id: known.id,
                    name: known.name.as_deref().map(str::to_owned),
                    spawned_at: known.spawned_at,
                },
                (_, Some(born)) => RecordedTask {
                    id: Some(Id::from_number(born.id)),
                    name: born
                        .name
                        .and_then(|name| self.labels.names.get(name as usize))
                        .map(|name| (**name).to_owned()),
                    spawned_at: born.place.and_then(|place| self.labels.places.get(place as usize)).copied(),
                },
                _ => RecordedTask { id: None, name: None, spawned_at: None },
            };
            list.push(task);
            (list.len() - 1) as u32
        })
    }

    /// Returns a cause, at a time in ticks, whose task is a position in the list.
    fn cause(&mut self, by: u64, at: u64) -> Cause {
        match Cause::from_bits(by, at, self.labels.descriptors) {
            Cause::Task(index) => Cause::Task(self.number(index)),
            cause => cause,
        }
    }
}

/// Returns whether a record is of a spawn or an end.
fn is_birth(index: u32, by: u64) -> bool {
    let top = by & (0xff << 56);
    index & OTHER != 0 && index & TIMERS != TIMERS && (top == SPAWNED || top == ENDED)
}

impl Cause {
    /// Returns the cause that a note or a record of a time in ticks has.
    pub(crate) fn from_bits(bits: u64, at: u64, descriptors: &Descriptors) -> Cause {
        let low = bits as u32;
        match bits & !u64::from(u32::MAX) {
            super::BY_TIMER => Cause::Timer,
            super::BY_TASK => Cause::Task(low),
            super::BY_THREAD => Cause::Thread,
            super::BY_SPAWN => Cause::Spawn,
            index => Cause::Event { fd: descriptors.get((index >> 32) as u32, at), mask: low },
        }
    }
}
