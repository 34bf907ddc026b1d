//! The threads that run blocking jobs.
//!
//! Each runtime has a pool, without a thread before the first job. With one pool for the process, two builders could
//! set different limits, and a shutdown would have to find its own jobs. The loop's thread submits, and pool threads
//! take from the front of a queue. All shared state is behind one mutex, under which no user code runs.
//!
//! ```text
//!                                           takes a job (2)
//!      submit (1) ---------> idle ------------------------------> busy
//!                            |  ^                                  |
//!                            |  +------------- free (3) -----------+
//!                            |
//!                            +--> gone: idle for the keep-alive, or the pool is closed
//! ```
//!
//! * A submit starts a thread (1) when more jobs are queued than threads are idle, up to the limit. A started thread
//!   counts as idle before it first runs, and checks the queue (2) before it sleeps: no job waits for a thread that
//!   could have been started.
//! * A thread is free (3) before the waiter can see that its job is over. Otherwise a task that awaits one job and
//!   submits the next would find the thread not yet idle, and jobs that never overlap would take two threads.
//! * Name look-ups have a limit of their own, [`LOOK_UPS`]: each may hold its thread while a name server does not
//!   answer, also when it was aborted. Those beyond it wait outside the queue; the end of one moves the next to the
//!   end of the queue, in the step that counts its thread as idle.
//! * A job is outstanding until it has woken its waiter. A paused clock relies on that order.

mod at_work;

#[cfg(feature = "inspect")]
pub(crate) use at_work::JobInPool;

use crate::executor::running;
use crate::observe::id::Id;
#[cfg(feature = "inspect")]
use crate::observe::site::Moment;
use crate::sys::Backend;
use crate::wake::waker;
use at_work::AtWork;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

/// The limits of a pool, and the name of its threads.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The maximum number of threads.
    pub(crate) threads: usize,
    /// How long an idle thread waits for a job before it ends.
    pub(crate) keep_alive: Duration,
    pub(crate) thread_name: Cow<'static, str>,
}

impl Default for Limits {
    /// Tokio's values, so that a ported server keeps its behaviour: 512 threads are enough for any disk and for slow
    /// name servers, and at 2 MiB of address space each are nowhere near a limit; after 10 s without a job, the burst
    /// that a thread was started for is over.
    #[inline]
    fn default() -> Limits {
        Limits { threads: 512, keep_alive: Duration::from_secs(10), thread_name: "egret-blocking".into() }
    }
}

/// How many name look-ups run or are queued at a time; and never more than half of the threads, rounded up.
///
/// A look-up that no server answers takes 10 s by default ([`resolv.conf(5)`]), and cannot be stopped. Without a limit
/// as many of them as there are threads keep every other blocking job from running.
///
/// [`resolv.conf(5)`]: https://man7.org/linux/man-pages/man5/resolv.conf.5.html
pub(crate) const LOOK_UPS: usize = 32;

/// A job of a pool.
pub(crate) trait Job: Send + Sync {
    /// Runs the job, unless it was cancelled, and wakes its waiter.
    ///
    /// Calls [`Seat::free`] when what is left to do takes no time, before any waiter can see that the job is over.
    fn run(&self, seat: &Seat<'_>);

    /// Ends a job that has not begun and never will.
    fn cancel(&self);

    /// Ends a job that has not begun because there is no thread for it.
    fn fail(&self, error: &io::Error);

    fn id(&self) -> Id;

    /// Returns whether [`LOOK_UPS`] limits it.
    fn is_look_up(&self) -> bool;

    /// For a dump: a job that runs `since`, or is queued. Runs no user code.
    #[cfg(feature = "inspect")]
    fn view(&self, since: Option<Moment>) -> JobInPool;
}

pub(crate) struct Pool {
    limits: Limits,
    state: Mutex<PoolState>,
    /// Signals that a job is queued, or that the pool is closed; in a closed pool, that no job is left.
    work: Condvar,
}

#[derive(Default)]
struct PoolState {
    queue: VecDeque<Arc<dyn Job>>,
    /// Look-ups that are not in the queue yet.
    look_ups_waiting: VecDeque<Arc<dyn Job>>,
    /// Look-ups that are in the queue or run.
    look_ups: usize,
    /// Threads that have not ended.
    threads: usize,
    /// Of those, the threads that will check the queue before they run a job, starting threads included.
    idle: usize,
    /// Threads that were ever started.
    started: u64,
    /// Jobs that are neither over nor cancelled.
    outstanding: usize,
    /// Of those, the jobs that have freed their thread: their waiter may see that they are over.
    ending: usize,
    at_work: AtWork,
    /// Woken when no job is outstanding.
    watcher: Option<Waker>,
    closed: bool,
}

/// The counts of a pool, from [`Pool::counts`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct PoolCounts {
    pub(crate) threads: usize,
    pub(crate) threads_started: u64,
    pub(crate) jobs: usize,
}

