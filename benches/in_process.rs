//! What egret's own parts cost, in one process and without peers: `cargo bench`.
//!
//! Each line is a number of rounds of one operation, in a task as a server's code is; the median of the rounds and their
//! range. For the same on other runtimes, and for instruction counts, see `bench/micro`. An argument picks the lines whose
//! name contains it: `cargo bench -- timer`.

use egret::task::{JoinHandle, yield_now};
use egret::time::{sleep, timeout};
use std::future::{pending, poll_fn};
use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Odd, so that there is one in the middle.
const ROUNDS: usize = 15;

/// A deadline that is never reached.
const FAR: Duration = Duration::from_secs(60);

/// One round of so many operations.
type Operations = fn(u64) -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

const LINES: [(&str, u64, Operations); 7] = [
    ("spawn and join a task", 20_000, |n| Box::pin(spawn_and_join(n))),
    ("spawn 1000 tasks, join them all", 20_000, |n| Box::pin(spawn_many(n))),
    ("yield, one task", 100_000, |n| Box::pin(yields(n))),
    ("yield, two tasks in turn", 100_000, |n| Box::pin(yields_in_turn(n))),
    ("timer: arm and cancel", 50_000, |n| Box::pin(arm_and_cancel(n))),
    ("timer: timeout around what is ready", 50_000, |n| Box::pin(timeouts(n))),
    ("spawn, abort 1000 tasks that wait", 20_000, |n| Box::pin(aborts(n))),
];

fn main() {
    // Cargo says `--bench` when it is `cargo bench`; a test run that builds this is not one.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("not measured: run by `cargo bench`");
        return;
    }
    let picked = |name: &str| {
        let mut words = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
        words.peek().is_none() || words.any(|word| name.contains(word.as_str()))
    };
    println!("{:<38} {:>9}  range, ns", "", "ns each");
    for (name, operations, run) in LINES.into_iter().filter(|(name, ..)| picked(name)) {
        let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| nanoseconds(run, operations)).collect();
        rounds.sort_by(f64::total_cmp);
        let (lowest, median, highest) = (rounds[0], rounds[ROUNDS / 2], rounds[ROUNDS - 1]);
        println!("{name:<38} {median:>9.1}  {lowest:.1} to {highest:.1}");
    }
}

/// What an operation takes on a new runtime that has warmed up.
fn nanoseconds(run: Operations, operations: u64) -> f64 {
    egret::block_on(async move {
        let task: JoinHandle<Duration> = egret::spawn(async move {
            run(operations / 10).await;
            let start = Instant::now();
            run(operations).await;
            start.elapsed()
        });
        task.await.expect("the task does not panic").as_nanos() as f64 / operations as f64
    })
}

async fn spawn_and_join(n: u64) {
    for number in 0..n {
        black_box(egret::spawn(async move { number }).await.expect("it does not panic"));
    }
}

async fn spawn_many(n: u64) {
    for _ in 0..n / 1000 {
        let tasks: Vec<_> = (0..1000).map(|number| egret::spawn(async move { number })).collect();
        for task in tasks {
            black_box(task.await.expect("it does not panic"));
        }
    }
}

async fn yields(n: u64) {
    for _ in 0..n {
        yield_now().await;
    }
}

async fn yields_in_turn(n: u64) {
    let other = egret::spawn(yields(n / 2));
    yields(n / 2).await;
    other.await.expect("it does not panic");
}

/// Polls a sleep once, with the waker of this task, and drops it.
async fn arm_and_cancel(n: u64) {
    for _ in 0..n {
        let mut sleep = pin!(sleep(FAR));
        let is_pending = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await;
        assert!(is_pending);
    }
}

async fn timeouts(n: u64) {
    for number in 0..n {
        black_box(timeout(FAR, async move { number }).await.expect("it is ready"));
    }
}

/// A thousand at a time: the yield lets each of them run, to where it waits.
async fn aborts(n: u64) {
    for _ in 0..n / 1000 {
        let tasks: Vec<_> = (0..1000).map(|_| egret::spawn(pending::<()>())).collect();
        yield_now().await;
        for task in tasks {
            task.abort();
            assert!(task.await.is_err());
        }
    }
}
