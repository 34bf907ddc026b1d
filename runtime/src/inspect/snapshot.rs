//! What a dump is made of: what the loop's thread has gathered, with the addresses of descriptors, and without text.

use super::descriptors::{Inbound, source, verb};
use super::dump::{
    BlockingView, Dump, FrameView, JobView, LoopView, Place, QueueView, TaskState, TaskView, TimerView,
    WaitKind, WaitView, WokenBy,
};
use super::hints;
use super::words::{Many, Named};
use crate::sys::Described;
use crate::sys::signal::number;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::os::fd::RawFd;
use std::time::{Duration, Instant, SystemTime};

/// The time of a wake is that of the begin of its turn, which may be before the spawn of the task that woke.
const SLACK_NS: u64 = 10_000_000;

/// What a dump is made of.
#[derive(Default)]
pub(super) struct Snapshot {
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
    /// What is known already. The rest needs other tasks.
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

/// What is waited for.
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

impl Snapshot {
    /// Makes the dump, whose making began at `start`.
    pub(super) fn into_dump(mut self, start: Instant) -> Dump {
        let ids: Vec<(u64, u64)> = self.tasks.iter().map(|task| (task.view.id, task.view.age_ns)).collect();
        let tasks = Places::of(self.tasks.iter().map(|task| task.index));
        let joins = self.waits.iter().any(|wait| matches!(wait.what, Awaited::Join { .. }));
        let by_id = positions(if joins { &self.tasks } else { &[] }, |task| task.view.id);
        let id_of = |index: Option<u32>| index.and_then(|index| tasks.get(index)).map(|at| ids[at].0);
        let inbound = Inbound::of(&self.sources);
        let mut sources: Vec<_> = self.sources.iter().map(|(fd, of)| source(*fd, of, &inbound)).collect();
        let places = Places::of(sources.iter().map(|source| source.fd as u32));
        let jobs = positions(&self.jobs, |job| job.id);
        let (mut timers, mut framed) = (Vec::new(), HashMap::<u32, Vec<usize>>::new());
        for wait in std::mem::take(&mut self.waits) {
            let task = id_of(wait.task);
            let mut view = WaitView { at: wait.at, since_ns: wait.since_ns, ..WaitView::default() };
            let source = wait.what.source().and_then(|(fd, writes)| {
                let source = &mut sources[places.get(fd as u32)?];
                let list = if writes { &mut source.writers } else { &mut source.readers };
                list.extend(task);
                (view.fd, view.of) = (Some(fd), source.kind);
                Some((&*source, writes))
            });
            match wait.what {
                Awaited::Source { .. } => {
                    let Some((source, writes)) = source else { continue };
                    let (kind, verb) = verb(source, writes);
                    view.kind = kind;
                    view.text = String::with_capacity(verb.len() + source.text.len());
                    view.text.push_str(verb);
                    view.text.push_str(&source.text);
                }
                Awaited::Timer { left_ns } => {
                    timers.push(TimerView { left_ns, task, at: wait.at, since_ns: wait.since_ns });
                    (view.kind, view.left_ns) = (WaitKind::Sleep, Some(left_ns));
                    view.text.push_str("sleeps");
                }
                Awaited::Join { task: joined } => {
                    (view.kind, view.task) = (WaitKind::Join, Some(joined));
                    let mut name = None;
                    if let Some(other) = by_id.get(&joined).map(|at| &mut self.tasks[*at].view) {
                        other.joined_by = task;
                        name = other.name.as_deref();
                    }
                    view.text = format!("joins {}", Named(joined, name));
                }
                Awaited::Set => {
                    view.kind = WaitKind::Join;
                    view.text.push_str("joins the next task of a set that ends");
                }
                Awaited::Shutdown { live } => {
                    view.kind = WaitKind::Shutdown;
                    view.text = match live {
                        None => "awaits the request of a shutdown".to_owned(),
                        Some(live) => format!("awaits the end of a shutdown, with {live} at work"),
                    };
                }
                Awaited::Job { id } => {
                    let job = jobs.get(&id).map(|at| &mut self.jobs[*at]);
                    let is = match &job {
                        Some(job) if job.is_running => "running",
                        Some(_) => "queued",
                        None => "over",
                    };
                    job.into_iter().for_each(|job| job.awaited_by = job.awaited_by.or(task));
                    (view.kind, view.task) = (WaitKind::Blocking, Some(id));
                    view.text = format!("awaits blocking job {id}, which is {is}");
                }
                Awaited::Child { pid, .. } => {
                    view.kind = WaitKind::Child;
                    view.text = format!("awaits child process {pid}");
                }
                Awaited::Signal { number, .. } => {
                    view.kind = WaitKind::Signal;
                    view.text = format!("awaits signal {}", Signal(number));
                }
                Awaited::Standard { number, writes, .. } => {
                    view.kind = if writes { WaitKind::Write } else { WaitKind::Read };
                    let verb = if writes { "writes" } else { "reads" };
                    let stream = ["input", "output", "error"].get(usize::from(number));
                    view.text = format!("{verb} standard {}", stream.unwrap_or(&"stream"));
                }
            }
            if let Some(at) = wait.task.and_then(|index| tasks.get(index)) {
                let waits = &mut self.tasks[at].view.waits;
                if waits.is_empty() {
                    waits.reserve_exact(1); // most tasks have one
                }
                waits.push(view);
                if let Some(frame) = wait.frame {
                    framed.entry(frame).or_default().push(waits.len() - 1);
                }
            }
        }
        self.trees(&tasks, framed);
        timers.sort_by_key(|timer| timer.left_ns);
        let queued = self.queued.iter().filter_map(|index| id_of(Some(*index))).collect();
        let mut dump = Dump {
            made_at_unix_ms: unix_ms(),
            pid: std::process::id(),
            held_loop_ns: self.held.as_nanos() as u64,
            runtime: self.part,
            tasks: self.tasks.into_iter().map(|task| task.finish(&tasks, &ids)).collect(),
            sources,
            timers,
            blocking: BlockingView { threads: self.threads, max_threads: self.max_threads, jobs: self.jobs },
            queue: QueueView { tasks: queued, letters: self.letters, errands: self.errands },
            ..Dump::default()
        };
        dump.tasks.sort_by_key(|task| task.id);
        dump.hints = hints::find(&dump);
        dump.took_ns = start.elapsed().as_nanos() as u64;
        dump
    }
}

/// The position of each by a small number: an index, or a descriptor.
struct Places(Vec<u32>);

const NO_PLACE: u32 = u32::MAX;

impl Places {
    /// Of numbers that are not much more than there are of them.
    fn of(numbers: impl ExactSizeIterator<Item = u32>) -> Places {
        let mut places = Vec::with_capacity(numbers.len() + 64);
        for (at, number) in numbers.enumerate() {
            let number = number as usize;
            if places.len() <= number {
                places.resize(number + 1, NO_PLACE);
            }
            places[number] = at as u32;
        }
        Places(places)
    }

