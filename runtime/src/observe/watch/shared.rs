//! The part of a loop that other threads may read: its ring, its histograms, its tasks by name and line.
//!
//! - The loop's thread writes: see `kept.rs`. Any thread reads.
//! - All but the names of tasks are atomics. The mutex of the names is held for a few instructions, by spawns too.

use super::going::Going;
use crate::observe::histogram::{Buckets, Histogram};
use crate::observe::id::Id;
use crate::observe::progress::{PollProgress, Progress};
use crate::observe::recorder::{Born, Descriptors, KnownTask, Labels, Recording, Ring};
use crate::observe::remembered::Remembered;
use crate::observe::ticks;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many groups of named tasks have histograms of their own; tasks of later names have none.
const GROUPS: usize = 64;

/// The part that other threads may read.
pub(crate) struct SharedWatch {
    pub(super) ring: Ring,
    /// Whether the ring is used: else `going` is.
    pub(super) records: bool,
    pub(super) going: Going,
    pub(super) waits: AtomicBool,
    pub(super) long_polls: AtomicU64,
    /// How many polls are not in the histograms yet, and how long one of them took.
    pub(super) pending: AtomicU64,
    pub(super) pending_took: AtomicU64,
    pub(super) poll: Buckets,
    pub(super) delay: Buckets,
    pub(super) turn: Buckets,
    pub(super) lateness: Buckets,
    tasks: Mutex<WatchedTasks>,
    described: Mutex<Remembered>,
}

#[derive(Default)]
pub(super) struct WatchedTasks {
    /// By index: the task that has it now, or that had it last.
    pub(super) known: Vec<KnownTask>,
    pub(super) groups: Vec<Arc<Group>>,
    /// The lines that spawned tasks.
    places: Vec<&'static Location<'static>>,
    pub(super) descriptors: Descriptors,
}

/// The tasks of one name.
pub(super) struct Group {
    pub(super) name: Arc<str>,
    pub(super) poll: Buckets,
    pub(super) delay: Buckets,
}

/// The part of a runtime that other threads may read, kept where they find it.
#[derive(Clone, Default)]
pub(crate) struct Post(pub(super) Option<Arc<SharedWatch>>);

/// The histograms of a runtime: see [`Runtime::histograms`](crate::runtime::Runtime::histograms).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Histograms {
    /// How long polls took.
    pub poll: Histogram,
    /// How long tasks were queued, from the wake to the poll.
    pub delay: Histogram,
    /// How long the loop was busy between two looks at the kernel.
    pub turn: Histogram,
    /// How long after its deadline a timer fired.
    pub lateness: Histogram,
    /// The polls of named tasks, by name. The first 64 names have histograms.
    pub groups: Vec<GroupHistograms>,
}

/// The histograms of the tasks of one name.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct GroupHistograms {
    /// The name of the tasks.
    pub name: String,
    /// How long their polls took.
    pub poll: Histogram,
    /// How long they were queued, from the wake to the poll.
    pub delay: Histogram,
}

impl WatchedTasks {
    /// Returns the number of the group of a name, if it is one of the first names.
    pub(super) fn group(&mut self, name: &str) -> Option<usize> {
        let known = self.groups.iter().position(|group| *group.name == *name);
        if known.is_some() || self.groups.len() == GROUPS {
            return known;
        }
        let group = Group { name: name.into(), poll: Buckets::new(), delay: Buckets::new() };
        self.groups.push(Arc::new(group));
        Some(self.groups.len() - 1)
    }

    /// Returns the fields of a record that name a task.
    pub(super) fn born(
        &mut self,
        id: Option<Id>,
        group: Option<usize>,
        spawned_at: &'static Location<'static>,
    ) -> u64 {
        let place = self.places.iter().position(|place| std::ptr::eq(*place, spawned_at));
        let place = place.unwrap_or_else(|| {
            self.places.push(spawned_at);
            self.places.len() - 1
        });
        let id = id.map_or(0, Id::number);
        Born { name: group.map(|group| group as u8), place: u16::try_from(place).ok(), id }.bits()
    }
}

