//! [`Gathered`]: what the loop's thread copies for a dump, and nothing more.
//!
//! - It polls nothing and runs no user code, so it may be made while a task is polled or dropped, or a waker woken.
//! - It makes no system call for a task or a descriptor, so that the loop is held for a copy of its tables. The thread
//!   that asked gives the descriptors their addresses: `addresses.rs`; and the numbers their meaning: `facts.rs`.

use super::snapshot::Awaited;
use crate::executor::Executor;
use crate::executor::pool::JobInPool;
use crate::observe::frame::{FrameNode, frames};
use crate::observe::site::{Moment, Task};
use crate::observe::stats::Metrics;
use crate::observe::ticks;
use crate::observe::watch::TaskTimes;
use crate::reactor::label::SourceLabel;
use crate::sys::{self, Backend, Described, ThreadId};
use crate::wake::key::{ROOT, SourceKey, TaskKey};
use crate::wake::listed::{self, ListedWait};
use crate::wake::task::{TaskPhase, TaskView};
use crate::wake::waiter::Waiter;
use std::os::fd::RawFd;
use std::panic::Location;
use std::time::{Duration, Instant};

/// The copy that the loop's thread makes.
pub(super) struct Gathered {
    pub(super) part: LoopPart,
    /// When it was copied, in ticks.
    pub(super) now: u64,
    pub(super) tasks: Vec<TaskFacts>,
    pub(super) sources: Vec<Registered>,
    /// The descriptions of the descriptors, if another thread cannot ask for them: of a simulated host.
    pub(super) described: Option<Vec<Described>>,
    pub(super) waits: Vec<WaitFacts>,
    pub(super) frames: Vec<FrameNode>,
    pub(super) jobs: Vec<JobInPool>,
    pub(super) threads: usize,
    pub(super) max_threads: usize,
    /// The indices of the tasks in the run queue.
    pub(super) queued: Vec<u32>,
    pub(super) letters: usize,
    pub(super) errands: usize,
    /// How long it took.
    pub(super) held: Duration,
}

/// The loop without what it has in its tables.
pub(super) struct LoopPart {
    pub(super) runtime: u16,
    pub(super) thread: ThreadId,
    pub(super) made: Moment,
    pub(super) metrics: Metrics,
    /// Whether polls are timed.
    pub(super) records: bool,
}

/// A task.
pub(super) struct TaskFacts {
    pub(super) index: u32,
    /// 0 for the future of `block_on`.
    pub(super) id: u64,
    pub(super) name: Option<Box<str>>,
    pub(super) spawned_at: &'static Location<'static>,
    pub(super) size: usize,
    pub(super) is_running: bool,
    pub(super) is_queued: bool,
    pub(super) waker_was_cloned: bool,
    /// When it was made, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(super) made: u64,
    pub(super) times: TaskTimes,
}

/// A registered descriptor.
#[derive(Clone, Copy)]
pub(super) struct Registered {
    pub(super) fd: RawFd,
    pub(super) key: SourceKey,
}

/// A wait.
pub(super) struct WaitFacts {
    /// The index of the task, where it is known.
    pub(super) task: Option<u32>,
    pub(super) what: Awaited,
    pub(super) waiter: Waiter,
}

impl LoopPart {
    pub(super) fn of(executor: &Executor) -> LoopPart {
        LoopPart {
            runtime: executor.address().number(),
            thread: ThreadId::current(),
            made: executor.made(),
            metrics: executor.metrics(),
            records: executor.queue.watch.records(),
        }
    }
}

impl Gathered {
    /// Copies the tables of an executor of this thread.
    pub(super) fn of(executor: &Executor) -> Gathered {
        let start = Instant::now();
        executor.queue.watch.flush();
        let part = LoopPart::of(executor);
        let (tasks, sources) = (part.metrics.tasks_alive + 1, part.metrics.sources_alive);
        let (letters, errands) = executor.mail();
        let mut gathered = Gathered {
            now: ticks::now(),
            tasks: Vec::with_capacity(tasks),
            sources: Vec::with_capacity(sources),
            described: None,
            waits: Vec::with_capacity(tasks), // most wait for one thing
            frames: frames(),
            jobs: executor.blocking.jobs(),
            threads: executor.blocking.counts().threads,
            max_threads: executor.blocking.most_threads(),
            queued: executor.queue.keys().iter().map(|key| key.index()).collect(),
            letters,
            errands,
            held: Duration::ZERO,
            part,
        };
        gathered.tasks(executor);
        gathered.sources(executor);
        gathered.timers(executor);
        gathered.jobs(executor);
        gathered.listed(executor);
        gathered.frames.retain(|frame| {
            let task = TaskKey::from_bits(frame.task).filter(|key| !executor.queue.is_stale(*key));
            task.is_some_and(|key| key.executor() == executor.queue.executor)
        });
        gathered.held = start.elapsed();
        gathered
    }