    fn get(&self, number: u32) -> Option<usize> {
        self.0.get(number as usize).filter(|at| **at != NO_PLACE).map(|at| *at as usize)
    }
}

/// The position of each by a key.
fn positions<T, K: Eq + Hash>(all: &[T], key: impl Fn(&T) -> K) -> HashMap<K, usize> {
    all.iter().enumerate().map(|(at, one)| (key(one), at)).collect()
}

impl Awaited {
    /// The descriptor that is waited for, and whether to write.
    fn source(&self) -> Option<(RawFd, bool)> {
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

impl Snapshot {
    /// Gives each task its named frames, each before those within it. `framed` has the waits of each frame.
    fn trees(&mut self, tasks: &Places, mut framed: HashMap<u32, Vec<usize>>) {
        let mut within: HashMap<Option<u32>, Vec<FrameNote>> = HashMap::new();
        let all: HashSet<u32> = self.frames.iter().map(|frame| frame.number).collect();
        for frame in std::mem::take(&mut self.frames) {
            // A frame around it that is gone is none.
            let parent = frame.parent.filter(|parent| *parent != frame.number && all.contains(parent));
            within.entry(parent).or_default().push(frame);
        }
        let mut open: Vec<_> =
            within.remove(&None).unwrap_or_default().into_iter().map(|frame| (0, frame)).collect();
        open.reverse();
        while let Some((depth, frame)) = open.pop() {
            let inner = within.remove(&Some(frame.number)).unwrap_or_default();
            open.extend(inner.into_iter().rev().map(|inner| (depth + 1, inner)));
            let Some(at) = tasks.get(frame.task) else { continue };
            self.tasks[at].view.frames.push(FrameView {
                name: frame.name.into_owned(),
                depth,
                at: Some(frame.at),
                since_ns: frame.since_ns,
                waits: framed.remove(&frame.number).unwrap_or_default(),
            });
        }
    }
}

impl TaskNote {
    /// The view, with what needs the other tasks: their places by index, and there their ids and ages.
    fn finish(self, places: &Places, ids: &[(u64, u64)]) -> TaskView {
        let mut view = self.view;
        view.woken_by = Some(match self.woken_by {
            WakerNote::Is(by) => by,
            WakerNote::Task { index, age_ns } => match places.get(index).map(|at| ids[at]) {
                Some((id, task_age_ns)) if task_age_ns + SLACK_NS >= age_ns => WokenBy::Task { id },
                _ => WokenBy::EndedTask,
            },
        });
        if let (TaskState::Waiting { since_ns }, true) = (view.state, view.waits.is_empty()) {
            let waker = match self.waker_was_cloned {
                true => "its waker was cloned to something else",
                false => "and its waker was never cloned: nothing can wake it",
            };
            let woken = Many(view.wakes, "time");
            let text = format!("waits for nothing of egret's: woken {woken}, {waker}");
            view.waits.push(WaitView { text, since_ns: Some(since_ns), ..WaitView::default() });
        }
        view
    }
}

/// The name of a signal.
struct Signal(i32);

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            number::ALARM => "SIGALRM",
            number::CHILD => "SIGCHLD",
            number::HANGUP => "SIGHUP",
            number::INTERRUPT => "SIGINT",
            number::IO => "SIGIO",
            number::PIPE => "SIGPIPE",
            number::QUIT => "SIGQUIT",
            number::TERMINATE => "SIGTERM",
            number::USER_1 => "SIGUSR1",
            number::USER_2 => "SIGUSR2",
            number::WINDOW => "SIGWINCH",
            other => return write!(f, "{other}"),
        })
    }
}

/// The time of the system in milliseconds since 1970.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests;
