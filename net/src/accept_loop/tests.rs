//! The accept loop on a scripted listener, and on a paused clock. A1 and A3 are rows of docs/pitfalls.md.

mod ends;

use super::*;
use egret_runtime::runtime::{Builder, UnhandledPanic};
use egret_runtime::shutdown::Drained;
use egret_runtime::spawn;
use egret_runtime::task::JoinHandle;
use egret_runtime::test::settled;
use egret_runtime::time::Instant;
use std::cell::RefCell;
use std::collections::VecDeque;

const MS: Duration = Duration::from_millis(1);
const EMFILE: i32 = 24;
const EINVAL: i32 = 22;
const EPERM: i32 = 1;
const ECONNABORTED: i32 = 103;

/// The results of the calls, in order; with none left the call waits.
#[derive(Default)]
struct Script {
    steps: RefCell<VecDeque<Result<u32, i32>>>,
    /// The result when there are no steps.
    always: Cell<Option<Result<u32, i32>>>,
    waiter: Cell<Option<Waker>>,
    /// When each call of `accept` ended, since the test began.
    ended: RefCell<Vec<Duration>>,
    began: Cell<Option<Instant>>,
    closed: Cell<bool>,
}

/// Records its drop, which closes a listener.
struct Listener(Rc<Script>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.closed.set(true);
    }
}

impl Script {
    fn push(&self, steps: impl IntoIterator<Item = Result<u32, i32>>) {
        self.steps.borrow_mut().extend(steps);
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }

    fn next(&self) -> Option<io::Result<u32>> {
        let step = self.steps.borrow_mut().pop_front().or(self.always.get())?;
        Some(step.map_err(io::Error::from_raw_os_error))
    }

    /// How many calls of `accept` there were.
    fn calls(&self) -> usize {
        self.ended.borrow().len()
    }
}

impl ConnectionSource for Listener {
    type Connection = u32;

