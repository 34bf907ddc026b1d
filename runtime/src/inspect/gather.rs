//! Gathers a [`Snapshot`] on the loop's thread.
//!
//! It polls nothing and runs no user code, so it may be called while a task is polled or dropped, or a waker woken.

use super::dump::{JobView, TaskState, TaskView, ThreadView, WokenBy};
use super::snapshot::{FrameNote, Snapshot, TaskNote, WaitNote, WakerNote, What};
use crate::executor::Executor;
use crate::executor::task::TaskPhase;
use crate::observe::frame::frames;
use crate::observe::recorder::Cause;
use crate::observe::site::{Moment, Task};
use crate::observe::ticks;
use crate::reactor::label::Label;
use crate::sys::{self, ThreadId};
use crate::wake::key::{ROOT, TaskKey};
use crate::wake::listed::{self, ListedWait};
use crate::wake::waiter::Waiter;
use std::collections::HashSet;
use std::time::Instant;

/// What the parts of a snapshot have in common.
struct Gathering<'a> {
    executor: &'a Executor,
    now: u64,
    /// The indices of the tasks in the run queue.
    queued: HashSet<u32>,
    snapshot: Snapshot,
}

impl Snapshot {
    /// What there is to know of an executor of this thread.
    pub(super) fn of(executor: &Executor) -> Snapshot {
        let start = Instant::now();
        let queue: Vec<_> = executor.queue.keys().iter().map(|key| key.index()).collect();
        let now = Moment::now().nanoseconds();
        let thread = ThreadId::current();
        let counts = executor.blocking.counts();
        let (letters, errands) = executor.mail();
        let snapshot = Snapshot {
            runtime: executor.address().number(),
            thread: ThreadView { tid: thread.number(), name: thread.name(), kernel: None },
            age_ns: now.saturating_sub(executor.made().nanoseconds()),
            metrics: executor.metrics(),
            threads: counts.threads,
            max_threads: executor.blocking.most_threads(),
            letters,
            errands,
            ..Snapshot::default()
        };
        let mut gathering = Gathering { executor, now, queued: queue.iter().copied().collect(), snapshot };
        gathering.tasks();
        gathering.sources();
        gathering.timers();
        gathering.jobs();
        gathering.listed();
        gathering.frames();
        let mut snapshot = gathering.snapshot;
        snapshot.queued = queue;
        snapshot.held = start.elapsed();
        snapshot
    }
}

