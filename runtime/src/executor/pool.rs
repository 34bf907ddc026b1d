//! The threads that blocking jobs run on.
//!
//! Each runtime has a pool of its own, and a pool has no thread before it has a job. One pool for the whole
//! process would be shared by the loops of a server with a thread for each core, but two builders could then
//! ask for different limits, and the end of one runtime would have to find its jobs among those of others.
//! With one for each, a limit is what the builder says and a shutdown ends what that runtime began. What it
//! costs is that a thread which idles for one loop does not serve another.
//!
//! The loop's thread submits, and pool threads take from the front of a queue; all they share is behind one
//! mutex, under which no user code runs. The life of a thread:
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
//! * A submit starts a thread (1) when there are more jobs in the queue than idle threads, up to the limit.
//!   A thread that has been started is idle, also before it first runs: it looks at the queue (2) before it
//!   sleeps. So no job waits while a thread might have been had for it.
//! * A thread is free (3) before whoever awaits its job can learn that the job is over. Otherwise a task that
//!   awaits one job and submits the next would find the thread not yet idle, and jobs that never overlap
//!   would take two threads.
//! * Look-ups of names have a limit of their own, [`LOOK_UPS`] of them: each may hold its thread for as long as a name
//!   server does not answer, also when it was given up. Those beyond it wait outside of the queue; the end of one moves
//!   the next to the end of the queue, in the same step that counts its thread as idle.
//! * A job is outstanding until it has woken whoever awaits it. A paused clock relies on that order.

use crate::executor::running;
use crate::observe::id::Id;
use crate::sys::Backend;
use crate::wake::waker;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

/// What limits the threads of a pool, and what they are called.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// How many there are at most.
    pub(crate) threads: usize,
    /// How long one waits for a job before it ends.
    pub(crate) keep_alive: Duration,
    pub(crate) thread_name: Cow<'static, str>,
}

impl Default for Limits {
    /// Tokio's, so that a server which is ported keeps its behaviour: 512 threads are enough for any disk and
    /// for slow name servers, and at 2 MiB of address space each are nowhere near a limit; after 10 s
    /// without a job, the burst that a thread was started for is over.
    #[inline]
    fn default() -> Limits {
        Limits { threads: 512, keep_alive: Duration::from_secs(10), thread_name: "egret-blocking".into() }
    }
}

/// How many look-ups of names run, or are in the queue, at a time; and never more than half of the threads, rounded up.
///
/// A look-up that no server answers takes 10 s by default ([`resolv.conf(5)`]), and cannot be stopped. Without a limit
/// as many of them as there are threads keep every other blocking job from running.
///
/// [`resolv.conf(5)`]: https://man7.org/linux/man-pages/man5/resolv.conf.5.html
pub(crate) const LOOK_UPS: usize = 32;

/// What a pool runs.
pub(crate) trait Job: Send + Sync {
    /// Runs the job, unless it was cancelled, and says so to whoever awaits it.
    ///
    /// Calls [`Seat::free`] when what is left to do takes no time, before anybody can see that it is over.
    fn run(&self, seat: &Seat<'_>);

    /// Ends a job that has not begun and never will.
    fn cancel(&self);

    /// Ends a job that has not begun because there is no thread for it.
    fn fail(&self, error: &io::Error);

    fn id(&self) -> Id;

    /// Whether it is one of those that [`LOOK_UPS`] limits.
    fn is_look_up(&self) -> bool;
}

pub(crate) struct Pool {
    limits: Limits,
    state: Mutex<PoolState>,
    /// There is a job in the queue, or the pool is closed; in one that is closed, no job is left.
    work: Condvar,
}

#[derive(Default)]
struct PoolState {
    queue: VecDeque<Arc<dyn Job>>,
    /// Look-ups that are not in the queue yet.
    look_ups_waiting: VecDeque<Arc<dyn Job>>,
    /// Look-ups that are in the queue or run.
    look_ups: usize,
    /// Threads that are not gone.
    threads: usize,
    /// Of them, those that will look at the queue before they run anything; those that start are among them.
    idle: usize,
    /// Threads that were started, ever.
    started: u64,
    /// Jobs that are neither over nor cancelled.
    outstanding: usize,
    /// Is to be woken when no job is outstanding.
    watcher: Option<Waker>,
    closed: bool,
}

/// What a pool has, by [`Pool::counts`].
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
    /// A pool that is closed cancels the job. Where the kernel gives no thread the job waits for one of those
    /// that there are; it fails when there are none.
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