impl SharedWatch {
    pub(super) fn new(recorder: usize) -> SharedWatch {
        SharedWatch {
            ring: Ring::new(recorder),
            records: recorder > 0,
            going: Going::new(),
            waits: AtomicBool::new(false),
            long_polls: AtomicU64::new(0),
            pending: AtomicU64::new(0),
            pending_took: AtomicU64::new(0),
            poll: Buckets::new(),
            delay: Buckets::new(),
            turn: Buckets::new(),
            lateness: Buckets::new(),
            tasks: Mutex::default(),
            described: Mutex::default(),
        }
    }

    /// Returns the poll that is going on, for any thread: the index of its task, when it began, and a number that
    /// only this poll has. Without a recorder the time is that of the begin of its turn.
    pub(super) fn going(&self) -> Option<(u32, u64, u64)> {
        if self.records { self.ring.poll() } else { self.going.poll() }
    }

    /// Returns the index of the task that is polled. For the thread of the loop.
    #[inline]
    pub(super) fn polled(&self) -> Option<u32> {
        if self.records { self.ring.polled() } else { self.going.polled() }
    }

    pub(super) fn tasks(&self) -> MutexGuard<'_, WatchedTasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn described(&self) -> MutexGuard<'_, Remembered> {
        self.described.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Post {
    /// Returns the state of the loop now. Any thread may call this and the next ones.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let shared = self.0.as_ref()?;
        let poll = shared.going();
        let (is_waiting, polls) =
            (shared.waits.load(Ordering::Relaxed), poll.map_or(0, |(_, _, number)| number));
        let poll = poll.map(|(index, began, _)| {
            let known = shared.tasks().known.get(index as usize).cloned().unwrap_or_default();
            PollProgress {
                task: known.id,
                name: known.name.map(|name| (*name).to_owned()),
                spawned_at: known.spawned_at,
                elapsed: Duration::from_nanos(ticks::since(began)),
            }
        });
        Some(Progress { poll, is_waiting, polls })
    }

    /// Returns the number of the poll that is going on, as in [`Progress::polls`], and since when it runs: zero where
    /// that is not known, as no poll is timed. Takes no lock.
    pub(crate) fn going(&self) -> Option<(u64, Duration)> {
        let shared = self.0.as_ref()?;
        let (_, began, number) = shared.going()?;
        let elapsed = if shared.records { ticks::since(began) } else { 0 };
        Some((number, Duration::from_nanos(elapsed)))
    }

    /// Returns how many polls have taken longer than the limit.
    pub(crate) fn long_polls(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.long_polls.load(Ordering::Relaxed))
    }

    /// Returns whether polls are timed.
    pub(crate) fn records(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.records)
    }

    /// Returns the descriptors as the last dump found them, for the next one to keep again.
    pub(crate) fn take_described(&self) -> Remembered {
        self.0.as_ref().map(|shared| std::mem::take(&mut *shared.described())).unwrap_or_default()
    }

    pub(crate) fn keep_described(&self, found: Remembered) {
        if let Some(shared) = &self.0 {
            *shared.described() = found;
        }
    }

    /// Returns whether the runtime is gone, and this is the last to keep what it has left.
    pub(crate) fn is_left(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| Arc::strong_count(shared) == 1)
    }

    pub(crate) fn histograms(&self) -> Option<Histograms> {
        let shared = self.0.as_ref()?;
        let groups = shared.tasks().groups.clone();
        Some(Histograms {
            poll: shared.poll.read_with(
                shared.pending_took.load(Ordering::Relaxed),
                shared.pending.load(Ordering::Relaxed),
            ),
            delay: shared.delay.read(),
            turn: shared.turn.read(),
            lateness: shared.lateness.read(),
            groups: groups.iter().map(|group| group.read()).collect(),
        })
    }

    pub(crate) fn recording(&self, runtime: u16) -> Option<Recording> {
        let shared = self.0.as_ref()?;
        let copy = shared.ring.copy();
        let tasks = shared.tasks();
        let (known, places) = (tasks.known.clone(), tasks.places.clone());
        let descriptors = tasks.descriptors.clone();
        let names: Vec<_> = tasks.groups.iter().map(|group| group.name.clone()).collect();
        drop(tasks);
        Some(copy.decode(
            &Labels { known: &known, names: &names, places: &places, descriptors: &descriptors },
            runtime,
        ))
    }
}

impl Group {
    fn read(&self) -> GroupHistograms {
        GroupHistograms { name: (*self.name).to_owned(), poll: self.poll.read(), delay: self.delay.read() }
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").finish_non_exhaustive()
    }
}