    async fn accept(&self) -> io::Result<u32> {
        poll_fn(|cx| match self.0.next() {
            Some(step) => {
                let began = self.0.began.get().unwrap();
                self.0.ended.borrow_mut().push(began.elapsed());
                Poll::Ready(step)
            }
            None => {
                self.0.waiter.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }

    fn accept_waiting(&self) -> io::Result<Option<u32>> {
        self.0.next().transpose()
    }

    fn failure(&self, error: &io::Error) -> AcceptFailure {
        AcceptFailure::of(error)
    }
}

/// A loop over a script whose connections last until they are told to end.
struct Served {
    script: Rc<Script>,
    shutdown: Shutdown,
    counts: Rc<AcceptCounts>,
    open: Rc<RefCell<Vec<(u32, Shutdown)>>>,
    running: JoinHandle<io::Result<()>>,
}

impl Served {
    fn start(most: usize, burst: usize, steps: impl IntoIterator<Item = Result<u32, i32>>) -> Served {
        Served::over(Script::default(), most, burst, steps)
    }

    fn over(
        script: Script,
        most: usize,
        burst: usize,
        steps: impl IntoIterator<Item = Result<u32, i32>>,
    ) -> Served {
        let (script, shutdown) = (Rc::new(script), Shutdown::new());
        script.began.set(Some(Instant::now()));
        script.push(steps);
        let counts = Rc::<AcceptCounts>::default();
        let accept_loop =
            AcceptLoop { shutdown: shutdown.clone(), counts: counts.clone(), most, burst, backlog: 100 };
        let open = Rc::<RefCell<Vec<_>>>::default();
        let (listener, connections) = (Listener(script.clone()), open.clone());
        let running = spawn(async move {
            let connection = |number| {
                let end = Shutdown::new();
                connections.borrow_mut().push((number, end.clone()));
                async move { end.requested().await }
            };
            accept_loop.run(listener, connection).await
        });
        Served { script, shutdown, counts, open, running }
    }

    /// Ends the connection that was accepted first.
    fn end_one(&self) -> u32 {
        let (number, end) = self.open.borrow_mut().remove(0);
        end.request();
        number
    }

    fn open(&self) -> Vec<u32> {
        self.open.borrow().iter().map(|(number, _)| *number).collect()
    }
}

/// Runs `test` on a paused clock.
fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let policy = UnhandledPanic::Shutdown;
    Builder::new().unhandled_panic(policy).build().unwrap().block_on(async {
        time::pause();
        test().await;
    });
}

// A1
#[test]
fn without_descriptors_it_tries_again_after_5_ms_and_then_twice_as_long_each_time_up_to_a_second() {
    paused(|| async {
        let served = Served::start(10, 10, [Err(EMFILE); 11]);
        time::advance(4_000 * MS).await;
        let mut expected = vec![0];
        for pause in [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000] {
            expected.push(expected[expected.len() - 1] + pause);
        }
        let expected: Vec<_> = expected.into_iter().map(|ms| ms * MS).collect();
        assert_eq!(*served.script.ended.borrow(), expected);
        assert_eq!(served.counts.exhausted.get(), 11);

        // The next one succeeds, and the pauses start over.
        served.script.push([Ok(1), Err(EMFILE), Err(EMFILE), Ok(2)]);
        let before = Instant::now();
        time::advance(1_000 * MS).await;
        assert_eq!(served.open(), [1, 2]);
        let since = before - served.script.began.get().unwrap();
        let later: Vec<_> = served.script.ended.borrow()[11..].iter().map(|at| *at - since).collect();
        let first = later[0];
        assert_eq!(later, [first, first, first + 5 * MS, first + 15 * MS]);
    });
}

// A1: a descriptor may just have been freed.
#[test]
fn a_connection_that_ends_cuts_the_wait_for_descriptors_short() {
    paused(|| async {
        let served = Served::start(10, 10, [Ok(1), Err(EMFILE), Err(EMFILE), Err(EMFILE), Ok(2)]);
        time::advance(15 * MS).await; // 5 and 10: now it waits for 20
        assert_eq!(served.script.calls(), 4);
        time::advance(MS).await;
        assert_eq!(served.end_one(), 1);
        settled().await;
        assert_eq!((served.script.calls(), served.open()), (5, vec![2]));
        assert_eq!(*served.script.ended.borrow().last().unwrap(), 16 * MS);
    });
}

// A3
#[test]
fn connections_that_fail_are_stepped_over_and_do_not_starve_the_others() {
    paused(|| async {
        let script = Script::default();
        script.always.set(Some(Err(ECONNABORTED)));
        let served = Served::over(script, 10, 8, []);
        let mut seen = Vec::new();
        for _ in 0..4 {
            yield_now().await;
            seen.push(served.script.calls());
        }
        assert_eq!(seen, [8, 16, 24, 32]);
        served.shutdown.request();
        settled().await;
        assert!(served.running.is_finished());
        assert_eq!(served.counts.failed.get(), 32 + 100); // and those of the last look into the queue
    });
}

// A3: a series of such errors may be a permanent failure, such as a filter that forbids accept.
#[test]
fn after_each_64_failures_in_a_row_it_pauses_longer_and_longer_until_a_success() {
    paused(|| async {
        let script = Script::default();
        script.always.set(Some(Err(EPERM)));
        let served = Served::over(script, 10, 8, []);
        time::advance(3_000 * MS).await;
        let ended: Vec<_> = served.script.ended.borrow().iter().map(|at| at.as_millis()).collect();
        let rows = [0, 5, 15, 35, 75, 155, 315, 635, 1275, 2275];
        assert_eq!(ended, rows.map(|at| vec![at; 64]).concat());
        assert_eq!((served.counts.failed.get(), served.counts.exhausted.get()), (640, 0));

        // A success at the end of a series: both the series and the pauses start over.
        served.script.steps.borrow_mut().extend([Err(EPERM); 63].into_iter().chain([Ok(1)]));
        time::advance(280 * MS).await; // 3275 ms, and another 5
        let ended: Vec<_> = served.script.ended.borrow()[640..].iter().map(|at| at.as_millis()).collect();
        assert_eq!(ended, [vec![3275; 64 + 64], vec![3280; 64]].concat());
        assert_eq!(served.open(), [1]);
    });
}

// A3
#[test]
fn a_pause_after_failures_ends_with_a_connection_and_with_the_shutdown() {
    paused(|| async {
        let script = Script::default();
        script.always.set(Some(Err(EPERM)));
        let served = Served::over(script, 10, 1000, [Ok(1)]);
        settled().await;
        assert_eq!(served.script.calls(), 1 + 64);
        served.end_one();
        settled().await;
        assert_eq!(served.script.calls(), 1 + 2 * 64);
        served.shutdown.request();
        settled().await;
        assert!(served.running.is_finished());
    });
}

// A3
#[test]
fn a_timer_beside_an_accept_that_always_fails_fires() {
    egret_runtime::block_on(async {
        let script = Script::default();
        script.always.set(Some(Err(ECONNABORTED)));
        let _served = Served::over(script, 10, 8, []);
        time::sleep(MS).await;
    });
}

#[test]
fn an_error_of_the_listener_ends_the_loop_and_comes_out_of_it() {
    paused(|| async {
        let served = Served::start(10, 10, [Ok(1), Err(EINVAL), Ok(2)]);
        settled().await;
        assert!(served.script.closed.get());
        assert_eq!(served.running.await.unwrap().unwrap_err().raw_os_error(), Some(EINVAL));
        assert_eq!(served.shutdown.live(), 1); // the connection
    });
}

#[test]
fn at_the_cap_it_accepts_no_more_until_one_ends() {
    paused(|| async {
        let served = Served::start(3, 10, (1..=7).map(Ok));
        settled().await;
        assert_eq!((served.open(), served.script.calls()), (vec![1, 2, 3], 3));
        for ended in 1..=4 {
            assert_eq!(served.end_one(), ended);
            settled().await;
            assert_eq!(served.open(), [ended + 1, ended + 2, ended + 3]);
            assert_eq!(served.counts.open(), 3);
        }
        // Below the cap it waits for connections again.
        served.end_one();
        settled().await;
        assert_eq!((served.counts.full.get(), served.counts.open()), (5, 2));
        served.script.push([Ok(8)]);
        settled().await;
        assert_eq!(served.open(), [6, 7, 8]);
        assert_eq!((served.counts.accepted.get(), served.counts.full.get()), (8, 6));
    });
}

#[test]
fn a_connection_that_panics_gives_its_place_up() {
    let rt = Builder::new().unhandled_panic(UnhandledPanic::Ignore).build().unwrap();
    rt.block_on(async {
        let (script, shutdown, counts) =
            (Rc::<Script>::default(), Shutdown::new(), Rc::<AcceptCounts>::default());
        script.began.set(Some(Instant::now()));
        script.push((0..5).map(Ok));
        let accept_loop = AcceptLoop { shutdown, counts: counts.clone(), most: 1, burst: 10, backlog: 100 };
        let listener = Listener(script);
        let task =
            spawn(async move { accept_loop.run(listener, |_| async { panic!("a connection") }).await });
        while counts.accepted.get() < 5 || counts.open() > 0 {
            yield_now().await;
        }
        assert!(!task.is_finished());
    });
}

#[test]
fn after_each_burst_every_task_that_is_ready_is_polled_once() {
    paused(|| async {
        let served = Served::start(1000, 32, (0..100).map(Ok));
        let mut seen = Vec::new();
        for _ in 0..5 {
            yield_now().await;
            seen.push(served.script.calls());
        }
        assert_eq!(seen, [32, 64, 96, 100, 100]);
    });
}

#[test]
fn connections_that_come_one_by_one_are_no_burst() {
    paused(|| async {
        let served = Served::start(1000, 2, []);
        settled().await;
        for number in 0..10 {
            served.script.push([Ok(number)]);
            yield_now().await; // one turn is enough for each
            assert_eq!(served.script.calls(), number as usize + 1);
        }
    });
}
