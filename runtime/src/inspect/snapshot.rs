//! The data that a dump is made of: gathered by the loop's thread, with the addresses of descriptors, and without text.
//! [`Links`] connects it.

use super::dump::{BlockingView, Dump, JobView, LoopView, Place, QueueView, TaskView, WokenBy};
use super::hints;
use super::links::Links;
use crate::sys::Described;
use std::borrow::Cow;
use std::os::fd::RawFd;
use std::time::{Duration, Instant, SystemTime};

/// The data that a dump is made of.
#[derive(Default)]
pub(super) struct LoopSnapshot {
    pub(super) part: LoopView,
    /// For how long the loop was held.
    pub(super) held: Duration,
    pub(super) tasks: Vec<TaskNote>,
    pub(super) sources: Vec<(RawFd, Described)>,
    pub(super) waits: Vec<WaitNote>,
    pub(super) frames: Vec<FrameNote>,
    pub(super) jobs: Vec<JobView>,
    pub(super) threads: usize,
    pub(super) max_threads: usize,
    /// The indices of the tasks in the run queue.
    pub(super) queued: Vec<u32>,
    pub(super) letters: usize,
    pub(super) errands: usize,
}

/// A task.
pub(super) struct TaskNote {
    /// Its index in wakers.
    pub(super) index: u32,
    /// The part that is known already. The rest needs other tasks.
    pub(super) view: TaskView,
    pub(super) woken_by: WakerNote,
    /// Without a clone nothing but egret has its waker.
    pub(super) waker_was_cloned: bool,
}

/// The cause of a wake, with tasks by their index.
#[derive(Clone, Copy)]
pub(super) enum WakerNote {
    Is(WokenBy),
    /// The task at this index, if it is older than the wake.
    Task {
        index: u32,
        age_ns: u64,
    },
}

/// A wait.
pub(super) struct WaitNote {
    /// The index of the task, where it is known.
    pub(super) task: Option<u32>,
    pub(super) what: Awaited,
    pub(super) at: Option<Place>,
    pub(super) since_ns: Option<u64>,
    /// The named frame that waits.
    pub(super) frame: Option<u32>,
}

/// A named frame.
pub(super) struct FrameNote {
    /// The index of its task.
    pub(super) task: u32,
    pub(super) number: u32,
    /// The frame around it.
    pub(super) parent: Option<u32>,
    pub(super) name: Cow<'static, str>,
    pub(super) at: Place,
    pub(super) since_ns: u64,
}

/// The object of a wait.
pub(super) enum Awaited {
    Source {
        fd: RawFd,
        writes: bool,
    },
    Timer {
        left_ns: u64,
    },
    /// The end of the task with this id.
    Join {
        task: u64,
    },
    /// The next task of a set that ends.
    Set,
    /// A shutdown: its request, or its end while this many are at work.
    Shutdown {
        live: Option<usize>,
    },
    /// The end of the blocking job with this id.
    Job {
        id: u64,
    },
    Child {
        fd: RawFd,
        pid: u32,
    },
    Signal {
        fd: RawFd,
        number: i32,
    },
    /// Standard input, output or error: 0, 1, 2.
    Standard {
        fd: RawFd,
        number: u8,
        writes: bool,
    },
}

impl LoopSnapshot {
    /// Makes the dump, whose making began at `start`.
    pub(super) fn into_dump(self, start: Instant) -> Dump {
        let mut links = Links::new(self.tasks, &self.sources, self.jobs);
        links.add_waits(self.waits);
        links.add_frames(self.frames);
        links.timers.sort_by_key(|timer| timer.left_ns);
        let queued = self.queued.iter().filter_map(|index| links.tasks.id(*index)).collect();
        let mut dump = Dump {
            made_at_unix_ms: unix_ms(),
            pid: std::process::id(),
            held_loop_ns: self.held.as_nanos() as u64,
            runtime: self.part,
            tasks: links.tasks.into_views(),
            sources: links.sources,
            timers: links.timers,
            blocking: BlockingView { threads: self.threads, max_threads: self.max_threads, jobs: links.jobs },
            queue: QueueView { tasks: queued, letters: self.letters, errands: self.errands },
            ..Dump::default()
        };
        dump.tasks.sort_by_key(|task| task.id);
        dump.hints = hints::find(&dump);
        dump.took_ns = start.elapsed().as_nanos() as u64;
        dump
    }
}

impl Awaited {
    /// Returns the descriptor that is waited for, and whether to write.
    pub(super) fn source(&self) -> Option<(RawFd, bool)> {
        match *self {
            Awaited::Source { fd, writes } | Awaited::Standard { fd, writes, .. } => Some((fd, writes)),
            Awaited::Child { fd, .. } | Awaited::Signal { fd, .. } => Some((fd, false)),
            Awaited::Timer { .. }
            | Awaited::Join { .. }
            | Awaited::Set
            | Awaited::Shutdown { .. }
            | Awaited::Job { .. } => None,
        }
    }
}

/// Returns the time of the system in milliseconds since 1970.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests;