/// A thread's place in its pool while it runs a job.
pub(crate) struct Seat<'a> {
    pool: &'a Pool,
    is_look_up: bool,
    freed: Cell<bool>,
}

impl Pool {
    #[inline]
    pub(crate) fn new(limits: Limits) -> Arc<Pool> {
        Arc::new(Pool { limits, state: Mutex::default(), work: Condvar::new() })
    }

    /// Queues a job, and starts a thread when there are not enough. (1)
    ///
    /// A closed pool cancels the job. When the kernel refuses a new thread, the job waits for an existing one; it
    /// fails when there is none.
    #[inline]
    pub(crate) fn submit(self: &Arc<Pool>, job: Arc<dyn Job>) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return job.cancel();
        }
        state.outstanding += 1;
        if job.is_look_up() {
            if state.look_ups >= LOOK_UPS.min(self.limits.threads.div_ceil(2)) {
                return state.look_ups_waiting.push_back(job);
            }
            state.look_ups += 1;
        }
        state.queue.push_back(job);
        if state.queue.len() <= state.idle {
            drop(state);
            return self.work.notify_one();
        }
        if state.threads == self.limits.threads {
            return;
        }
        state.threads += 1;
        state.idle += 1;
        state.started += 1;
        drop(state);
        let pool = self.clone();
        let _blunt = running::blunt_waits();
        if let Err(error) = Backend::current().start_thread(&self.limits.thread_name, move || pool.work()) {
            self.has_no_thread(&error);
        }
    }

    /// Handles a thread that was counted and could not be started.
    #[cold]
    fn has_no_thread(&self, error: &io::Error) {
        let mut state = self.lock();
        state.threads -= 1;
        state.idle -= 1;
        state.started -= 1;
        if state.threads > 0 {
            return; // Other threads take the jobs when they are free.
        }
        let jobs = state.take_all();
        drop(state);
        jobs.iter().for_each(|job| job.fail(error));
        let watcher = self.lock().over(jobs.len());
        wake(watcher);
    }

    /// The body of a thread.
    #[inline]
    fn work(&self) {
        let mut state = self.lock();
        state.idle -= 1;
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.at_work.begins(&job);
                drop(state);
                let seat = Seat { pool: self, is_look_up: job.is_look_up(), freed: Cell::new(false) };
                // The job contains the panics of its user code. A panic that it cannot contain (a payload that panics
                // on drop) costs that job, and not the thread, which is counted.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job.run(&seat))) {
                    std::mem::forget(payload);
                }
                AtWork::ends(self, &job);
                drop(job);
                state = self.lock();
                match seat.freed.get() {
                    true => (state.idle, state.ending) = (state.idle - 1, state.ending - 1),
                    false => state.job_is_over(seat.is_look_up),
                }
                let watcher = state.over(1);
                if watcher.is_some() {
                    drop(state);
                    wake(watcher);
                    state = self.lock();
                }
                if state.closed && state.outstanding == 0 {
                    self.work.notify_all(); // the thread in `wait`
                }
                continue;
            }
            if state.closed || !Backend::current().threads_wait() {
                break;
            }
            state.idle += 1;
            let no_work = |state: &mut PoolState| state.queue.is_empty() && !state.closed;
            let waited = self.work.wait_timeout_while(state, self.limits.keep_alive, no_work);
            let timed_out;
            (state, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            if timed_out.timed_out() {
                break;
            }
        }
        state.threads -= 1;
    }

    /// Cancels the job with this id, unless a thread has taken it.
    #[inline]
    pub(crate) fn abort(&self, id: Id) {
        let mut state = self.lock();
        // From the end: an aborted job was mostly submitted last. The queue is long only when every thread is busy.
        let place = |jobs: &VecDeque<Arc<dyn Job>>| jobs.iter().rposition(|job| job.id() == id);
        let job = if let Some(at) = place(&state.queue) {
            let job = state.queue.remove(at);
            state.job_is_over(job.as_ref().is_some_and(|job| job.is_look_up()));
            job
        } else if let Some(at) = place(&state.look_ups_waiting) {
            state.look_ups_waiting.remove(at)
        } else {
            return;
        };
        drop(state);
        job.into_iter().for_each(|job| job.cancel());
        let watcher = self.lock().over(1);
        wake(watcher);
    }

    /// Refuses further jobs, cancels those that have not begun, and lets the threads end after their current job.
    ///
    /// It waits for no job: one that hangs would hang the drop of the runtime.
    #[inline]
    pub(crate) fn shut_down(&self) {
        let mut state = self.lock();
        state.closed = true;
        let jobs = state.take_all();
        drop(state);
        self.work.notify_all();
        jobs.iter().for_each(|job| job.cancel());
        let watcher = self.lock().over(jobs.len());
        wake(watcher);
    }

    /// Waits, for up to `timeout`, until no job of a closed pool runs.
    #[inline]
    pub(crate) fn wait(&self, timeout: Duration) {
        let runs = |state: &mut PoolState| state.outstanding > 0;
        drop(self.work.wait_timeout_while(self.lock(), timeout, runs));
    }

    /// Returns how many jobs are queued or run. When there are any, `waker` is woken once there are none; it replaces
    /// the one of the last call.
    ///
    /// When it returns 0, every wake that a job has caused is in the mailbox of its executor.
    #[inline]
    pub(crate) fn outstanding(&self, waker: &Waker) -> usize {
        let waker = waker.clone();
        let mut state = self.lock();
        if state.outstanding == 0 {
            return 0;
        }
        let before = state.watcher.replace(waker);
        let outstanding = state.outstanding;
        drop(state);
        drop(before);
        outstanding
    }

    #[inline]
    pub(crate) fn counts(&self) -> PoolCounts {
        let state = self.lock();
        PoolCounts { threads: state.threads, threads_started: state.started, jobs: state.outstanding }
    }

    /// Returns how many jobs are queued or run, without those whose waiter may have seen that they are over.
    #[cfg(any(test, feature = "test-util"))]
    #[inline]
    pub(crate) fn unfinished(&self) -> usize {
        let state = self.lock();
        state.outstanding - state.ending
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[inline]
fn wake(watcher: Option<Waker>) {
    if let Some(watcher) = watcher {
        waker::wake_contained(watcher);
    }
}

impl PoolState {
    /// Accounts for the end of a job: after a look-up, the next one enters the queue.
    #[inline]
    fn job_is_over(&mut self, is_look_up: bool) {
        if is_look_up {
            match self.look_ups_waiting.pop_front() {
                Some(next) => self.queue.push_back(next),
                None => self.look_ups -= 1,
            }
        }
    }

    /// Takes every job that has not begun.
    #[inline]
    fn take_all(&mut self) -> VecDeque<Arc<dyn Job>> {
        let mut jobs = std::mem::take(&mut self.queue);
        self.look_ups -= jobs.iter().filter(|job| job.is_look_up()).count();
        jobs.append(&mut self.look_ups_waiting);
        jobs
    }

    /// Counts jobs as over. Returns the waker to wake when none is left.
    #[must_use = "the task that waits for the last job has to be woken"]
    #[inline]
    fn over(&mut self, jobs: usize) -> Option<Waker> {
        self.outstanding -= jobs;
        if self.outstanding == 0 { self.watcher.take() } else { None }
    }
}

impl Seat<'_> {
    /// Counts the thread as idle: from now on a job may be submitted to it. (3)
    #[inline]
    pub(crate) fn free(&self) {
        if !self.freed.replace(true) {
            let mut state = self.pool.lock();
            state.idle += 1;
            state.ending += 1;
            state.job_is_over(self.is_look_up);
        }
    }
}

#[cfg(test)]
mod tests;
