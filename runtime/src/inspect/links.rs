//! The links between the parts of a dump: a wait is with its task, and with the descriptor, the timer, the task or the job
//! that it waits for.

use super::descriptors::{Inbound, source, verb};
use super::dump::{
    FrameView, JobView, SourceView, TaskState, TaskView, TimerView, WaitKind, WaitView, WokenBy,
};
use super::snapshot::{Awaited, FrameNote, TaskNote, WaitNote, WakerNote};
use super::words::{Many, TaskName};
use crate::sys::Described;
use crate::sys::signal::number;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::os::fd::RawFd;

/// The time of a wake is that of the begin of its turn, which may be before the spawn of the task that woke.
pub(super) const SLACK_NS: u64 = 10_000_000;

/// The parts of a dump that waits link to each other.
pub(super) struct Links {
    pub(super) tasks: LinkedTasks,
    pub(super) sources: Vec<SourceView>,
    pub(super) timers: Vec<TimerView>,
    pub(super) jobs: Vec<JobView>,
    by_fd: Places,
    by_job: HashMap<u64, usize>,
    /// The waits of each named frame, by their positions in the list of its task.
    framed: HashMap<u32, Vec<usize>>,
}

impl Links {
    /// Returns the parts without a wait.
    pub(super) fn new(tasks: Vec<TaskNote>, sources: &[(RawFd, Described)], jobs: Vec<JobView>) -> Links {
        let inbound = Inbound::of(sources);
        let sources: Vec<_> = sources.iter().map(|(fd, of)| source(*fd, of, &inbound)).collect();
        Links {
            tasks: LinkedTasks::new(tasks),
            by_fd: Places::of(sources.iter().map(|source| source.fd as u32)),
            sources,
            timers: Vec::new(),
            by_job: positions(&jobs, |job| job.id),
            jobs,
            framed: HashMap::new(),
        }
    }

    /// Puts each wait with its task and with what it waits for.
    pub(super) fn add_waits(&mut self, waits: Vec<WaitNote>) {
        if waits.iter().any(|wait| matches!(wait.what, Awaited::Join { .. })) {
            self.tasks.by_id = positions(&self.tasks.notes, |task| task.view.id);
        }
        for wait in waits {
            let Some(view) = self.link(&wait) else { continue };
            let Some(task) = wait.task.and_then(|index| self.tasks.view_mut(index)) else { continue };
            if task.waits.is_empty() {
                task.waits.reserve_exact(1); // most tasks have one
            }
            task.waits.push(view);
            if let Some(frame) = wait.frame {
                self.framed.entry(frame).or_default().push(task.waits.len() - 1);
            }
        }
    }

    /// Tells what is waited for of its waiter, and describes the wait. `None` for a descriptor that is not in the dump.
    fn link(&mut self, wait: &WaitNote) -> Option<WaitView> {
        let task = wait.task.and_then(|index| self.tasks.id(index));
        let mut view = WaitView { at: wait.at, since_ns: wait.since_ns, ..WaitView::default() };
        let source = match wait.what.source() {
            Some((fd, writes)) => self.link_source(fd, writes, task),
            None => None,
        };
        if let Some(source) = source {
            (view.fd, view.of) = (Some(source.fd), source.kind);
        }
        (view.kind, view.text) = match wait.what {
            Awaited::Source { writes, .. } => {
                let source = source?;
                let (kind, verb) = verb(source, writes);
                (kind, [verb, &source.text].concat())
            }
            Awaited::Timer { left_ns } => {
                view.left_ns = Some(left_ns);
                self.timers.push(TimerView { left_ns, task, at: wait.at, since_ns: wait.since_ns });
                (WaitKind::Sleep, "sleeps".to_owned())
            }
            Awaited::Join { task: joined } => {
                view.task = Some(joined);
                (WaitKind::Join, format!("joins {}", TaskName(joined, self.tasks.link_join(joined, task))))
            }
            Awaited::Set => (WaitKind::Join, "joins the next task of a set that ends".to_owned()),
            Awaited::Shutdown { live: None } => {
                (WaitKind::Shutdown, "awaits the request of a shutdown".to_owned())
            }
            Awaited::Shutdown { live: Some(live) } => {
                (WaitKind::Shutdown, format!("awaits the end of a shutdown, with {live} at work"))
            }
            Awaited::Job { id } => {
                view.task = Some(id);
                let is = self.link_job(id, task);
                (WaitKind::Blocking, format!("awaits blocking job {id}, which is {is}"))
            }
            Awaited::Child { pid, .. } => (WaitKind::Child, format!("awaits child process {pid}")),
            Awaited::Signal { number, .. } => {
                (WaitKind::Signal, format!("awaits signal {}", SignalName(number)))
            }
            Awaited::Standard { number, writes, .. } => {
                let (kind, verb) =
                    if writes { (WaitKind::Write, "writes") } else { (WaitKind::Read, "reads") };
                let stream = ["input", "output", "error"].get(usize::from(number));
                (kind, format!("{verb} standard {}", stream.unwrap_or(&"stream")))
            }
        };
        Some(view)
    }

