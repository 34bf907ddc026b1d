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
//! * A job is outstanding until it has woken whoever awaits it. A paused clock relies on that order.

use crate::task::Id;
use crate::waker;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::Duration;

/// What limits the threads of a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many there are at most.
    pub(crate) threads: usize,
    /// How long one waits for a job before it ends.
    pub(crate) keep_alive: Duration,
}

impl Default for Limits {
    /// Tokio's, so that a server which is ported keeps its behaviour: 512 threads are enough for any disk and
    /// for slow name servers, and at 2 MiB of address space each are nowhere near a limit; after 10 s
    /// without a job, the burst that a thread was started for is over.
    fn default() -> Limits {
        Limits { threads: 512, keep_alive: Duration::from_secs(10) }
    }
}

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
}

pub(crate) struct Pool {
    limits: Limits,
    state: Mutex<State>,
    /// There is a job in the queue, or the pool is closed.
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<dyn Job>>,
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
pub(crate) struct Counts {
    pub(crate) threads: usize,
    pub(crate) threads_started: u64,
    pub(crate) jobs: usize,
}

/// A thread's place in its pool while it runs a job.
pub(crate) struct Seat<'a> {
    pool: &'a Pool,
    freed: Cell<bool>,
}

impl Pool {
    pub(crate) fn new(limits: Limits) -> Arc<Pool> {
        Arc::new(Pool { limits, state: Mutex::default(), work: Condvar::new() })
    }

