//! Wakes from other threads.
//!
//! Each producer is a thread with tasks of its own. It wakes them all, one after the other, and sleeps until the last of them
//! has run, which wakes it; and again. The time of a wake is the time of all of it divided by the wakes of all producers.
//!
//! With one task for one producer ([`there_and_back`]) that is a round trip: the loop is asleep in `epoll_wait` whenever it is
//! woken, and the producer whenever it is answered, so two wake-ups of a thread by the kernel are most of the figure.
//! With [`BURST`] for each ([`bursts`]) the producer sleeps once for all of them, and the loop as often as it has nothing left
//! to run: what remains is what the runtime takes to hand a wake over, with as many threads doing so at once as there are
//! producers, to run the task, and to be woken when it was asleep again before the next wake.
//!
//! With [`coalesced`] a producer waits for nothing and wakes one task again and again: the figure is what a wake costs that
//! finds its task woken already. With the producers and the loop on one processor (`taskset -c 0`) the loop collects once in a
//! time slice; with a processor of its own, all the time.
//!
//! No thread polls for its next turn. A producer that did, on a machine with no more processors than producers,
//! would keep the loop from the processor on which it could answer: then the figure is the time slice of the scheduler.

use crate::runtimes::Runtime;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How many tasks a producer wakes before it waits for them.
pub const BURST: u64 = 64;

/// How long `n` wakes of one task by one thread take, each of which waits for the answer, after `warm_up` more.
pub async fn there_and_back<R: Runtime>(rt: R, warm_up: u64, n: u64) -> Duration {
    remote(&rt, 1, 1, (warm_up, n)).await
}

/// How long `n` wakes by `producers` threads take, each of which waits for [`BURST`] at a time, after `warm_up` more.
pub async fn bursts<R: Runtime>(rt: R, producers: u64, warm_up: u64, n: u64) -> Duration {
    let wakes = producers * BURST;
    remote(&rt, producers, BURST, (warm_up / wakes, n / wakes)).await
}

/// How long `n` wakes of one task by `producers` threads take that wait for nothing, after `warm_up` more. Nearly all
/// of them find the task woken already.
pub async fn coalesced<R: Runtime>(_: R, producers: u64, warm_up: u64, n: u64) -> Duration {
    let (ready, left) = (Arc::new(Barrier::new(producers as usize)), Arc::new(AtomicU64::new(producers)));
    let mut threads = Vec::new();
    poll_fn(|cx| {
        if threads.is_empty() {
            threads.extend((0..producers).map(|_| {
                let (ready, left, waker) = (ready.clone(), left.clone(), cx.waker().clone());
                thread::spawn(move || {
                    (0..warm_up / producers).for_each(|_| waker.wake_by_ref());
                    ready.wait();
                    let begin = Instant::now();
                    (0..n / producers).for_each(|_| waker.wake_by_ref());
                    let end = Instant::now();
                    left.fetch_sub(1, Ordering::AcqRel);
                    waker.wake_by_ref();
                    (begin, end)
                })
            }));
        }
        if left.load(Ordering::Acquire) == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    all_of(threads)
}

/// `n` wakes of one task by a thread, for which the task waits without giving the loop back: but for the first, each finds the
/// task woken. What the loop does meanwhile does not depend on the scheduler, so the instructions can be counted.
pub async fn while_busy(n: u64) {
    poll_fn(|cx| {
        let waker = cx.waker().clone();
        let wakes = thread::spawn(move || (0..n).for_each(|_| waker.wake_by_ref()));
        wakes.join().expect("a producer does not panic");
        Poll::Ready(())
    })
    .await;
}

/// From the first begin to the last end.
fn all_of(threads: Vec<thread::JoinHandle<(Instant, Instant)>>) -> Duration {
    let times = threads.into_iter().map(|thread| thread.join().expect("a producer does not panic"));
    let (begins, ends): (Vec<_>, Vec<_>) = times.unzip();
    let (begin, end) = (begins.into_iter().min(), ends.into_iter().max());
    begin.zip(end).map_or(Duration::ZERO, |(begin, end)| end - begin)
}

/// What a producer and its tasks share.
struct Line {
    /// The number of the burst that is under way. Number 0 is that every task introduces itself.
    burst: AtomicU64,
    /// Tasks that have not run in this burst. Who makes it 0 wakes the producer.
    missing: AtomicUsize,
    producer: Mutex<Option<Thread>>,
    wakers: Mutex<Vec<Waker>>,
}

/// Of each producer so many bursts before the time is taken and so many then.
async fn remote<R: Runtime>(rt: &R, producers: u64, tasks: u64, bursts: (u64, u64)) -> Duration {
    let ready = Arc::new(Barrier::new(producers as usize));
    let mut threads = Vec::new();
    let mut spawned = Vec::new();
    for _ in 0..producers {
        let line = Arc::new(Line {
            burst: AtomicU64::new(0),
            missing: AtomicUsize::new(tasks as usize),
            producer: Mutex::new(None),
            wakers: Mutex::new(Vec::new()),
        });
        let (theirs, ready) = (line.clone(), ready.clone());
        let thread = thread::spawn(move || produce(&theirs, &ready, bursts));
        *line.producer.lock().expect("nobody panics") = Some(thread.thread().clone());
        threads.push(thread);
        spawned.extend((0..tasks).map(|_| rt.spawn(answer(line.clone(), bursts.0 + bursts.1))));
    }
    for task in spawned {
        task.await;
    }
    all_of(threads)
}

/// A task: it runs once in every burst, and ends with the last one.
async fn answer(line: Arc<Line>, last: u64) {
    let producer =
        line.producer.lock().expect("nobody panics").clone().expect("it is there before its tasks");
    let mut seen = None;
    poll_fn(|cx| {
        let burst = line.burst.load(Ordering::Acquire);
        // A runtime may poll a task without a wake, and that is no answer.
        if seen.replace(burst) != Some(burst) {
            if burst == 0 {
                line.wakers.lock().expect("nobody panics").push(cx.waker().clone());
            }
            if line.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
                producer.unpark();
            }
        }
        if burst == last { Poll::Ready(()) } else { Poll::Pending }
    })
    .await
}

/// A producer. Returns when it began to wake, warm-up left out, and when all had been answered.
fn produce(line: &Line, ready: &Barrier, (warm_up, bursts): (u64, u64)) -> (Instant, Instant) {
    wait(line);
    let wakers = std::mem::take(&mut *line.wakers.lock().expect("nobody panics"));
    let run = |numbers: std::ops::RangeInclusive<u64>| {
        for number in numbers {
            line.missing.store(wakers.len(), Ordering::Relaxed);
            line.burst.store(number, Ordering::Release);
            wakers.iter().for_each(Waker::wake_by_ref);
            wait(line);
        }
    };
    run(1..=warm_up);
    ready.wait();
    let begin = Instant::now();
    run(warm_up + 1..=warm_up + bursts);
    (begin, Instant::now())
}

/// Sleeps until every task of the burst has run.
fn wait(line: &Line) {
    while line.missing.load(Ordering::Acquire) > 0 {
        thread::park();
    }
}