    fn tasks(&mut self, executor: &Executor) {
        let polled = Task::current().bits();
        if let (Some(root), Some(key)) = (executor.root(), executor.queue.key_at(ROOT)) {
            self.task(executor, key, None, root.at, root.size, polled == key.bits());
        }
        executor.each_task(|key, task| {
            let TaskView { name, spawned_at, size, phase, joined_by, .. } = task;
            if phase == TaskPhase::Over {
                return; // The next turn frees its slot.
            }
            if let Some(joiner) = joined_by {
                self.wait(executor, joiner, Awaited::Join { task: task.id.number() });
            }
            let named = Some((task.id.number(), name));
            self.task(executor, key, named, spawned_at, size, phase != TaskPhase::Idle);
        });
    }

    fn task(
        &mut self,
        executor: &Executor,
        key: TaskKey,
        named: Option<(u64, Option<Box<str>>)>,
        spawned_at: &'static Location<'static>,
        size: usize,
        is_running: bool,
    ) {
        let (queue, index) = (&executor.queue, key.index());
        let (id, name) = named.unwrap_or_default();
        let (times, is_queued) = queue.times(index);
        let (made, waker_was_cloned) = (executor.spawned_at(index), queue.clones.has(key));
        #[rustfmt::skip]
        self.tasks.push(TaskFacts {
            index, id, name, spawned_at, size, is_running, is_queued, waker_was_cloned, made, times,
        });
    }

    fn sources(&mut self, executor: &Executor) {
        executor.reactor.each_source(|source| {
            let fd = source.fd;
            self.sources.push(Registered { fd, key: source.key });
            source.each_waiter(|waiter, writes| {
                let what = match source.label {
                    SourceLabel::Plain => Awaited::Source { fd, writes },
                    SourceLabel::Child(pid) => Awaited::Child { fd, pid },
                    SourceLabel::Signal(number) => Awaited::Signal { fd, number },
                    SourceLabel::Standard(number) => Awaited::Standard { fd, number, writes },
                };
                self.wait(executor, waiter, what);
            });
        });
        if !Backend::current().threads_wait() {
            self.described = Some(self.sources.iter().map(|source| sys::describe(source.fd)).collect());
        }
    }

    fn timers(&mut self, executor: &Executor) {
        let now = executor.clock.now();
        executor.timers.each_wait(|timer| {
            self.wait(executor, timer.waiter, Awaited::Timer { left_ns: timer.deadline.saturating_sub(now) });
        });
    }

    fn jobs(&mut self, executor: &Executor) {
        for at in 0..self.jobs.len() {
            let job = &self.jobs[at];
            if let Some(waiter) = job.awaited_by {
                let id = job.id.number();
                self.wait(executor, waiter, Awaited::Job { id });
            }
        }
    }

    fn listed(&mut self, executor: &Executor) {
        for ListedWait { what, waiter } in listed::waits() {
            let what = match what {
                listed::ListedKind::Request => Awaited::Shutdown { live: None },
                listed::ListedKind::Drain { live } => Awaited::Shutdown { live: Some(live) },
                listed::ListedKind::Set => Awaited::Set,
                listed::ListedKind::Remote(id) => Awaited::Join { task: id.number() },
            };
            self.wait(executor, waiter, what);
        }
    }

    /// Keeps a wait, unless it is what a dropped future or a task that has ended has left.
    fn wait(&mut self, executor: &Executor, waiter: Waiter, what: Awaited) {
        let queue = &executor.queue;
        let ours = waiter.task.filter(|key| key.executor() == queue.executor);
        if let Some(key) = ours {
            if queue.is_stale(key) || !waiter.is_since(queue.note(key.index()).woken_at()) {
                return;
            }
        }
        self.waits.push(WaitFacts { task: ours.map(TaskKey::index), what, waiter });
    }
}
