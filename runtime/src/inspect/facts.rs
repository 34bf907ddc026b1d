//! The meaning of the numbers that a loop's thread has copied, found on the thread that asked.

use super::addresses::Addresses;
use super::dump::{JobView, LoopState, LoopView, Place, TaskState, TaskView, ThreadView, WokenBy};
use super::gather::{Gathered, LoopPart, TaskFacts, WaitFacts};
use super::snapshot::{FrameNote, LoopSnapshot, TaskNote, WaitNote, WakerNote};
use crate::executor::pool::JobInPool;
use crate::observe::frame::FrameNode;
use crate::observe::recorder::Cause;
use crate::observe::ticks;
use crate::wake::key::TaskKey;

/// When the numbers were copied.
#[derive(Clone, Copy)]
struct Then {
    ticks: u64,
    /// The same in nanoseconds of `CLOCK_MONOTONIC`.
    nanoseconds: u64,
}

impl LoopPart {
    /// Returns the row of the loop.
    pub(super) fn view(self) -> LoopView {
        let LoopPart { runtime, thread, made, metrics, records } = self;
        let now = ticks::monotonic(ticks::now());
        LoopView {
            number: runtime,
            state: LoopState::Answered,
            thread: ThreadView { tid: thread.number(), name: thread.name(), kernel: None },
            age_ns: now.saturating_sub(made.nanoseconds()),
            metrics: Some(metrics),
            untimed: !records,
        }
    }
}

impl Gathered {
    pub(super) fn into_snapshot(self, addresses: Addresses) -> LoopSnapshot {
        let then = Then { ticks: self.now, nanoseconds: ticks::monotonic(self.now) };
        LoopSnapshot {
            part: self.part.view(),
            held: self.held + addresses.held,
            tasks: self.tasks.into_iter().map(|task| task.note(then)).collect(),
            sources: self.sources.iter().map(|source| source.fd).zip(addresses.described).collect(),
            waits: self.waits.into_iter().map(|wait| wait.note(then)).collect(),
            frames: self.frames.into_iter().filter_map(|frame| note(frame, then)).collect(),
            jobs: self.jobs.into_iter().map(|job| view(&job, then)).collect(),
            threads: self.threads,
            max_threads: self.max_threads,
            queued: self.queued,
            letters: self.letters,
            errands: self.errands,
        }
    }
}

impl Then {
    /// Returns how long before it a time in ticks was, in nanoseconds.
    fn since_ticks(self, ticks: u64) -> u64 {
        ticks::nanoseconds(self.ticks.saturating_sub(ticks))
    }

    /// Returns how long before it a time of `CLOCK_MONOTONIC` was.
    fn since(self, nanoseconds: u64) -> u64 {
        self.nanoseconds.saturating_sub(nanoseconds)
    }
}

impl TaskFacts {
    fn note(self, then: Then) -> TaskNote {
        let past = self.times;
        let age_ns = then.since(self.made);
        let woken_ns = then.since_ticks(past.woken_at);
        let since_ns = woken_ns.min(age_ns);
        let state = match (self.is_running, self.is_queued) {
            (true, _) => {
                let since = past.polled_since.map(|since| then.ticks.saturating_sub(since));
                TaskState::Running { since_ns: since.map_or(0, ticks::nanoseconds) }
            }
            (false, true) => TaskState::Queued { since_ns },
            (false, false) => TaskState::Waiting { since_ns },
        };
        let woken_by = match past.woken_by {
            _ if past.wakes == 0 => WakerNote::Is(WokenBy::Spawn),
            Cause::Spawn => WakerNote::Is(WokenBy::Spawn),
            Cause::Thread => WakerNote::Is(WokenBy::Thread),
            Cause::Event { fd, .. } => WakerNote::Is(WokenBy::Event { fd }),
            Cause::Timer => WakerNote::Is(WokenBy::Timer),
            Cause::Task(index) => WakerNote::Task { index, age_ns: woken_ns },
        };
        let view = TaskView {
            id: self.id,
            name: self.name.map(String::from),
            spawned_at: self.spawned_at.into(),
            age_ns,
            state,
            polls: past.polls,
            poll_total_ns: past.total_ns,
            poll_longest_ns: past.longest_ns,
            poll_last_ns: past.last_ns,
            wakes: past.wakes,
            size: self.size,
            ..TaskView::default()
        };
        TaskNote { index: self.index, view, woken_by, waker_was_cloned: self.waker_was_cloned }
    }
}

impl WaitFacts {
    fn note(self, then: Then) -> WaitNote {
        let WaitFacts { task, what, waiter } = self;
        WaitNote {
            task,
            what,
            at: waiter.at().map(Place::from),
            since_ns: Some(then.since_ticks(waiter.since())),
            frame: waiter.frame(),
        }
    }
}

fn note(frame: FrameNode, then: Then) -> Option<FrameNote> {
    let FrameNode { number, name, at, task, parent, since } = frame;
    let since_ns = then.since(since);
    Some(FrameNote { task: TaskKey::from_bits(task)?.index(), number, parent, name, at: at.into(), since_ns })
}

fn view(job: &JobInPool, then: Then) -> JobView {
    JobView {
        id: job.id.number(),
        spawned_at: job.spawned_at.into(),
        is_running: job.is_running,
        since_ns: then.since(job.since),
        is_look_up: job.is_look_up,
        awaited_by: None,
    }
}
