//! The thread that looks at the loops.
//!
//! - The list of loops is its own. New ones come through [`SHARED`], whose lock is not held while a report is made.
//! - Nearly all of its cost is its wake-ups. So when it is awake for one loop it looks also at those that are due soon:
//!   they are then due together.
//! - A look reads what the loop stores anyway, and takes no lock that a loop takes. A report does.
//! - A loop whose runtime is gone leaves the list; with the last one the thread ends.

use super::report::{Stall, StallStage};
use super::watch::{GoingPoll, LookResult, LoopWatch};
use crate::executor::running;
use crate::inspect::{Place, ThreadView, stack};
use crate::observe::watch::Post;
use crate::runtime::{Handle, Runtime};
use crate::sys::{Backend, ThreadId, ThreadState};
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static SHARED: Mutex<SamplerState> = Mutex::new(SamplerState { new: Vec::new(), has_thread: false });
/// Notified when a loop is added.
static ADDED: Condvar = Condvar::new();

struct SamplerState {
    /// Loops that the thread has not yet on its list.
    new: Vec<WatchedLoop>,
    has_thread: bool,
}

type Report = Box<dyn Fn(&Stall) + Send + Sync>;

/// A loop on the list.
struct WatchedLoop {
    handle: Handle,
    /// The values that the loop stores.
    post: Post,
    thread: ThreadId,
    watch: LoopWatch,
    report: Report,
    /// The processor time of the thread when the current poll was first seen, with the number of that poll.
    first_seen: Option<(u64, Option<Duration>)>,
    /// The report of the stall that goes on.
    stall: Option<Stall>,
}

/// Watches a runtime that was built on this thread.
///
/// # Errors
///
/// Those of starting a thread.
pub(super) fn watch(
    runtime: &Runtime,
    limit: Duration,
    report: impl Fn(&Stall) + Send + Sync + 'static,
) -> io::Result<()> {
    if !Backend::current().threads_wait() {
        return Ok(()); // of a simulated host, whose polls take no time
    }
    let watched = WatchedLoop {
        handle: runtime.handle(),
        post: runtime.executor().queue.watch.post(),
        thread: ThreadId::current(),
        watch: LoopWatch::new(limit, now()),
        report: Box::new(report),
        first_seen: None,
        stall: None,
    };
    let mut shared = shared();
    if !shared.has_thread {
        let _blunt = running::blunt_waits();
        Backend::current().start_thread("egret-stalls", run)?;
        shared.has_thread = true;
    }
    shared.new.push(watched);
    ADDED.notify_one();
    Ok(())
}

fn shared() -> MutexGuard<'static, SamplerState> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Duration {
    Duration::from_nanos(Backend::current().monotonic())
}

fn run() {
    let (mut loops, mut waits) = (Vec::new(), 0);
    loop {
        // A wait is one sleep. A wake-up against its plan, such as by a stop of the process, makes it two.
        let interruptions = ThreadId::sleeps_of_current().wrapping_sub(waits);
        let Some(due) = next(&mut loops, interruptions) else { return };
        let left = due.saturating_sub(now());
        if left == Duration::ZERO {
            loops.retain_mut(|watched| !watched.watch.joins(now()) || watched.look(interruptions));
            continue;
        }
        let shared = shared();
        if shared.new.is_empty() {
            waits += 1;
            let _ = ADDED.wait_timeout(shared, left);
        }
    }
}

/// Adds the new loops, and returns when the first of all is due; `None` ends the thread.
fn next(loops: &mut Vec<WatchedLoop>, interruptions: u64) -> Option<Duration> {
    let mut shared = shared();
    shared.new.iter_mut().for_each(|watched| watched.watch.begins(interruptions));
    loops.append(&mut shared.new);
    let due = loops.iter().map(|watched| watched.watch.due()).min();
    shared.has_thread = due.is_some();
    due
}