    /// Adds `task` to those that read or write the descriptor.
    fn link_source(&mut self, fd: RawFd, writes: bool, task: Option<u64>) -> Option<&SourceView> {
        let source = &mut self.sources[self.by_fd.get(fd as u32)?];
        let list = if writes { &mut source.writers } else { &mut source.readers };
        list.extend(task);
        Some(source)
    }

    /// Has the job awaited by `task`, and says how far the job is.
    fn link_job(&mut self, id: u64, task: Option<u64>) -> &'static str {
        let Some(at) = self.by_job.get(&id) else { return "over" };
        let job = &mut self.jobs[*at];
        job.awaited_by = job.awaited_by.or(task);
        if job.is_running { "running" } else { "queued" }
    }

    /// Gives each task its named frames, each before those within it.
    pub(super) fn add_frames(&mut self, frames: Vec<FrameNote>) {
        let mut within: HashMap<Option<u32>, Vec<FrameNote>> = HashMap::new();
        let all: HashSet<u32> = frames.iter().map(|frame| frame.number).collect();
        for frame in frames {
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
            let Some(task) = self.tasks.view_mut(frame.task) else { continue };
            task.frames.push(FrameView {
                name: frame.name.into_owned(),
                depth,
                at: Some(frame.at),
                since_ns: frame.since_ns,
                waits: self.framed.remove(&frame.number).unwrap_or_default(),
            });
        }
    }
}

/// The tasks of a dump, which are found by their index in wakers and by their id.
pub(super) struct LinkedTasks {
    notes: Vec<TaskNote>,
    /// The id and the age of each.
    ids: Vec<(u64, u64)>,
    places: Places,
    /// Empty without a join.
    by_id: HashMap<u64, usize>,
}

impl LinkedTasks {
    fn new(notes: Vec<TaskNote>) -> LinkedTasks {
        LinkedTasks {
            ids: notes.iter().map(|task| (task.view.id, task.view.age_ns)).collect(),
            places: Places::of(notes.iter().map(|task| task.index)),
            by_id: HashMap::new(),
            notes,
        }
    }

    /// Returns the id of the task at an index.
    pub(super) fn id(&self, index: u32) -> Option<u64> {
        self.places.get(index).map(|at| self.ids[at].0)
    }

    fn view_mut(&mut self, index: u32) -> Option<&mut TaskView> {
        self.places.get(index).map(|at| &mut self.notes[at].view)
    }

    /// Has the task with the id `joined` joined by `task`, and returns its name.
    fn link_join(&mut self, joined: u64, task: Option<u64>) -> Option<&str> {
        let joined = &mut self.notes[*self.by_id.get(&joined)?].view;
        joined.joined_by = task;
        joined.name.as_deref()
    }

    pub(super) fn into_views(mut self) -> Vec<TaskView> {
        let notes = std::mem::take(&mut self.notes);
        notes.into_iter().map(|note| self.view(note)).collect()
    }

    /// Returns the view of a task, with what needs the other tasks.
    fn view(&self, note: TaskNote) -> TaskView {
        let mut view = note.view;
        view.woken_by = Some(match note.woken_by {
            WakerNote::Is(by) => by,
            WakerNote::Task { index, age_ns } => match self.places.get(index).map(|at| self.ids[at]) {
                Some((id, task_age_ns)) if task_age_ns + SLACK_NS >= age_ns => WokenBy::Task { id },
                _ => WokenBy::EndedTask,
            },
        });
        if let (TaskState::Waiting { since_ns }, true) = (view.state, view.waits.is_empty()) {
            let waker = match note.waker_was_cloned {
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

/// Returns the position of each by a key.
fn positions<T, K: Eq + Hash>(all: &[T], key: impl Fn(&T) -> K) -> HashMap<K, usize> {
    all.iter().enumerate().map(|(at, one)| (key(one), at)).collect()
}

/// The name of a signal.
struct SignalName(i32);

impl fmt::Display for SignalName {
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
