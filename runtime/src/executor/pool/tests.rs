//! The pool without a runtime.

mod look_ups; // jobs that are look-ups

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Wake;
use std::thread;
use std::time::Instant;

/// A job that reports its beginning and ends when its gate opens.
struct Gated {
    id: Id,
    begun: Mutex<Sender<&'static str>>,
    gate: Mutex<Receiver<()>>,
    /// Whether it frees its thread before it reports that it is over.
    frees: bool,
    is_look_up: bool,
}

/// The reports of a test's jobs, and the gates of those submitted, in order.
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

    fn is_look_up(&self) -> bool {
        self.is_look_up
    }

    #[cfg(feature = "inspect")]
    fn view(&self, _: Option<Moment>) -> JobInPool {
        unreachable!("no dump is made")
    }
}

impl Test {
    fn new(threads: usize, keep_alive: Duration) -> Test {
        let (say, said) = channel();
        Test { pool: Pool::new(Limits { threads, keep_alive, ..Limits::default() }), say, said }
    }

    fn job(&self, frees: bool) -> (Arc<Gated>, Sender<()>) {
        self.job_of(frees, false)
    }

    fn job_of(&self, frees: bool, is_look_up: bool) -> (Arc<Gated>, Sender<()>) {
        let (open, gate) = channel();
        let begun = Mutex::new(self.say.clone());
        (Arc::new(Gated { id: Id::next(), begun, gate: Mutex::new(gate), frees, is_look_up }), open)
    }

    fn look_up(&self, frees: bool) -> (Id, Sender<()>) {
        let (job, open) = self.job_of(frees, true);
        let id = job.id;
        self.pool.submit(job);
        (id, open)
    }

    /// Look-ups in the queue or on a thread, and those that wait.
    fn look_ups(&self) -> (usize, usize) {
        let state = self.pool.lock();
        (state.look_ups, state.look_ups_waiting.len())
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
        let PoolCounts { threads, threads_started, jobs } = self.pool.counts();
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
    /// Miri requires that no thread is left; a thread that does not end is an error in the pool.
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
    // After "over", a foreign waker or a destructor of the job may never end.
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
fn a_job_whose_end_can_be_seen_is_not_unfinished() {
    let test = Test::new(1, Duration::MAX);
    for _ in 0..if cfg!(miri) { 20 } else { 1000 } {
        let gate = test.submit(true);
        test.hears("begun");
        assert_eq!(test.pool.unfinished(), 1);
        gate.send(()).unwrap();
        test.hears("over");
        assert_eq!(test.pool.unfinished(), 0);
    }
    test.await_counts((1, 1, 0));
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
            // As `submit` leaves it when it starts a thread.
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
        fn is_look_up(&self) -> bool {
            false
        }
        #[cfg(feature = "inspect")]
        fn view(&self, _: Option<Moment>) -> JobInPool {
            unreachable!("no dump is made")
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
        assert!(start.elapsed() < Duration::from_secs(30), "the watcher was not woken");
        thread::yield_now();
    }
    assert_eq!(count.0.load(Ordering::Acquire), 1);
    assert_eq!(test.pool.outstanding(&watcher), 0);
}