    /// Queues a job, and starts a thread when there are not enough. (1)
    ///
    /// A pool that is closed cancels the job. Where the kernel gives no thread the job waits for one of those
    /// that there are; it fails when there are none.
    pub(crate) fn submit(self: &Arc<Pool>, job: Arc<dyn Job>) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return job.cancel();
        }
        state.queue.push_back(job);
        state.outstanding += 1;
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
        let thread = thread::Builder::new().name("egret-blocking".to_owned());
        if let Err(error) = thread.spawn(move || pool.work()) {
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
        let jobs = std::mem::take(&mut state.queue);
        drop(state);
        jobs.iter().for_each(|job| job.fail(error));
        let watcher = self.lock().over(jobs.len());
        wake(watcher);
    }

    /// What a thread does.
    fn work(&self) {
        let mut state = self.lock();
        state.idle -= 1;
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                let seat = Seat { pool: self, freed: Cell::new(false) };
                // It contains what its user code does. What it cannot contain (a panic whose payload panics
                // when it is dropped) costs that job, and not the thread, which is counted.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job.run(&seat))) {
                    std::mem::forget(payload);
                }
                drop(job);
                state = self.lock();
                state.idle -= usize::from(seat.freed.get());
                let watcher = state.over(1);
                if watcher.is_some() {
                    drop(state);
                    wake(watcher);
                    state = self.lock();
                }
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let no_work = |state: &mut State| state.queue.is_empty() && !state.closed;
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
    pub(crate) fn abort(&self, id: Id) {
        let mut state = self.lock();
        // From the end: what is aborted was mostly submitted last. The queue is long only when every thread
        // is busy.
        let Some(at) = state.queue.iter().rposition(|job| job.id() == id) else { return };
        let job = state.queue.remove(at);
        drop(state);
        job.into_iter().for_each(|job| job.cancel());
        let watcher = self.lock().over(1);
        wake(watcher);
    }

    /// Takes no more jobs, cancels those that have not begun, and tells the threads to end when they are
    /// done.
    ///
    /// It waits for none of them: a job that hangs would hang whoever drops the runtime.
    pub(crate) fn shut_down(&self) {
        let mut state = self.lock();
        state.closed = true;
        let jobs = std::mem::take(&mut state.queue);
        drop(state);
        self.work.notify_all();
        jobs.iter().for_each(|job| job.cancel());
        let watcher = self.lock().over(jobs.len());
        wake(watcher);
    }

    /// How many jobs are queued or run. When there are any, `waker` is woken once there are none; it takes
    /// the place of one that was given before.
    ///
    /// When it says 0, every wake that a job has caused is in the mailbox of its executor.
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

    pub(crate) fn counts(&self) -> Counts {
        let state = self.lock();
        Counts { threads: state.threads, threads_started: state.started, jobs: state.outstanding }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(watcher: Option<Waker>) {
    if let Some(watcher) = watcher {
        waker::wake_contained(watcher);
    }
}

impl State {
    /// Counts jobs as over. Returns whom to wake for it.
    #[must_use = "whoever waits for the last job is to be woken"]
    fn over(&mut self, jobs: usize) -> Option<Waker> {
        self.outstanding -= jobs;
        if self.outstanding == 0 { self.watcher.take() } else { None }
    }
}

impl Seat<'_> {
    /// The thread is as good as idle: from now on a job may be submitted to it. (3)
    pub(crate) fn free(&self) {
        if !self.freed.replace(true) {
            self.pool.lock().idle += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::task::Wake;
    use std::time::Instant;

    /// A job that says when it begins and ends when it is told to.
    struct Gated {
        id: Id,
        begun: Mutex<Sender<&'static str>>,
        gate: Mutex<Receiver<()>>,
        /// Whether it says that its thread is free before it says that it is over.
        frees: bool,
    }

    /// What the jobs of a test say, and the gates of those that have been submitted, in order.
    struct Test {
        pool: Arc<Pool>,
        say: Sender<&'static str>,
        said: Receiver<&'static str>,
    }

    impl Job for Gated {
        fn run(&self, seat: &Seat<'_>) {
            let say = self.begun.lock().unwrap().clone();
            say.send("begun").unwrap();
            self.gate.lock().unwrap().recv().unwrap();
            if self.frees {
                seat.free();
                seat.free(); // counts once
            }
            say.send("over").unwrap();
        }

        fn cancel(&self) {
            self.begun.lock().unwrap().send("cancelled").unwrap();
        }

        fn fail(&self, error: &io::Error) {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            self.begun.lock().unwrap().send("failed").unwrap();
        }

        fn id(&self) -> Id {
            self.id
        }
    }

    impl Test {
        fn new(threads: usize, keep_alive: Duration) -> Test {
            let (say, said) = channel();
            Test { pool: Pool::new(Limits { threads, keep_alive }), say, said }
        }

        fn job(&self, frees: bool) -> (Arc<Gated>, Sender<()>) {
            let (open, gate) = channel();
            let begun = Mutex::new(self.say.clone());
            (Arc::new(Gated { id: Id::next(), begun, gate: Mutex::new(gate), frees }), open)
        }

        fn submit(&self, frees: bool) -> Sender<()> {
            let (job, open) = self.job(frees);
            self.pool.submit(job);
            open
        }

        fn hears(&self, what: &'static str) {
            assert_eq!(self.said.recv_timeout(Duration::from_secs(30)), Ok(what));
        }

        fn counts(&self) -> (usize, u64, usize) {
            let Counts { threads, threads_started, jobs } = self.pool.counts();
            (threads, threads_started, jobs)
        }

        fn await_counts(&self, counts: (usize, u64, usize)) {
            let start = Instant::now();
            while self.counts() != counts {
                assert!(start.elapsed() < Duration::from_secs(30), "{:?}, not {counts:?}", self.counts());
                thread::yield_now();
            }
        }
    }

    impl Drop for Test {
        /// Miri wants no thread left, and a thread that does not end is an error in the pool.
        fn drop(&mut self) {
            self.pool.shut_down();
            if !thread::panicking() {
                let (_, started, _) = self.counts();
                self.await_counts((0, started, 0));
            }
        }
    }

    #[test]
    fn there_is_no_thread_before_a_job_and_there_are_as_many_as_the_limit_says_and_no_more() {
        let test = Test::new(2, Duration::MAX);
        assert_eq!(test.counts(), (0, 0, 0));
        let gates: Vec<_> = (0..5).map(|_| test.submit(true)).collect();
        assert_eq!(test.counts(), (2, 2, 5));
        test.hears("begun");
        test.hears("begun");
        gates[0].send(()).unwrap();
        gates[1].send(()).unwrap();
        let mut rest: Vec<_> = (0..4).map(|_| test.said.recv().unwrap()).collect();
        rest.sort_unstable();
        assert_eq!(rest, ["begun", "begun", "over", "over"]); // the third and the fourth, and none of the fifth
        gates[2..].iter().for_each(|gate| gate.send(()).unwrap());
        test.await_counts((2, 2, 0));
    }

    #[test]
    fn jobs_that_do_not_overlap_take_one_thread() {
        let test = Test::new(8, Duration::MAX);
        for _ in 0..if cfg!(miri) { 20 } else { 1000 } {
            test.submit(true).send(()).unwrap();
            test.hears("begun");
            test.hears("over");
        }
        test.await_counts((1, 1, 0));
    }

    #[test]
    fn a_thread_is_not_counted_on_before_it_is_free() {
        // What its job does after "over", a foreign waker or a destructor, may never end.
        let test = Test::new(8, Duration::MAX);
        let first = test.submit(false);
        test.hears("begun");
        let second = test.submit(false);
        test.hears("begun");
        assert_eq!(test.counts(), (2, 2, 2));
        first.send(()).unwrap();
        test.hears("over");
        second.send(()).unwrap();
        test.hears("over");
        test.await_counts((2, 2, 0));
    }

    #[test]
    fn a_thread_ends_after_the_keep_alive_and_another_takes_its_place() {
        let test = Test::new(1, Duration::ZERO);
        for started in 1..=3 {
            test.submit(true).send(()).unwrap();
            test.hears("begun");
            test.hears("over");
            test.await_counts((0, started, 0));
        }
    }

    #[test]
    fn shutdown_cancels_what_has_not_begun_and_waits_for_nothing() {
        let test = Test::new(1, Duration::MAX);
        let running = test.submit(true);
        test.hears("begun");
        let _queued = [test.submit(true), test.submit(true)];
        test.pool.shut_down();
        test.hears("cancelled");
        test.hears("cancelled");
        let _late = test.submit(true);
        test.hears("cancelled");
        assert_eq!(test.counts(), (1, 1, 1));
        running.send(()).unwrap();
        test.hears("over");
        test.await_counts((0, 1, 0));
    }

    #[test]
    fn a_job_that_is_aborted_in_the_queue_does_not_run() {
        let test = Test::new(1, Duration::MAX);
        let first = test.submit(true);
        test.hears("begun");
        let (job, _gate) = test.job(true);
        test.pool.submit(job.clone());
        assert_eq!(test.counts(), (1, 1, 2));
        for _ in 0..2 {
            test.pool.abort(job.id()); // the second time there is nothing to take
            assert_eq!(test.counts(), (1, 1, 1));
        }
        test.hears("cancelled");
        first.send(()).unwrap();
        test.hears("over");
        test.await_counts((1, 1, 0));
        assert_eq!(Arc::strong_count(&job), 1);
    }

    #[test]
    fn without_a_thread_to_be_had_jobs_wait_for_those_there_are_and_fail_when_there_is_none() {
        for (others, expected) in [(0, (0, 0, 0)), (1, (1, 1, 1))] {
            let test = Test::new(8, Duration::MAX);
            let (job, gate) = test.job(true);
            {
                // As `submit` leaves it when it asks for a thread.
                let mut state = test.pool.lock();
                state.queue.push_back(job);
                (state.outstanding, state.idle) = (1, 1);
                (state.threads, state.started) = (others + 1, others as u64 + 1);
            }
            test.pool.has_no_thread(&io::ErrorKind::WouldBlock.into());
            assert_eq!(test.counts(), expected);
            if others == 0 {
                test.hears("failed");
                continue;
            }
            let pool = test.pool.clone();
            pool.lock().idle += 1; // as one that starts
            let other = thread::spawn(move || pool.work());
            gate.send(()).unwrap();
            test.hears("begun");
            test.hears("over");
            test.pool.shut_down();
            other.join().unwrap();
        }
    }

    #[test]
    fn a_thread_outlives_a_job_that_panics_where_it_must_not() {
        struct Rude(Sender<()>);
        impl Job for Rude {
            fn run(&self, _: &Seat<'_>) {
                struct Payload;
                impl Drop for Payload {
                    fn drop(&mut self) {
                        panic!("again");
                    }
                }
                self.0.send(()).unwrap();
                std::panic::panic_any(Payload);
            }
            fn cancel(&self) {}
            fn fail(&self, _: &io::Error) {}
            fn id(&self) -> Id {
                Id::next()
            }
        }
        let test = Test::new(1, Duration::MAX);
        let (send, receive) = channel();
        test.pool.submit(Arc::new(Rude(send)));
        receive.recv_timeout(Duration::from_secs(30)).unwrap();
        test.await_counts((1, 1, 0));
    }

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Release);
        }
    }

    #[test]
    fn whoever_watches_is_woken_when_the_last_job_is_over_and_not_before() {
        let test = Test::new(2, Duration::MAX);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let watcher = Waker::from(count.clone());
        assert_eq!(test.pool.outstanding(&watcher), 0);
        let gates = [test.submit(true), test.submit(true)];
        assert_eq!(test.pool.outstanding(Waker::noop()), 2);
        assert_eq!(test.pool.outstanding(&watcher), 2); // takes the place of the other
        gates[0].send(()).unwrap();
        test.await_counts((2, 2, 1));
        assert_eq!(count.0.load(Ordering::Acquire), 0);
        gates[1].send(()).unwrap();
        test.await_counts((2, 2, 0));
        let start = Instant::now();
        while count.0.load(Ordering::Acquire) == 0 {
            assert!(start.elapsed() < Duration::from_secs(30), "nobody woke it");
            thread::yield_now();
        }
        assert_eq!(count.0.load(Ordering::Acquire), 1);
        assert_eq!(test.pool.outstanding(&watcher), 0);
    }
}