impl Gathering<'_> {
    fn tasks(&mut self) {
        let polled = Task::current().bits();
        if let (Some(root), Some(key)) = (self.executor.root(), self.executor.queue.key_at(ROOT)) {
            let view = TaskView { spawned_at: root.at.into(), size: root.size, ..TaskView::default() };
            self.task(key, view, polled == key.bits());
        }
        for (key, task) in self.executor.views() {
            if task.phase == TaskPhase::Over {
                continue; // The next turn frees its slot.
            }
            if let Some(joiner) = task.joined_by {
                self.wait(&joiner, What::Join { task: task.id.number() });
            }
            let view = TaskView {
                id: task.id.number(),
                name: task.name.map(String::from),
                spawned_at: task.spawned_at.into(),
                size: task.size,
                ..TaskView::default()
            };
            self.task(key, view, task.phase != TaskPhase::Idle);
        }
    }

    fn task(&mut self, key: TaskKey, mut view: TaskView, is_running: bool) {
        let queue = &self.executor.queue;
        let past = queue.times(key.index());
        let (age_ns, woken_ns) = (
            self.now.saturating_sub(self.executor.spawned_at(key.index())),
            ticks::nanoseconds(ticks::now().saturating_sub(past.woken_at)),
        );
        view.state = match () {
            _ if is_running => {
                let since = past.polled_since.map(|since| ticks::now().saturating_sub(since));
                TaskState::Running { since_ns: since.map_or(0, ticks::nanoseconds) }
            }
            _ if self.queued.contains(&key.index()) => TaskState::Queued { since_ns: woken_ns.min(age_ns) },
            _ => TaskState::Waiting { since_ns: woken_ns.min(age_ns) },
        };
        view.age_ns = age_ns;
        (view.polls, view.wakes) = (past.polls, past.wakes);
        (view.poll_total_ns, view.poll_longest_ns) = (past.total_ns, past.longest_ns);
        view.poll_last_ns = past.last_ns;
        let woken_by = match past.woken_by {
            _ if past.wakes == 0 => WakerNote::Is(WokenBy::Spawn),
            Cause::Spawn => WakerNote::Is(WokenBy::Spawn),
            Cause::Thread => WakerNote::Is(WokenBy::Thread),
            Cause::Event { fd, .. } => WakerNote::Is(WokenBy::Event { fd }),
            Cause::Timer => WakerNote::Is(WokenBy::Timer),
            Cause::Task(index) => WakerNote::Task { index, age_ns: woken_ns },
        };
        let (index, waker_was_cloned) = (key.index(), queue.clones.has(key));
        self.snapshot.tasks.push(TaskNote { index, view, woken_by, waker_was_cloned });
    }

    fn sources(&mut self) {
        for source in self.executor.reactor.waits() {
            let fd = source.fd;
            self.snapshot.sources.push((fd, sys::describe(fd)));
            let what = |writes| match source.label {
                Label::Plain => What::Source { fd, writes },
                Label::Child(pid) => What::Child { fd, pid },
                Label::Signal(number) => What::Signal { fd, number },
                Label::Standard(number) => What::Standard { fd, number, writes },
            };
            source.readers.iter().for_each(|waiter| self.wait(waiter, what(false)));
            source.writers.iter().for_each(|waiter| self.wait(waiter, what(true)));
        }
    }

    fn timers(&mut self) {
        let now = self.executor.clock.now();
        for timer in self.executor.timers.waits() {
            self.wait(&timer.waiter, What::Timer { left_ns: timer.deadline.saturating_sub(now) });
        }
    }

    fn jobs(&mut self) {
        for job in self.executor.blocking.jobs() {
            if let Some(waiter) = job.awaited_by {
                self.wait(&waiter, What::Job { id: job.id.number() });
            }
            self.snapshot.jobs.push(JobView {
                id: job.id.number(),
                spawned_at: job.spawned_at.into(),
                is_running: job.is_running,
                since_ns: self.now.saturating_sub(job.since),
                is_look_up: job.is_look_up,
                awaited_by: None,
            });
        }
    }

    fn listed(&mut self) {
        for ListedWait { what, waiter } in listed::waits() {
            let what = match what {
                listed::What::Request => What::Shutdown { live: None },
                listed::What::Drain { live } => What::Shutdown { live: Some(live) },
                listed::What::Set => What::Set,
                listed::What::Remote(id) => What::Join { task: id.number() },
            };
            self.wait(&waiter, what);
        }
    }

    /// Keeps a wait, unless it is what a dropped future or a task that has ended has left.
    fn wait(&mut self, waiter: &Waiter, what: What) {
        let queue = &self.executor.queue;
        let ours = waiter.task.filter(|key| key.executor() == queue.executor);
        if let Some(key) = ours {
            if queue.is_stale(key) || !waiter.is_of_poll(queue.last_poll(key.index())) {
                return;
            }
        }
        self.snapshot.waits.push(WaitNote {
            task: ours.map(TaskKey::index),
            what,
            at: waiter.at.map(Into::into),
            since_ns: Some(self.now.saturating_sub(waiter.since)),
            frame: waiter.frame,
        });
    }

    fn frames(&mut self) {
        for frame in frames() {
            let task = TaskKey::from_bits(frame.task).filter(|key| !self.executor.queue.is_stale(*key));
            let Some(key) = task.filter(|key| key.executor() == self.executor.queue.executor) else {
                continue;
            };
            self.snapshot.frames.push(FrameNote {
                task: key.index(),
                number: frame.number,
                parent: frame.parent,
                name: frame.name,
                at: frame.at.into(),
                since_ns: self.now.saturating_sub(frame.since),
            });
        }
    }
}