    /// What to do when a thread that was counted could not be started.
    #[cold]
    fn has_no_thread(&self, error: &io::Error) {
        let mut state = self.lock();
        state.threads -= 1;
        state.idle -= 1;
        state.started -= 1;
        if state.threads > 0 {
            return; // They come to it when they are done with what they do.
        }
        let jobs = state.take_all();
        drop(state);
        jobs.iter().for_each(|job| job.fail(error));
        let watcher = self.lock().over(jobs.len());
        wake(watcher);
    }

    /// What a thread does.
    #[inline]
    fn work(&self) {
        let mut state = self.lock();
        state.idle -= 1;
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                let seat = Seat { pool: self, is_look_up: job.is_look_up(), freed: Cell::new(false) };
                // It contains what its user code does. What it cannot contain (a panic whose payload panics
                // when it is dropped) costs that job, and not the thread, which is counted.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job.run(&seat))) {
                    std::mem::forget(payload);
                }
                drop(job);
                state = self.lock();
                match seat.freed.get() {
                    true => state.idle -= 1,
                    false => state.job_is_over(seat.is_look_up),
                }
                let watcher = state.over(1);
                if watcher.is_some() {
                    drop(state);
                    wake(watcher);
                    state = self.lock();
                }
                if state.closed && state.outstanding == 0 {
                    self.work.notify_all(); // who waits in `wait`
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
        // From the end: what is aborted was mostly submitted last. The queue is long only when every thread
        // is busy.
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

    /// Takes no more jobs, cancels those that have not begun, and tells the threads to end when they are
    /// done.
    ///
    /// It waits for none of them: a job that hangs would hang whoever drops the runtime.
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

    /// Waits until no job runs of a pool that is closed, for up to `timeout`.
    #[inline]
    pub(crate) fn wait(&self, timeout: Duration) {
        let runs = |state: &mut PoolState| state.outstanding > 0;
        drop(self.work.wait_timeout_while(self.lock(), timeout, runs));
    }

    /// How many jobs are queued or run. When there are any, `waker` is woken once there are none; it takes
    /// the place of one that was given before.
    ///
    /// When it says 0, every wake that a job has caused is in the mailbox of its executor.
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
    /// After the end of a job: a look-up lets the next one into the queue.
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
    fn take_all(&mut self) -> VecDeque<Arc<dyn Job>> {
        let mut jobs = std::mem::take(&mut self.queue);
        self.look_ups -= jobs.iter().filter(|job| job.is_look_up()).count();
        jobs.append(&mut self.look_ups_waiting);
        jobs
    }

    /// Counts jobs as over. Returns whom to wake for it.
    #[must_use = "whoever waits for the last job is to be woken"]
    #[inline]
    fn over(&mut self, jobs: usize) -> Option<Waker> {
        self.outstanding -= jobs;
        if self.outstanding == 0 { self.watcher.take() } else { None }
    }
}

impl Seat<'_> {
    /// The thread is as good as idle: from now on a job may be submitted to it. (3)
    #[inline]
    pub(crate) fn free(&self) {
        if !self.freed.replace(true) {
            let mut state = self.pool.lock();
            state.idle += 1;
            state.job_is_over(self.is_look_up);
        }
    }
}

#[cfg(test)]
mod tests;