impl WatchedLoop {
    /// Returns whether there is still a runtime.
    fn look(&mut self, interruptions: u64) -> bool {
        // Asked first: of a runtime that goes now there is another look, which finds the end of its last poll.
        let is_left = self.post.is_left();
        let going = self.post.going().map(|(serial, elapsed)| GoingPoll { serial, elapsed });
        let found = self.watch.look(now(), going, self.post.long_polls(), interruptions);
        let serial = going.map(|going| going.serial);
        self.note(serial);
        match (found, serial) {
            (LookResult::Begun(held), Some(serial)) => self.begun(held, serial),
            (LookResult::Ended(held), _) => self.ended(held),
            _ => {}
        }
        !is_left
    }

    /// Notes the processor time at which a poll is first seen.
    fn note(&mut self, serial: Option<u64>) {
        if self.first_seen.map(|(serial, _)| serial) != serial {
            self.first_seen = serial.map(|serial| (serial, self.thread.processor_time()));
        }
    }

    fn begun(&mut self, held: Duration, serial: u64) {
        let progress = self.post.progress().filter(|progress| progress.polls == serial);
        let Some(poll) = progress.and_then(|progress| progress.poll) else { return }; // it has returned meanwhile
        let before = self.first_seen.and_then(|(seen, time)| time.filter(|_| seen == serial));
        let used = before.and_then(|before| Some(self.thread.processor_time()?.saturating_sub(before)));
        let is_still = || self.post.going().is_some_and(|(now, _)| now == serial);
        let state = self.thread.state().filter(|_| is_still());
        if state.as_ref().is_some_and(|state| is_starved(state, used, self.watch.limit())) {
            return self.watch.postpone();
        }
        let kernel = state.as_ref().map(kernel);
        let stall = Stall {
            stage: StallStage::Begun,
            task: poll.task.map_or(0, |id| id.number()),
            name: poll.name,
            spawned_at: poll.spawned_at.map(Place::from),
            held_ns: nanoseconds(held),
            thread: ThreadView { tid: self.thread.number(), name: self.thread.name(), kernel },
            processor_ns: used.map(nanoseconds),
            stack: stack::take(self.thread, is_still),
            handle: self.handle.clone(),
        };
        self.tell(&stall);
        self.stall = Some(stall);
    }

    fn ended(&mut self, held: Duration) {
        let Some(mut stall) = self.stall.take() else { return };
        (stall.stage, stall.held_ns) = (StallStage::Ended, nanoseconds(held));
        self.tell(&stall);
    }

    fn tell(&mut self, stall: &Stall) {
        let _ = catch_unwind(AssertUnwindSafe(|| (self.report)(stall)));
        self.watch.reported(now());
    }
}

/// Returns whether the poll goes on because its thread waits for a processor: it could run, and has hardly done so.
///
/// A computation has used half of the limit at least since the poll was first seen, if it had a processor for itself.
fn is_starved(state: &ThreadState, used: Option<Duration>, limit: Duration) -> bool {
    state.letter == 'R' && used.is_some_and(|used| used < limit / 4)
}

/// Returns the state of the thread, and the kind of the descriptor that it waits for.
fn kernel(state: &ThreadState) -> String {
    let descriptor = state.call.and_then(|call| call.descriptor);
    let target = descriptor.and_then(|number| fs::read_link(format!("/proc/self/fd/{number}")).ok());
    match target {
        Some(target) => format!("{state}, {}", target.display()),
        None => state.to_string(),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_could_run_and_has_hardly_done_so_is_starved() {
        let limit = Duration::from_millis(100);
        let starved = |letter, used| {
            let state = ThreadState { letter, call: None, kernel_function: None };
            is_starved(&state, used, limit)
        };
        assert!(starved('R', Some(limit / 5)));
        assert!(!starved('R', Some(limit / 4)));
        assert!(!starved('R', None));
        assert!(!starved('S', Some(Duration::ZERO)));
        assert!(!starved('D', Some(Duration::ZERO)));
    }
}
