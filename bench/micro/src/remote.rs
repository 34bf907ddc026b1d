//! Wakes from other threads: each producer wakes a task of its own and waits until that has run.

use crate::runtimes::Runtime;
use std::future::poll_fn;
use std::hint;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Looks before a producer gives its processor away: with more producers than processors they have to.
const LOOKS: u32 = 100;

/// What a producer and its task share.
#[derive(Default)]
struct Line {
    asked: AtomicU64,
    answered: AtomicU64,
    /// The task's waker, there from its first poll on.
    waker: Mutex<Option<Waker>>,
}

/// How long `n` wakes by `producers` threads take, after `warm_up` more.
pub async fn remote<R: Runtime>(rt: R, producers: u64, warm_up: u64, n: u64) -> Duration {
    run(&rt, producers, warm_up).await;
    let start = Instant::now();
    run(&rt, producers, n).await;
    start.elapsed()
}

async fn run<R: Runtime>(rt: &R, producers: u64, n: u64) {
    let mut tasks = Vec::new();
    let mut threads = Vec::new();
    for _ in 0..producers {
        let line = Arc::new(Line::default());
        let count = n / producers;
        tasks.push(rt.spawn(answer(line.clone(), count)));
        threads.push(thread::spawn(move || ask(&line, count)));
    }
    for task in tasks {
        task.await;
    }
    threads.into_iter().for_each(|thread| thread.join().expect("a producer does not panic"));
}

async fn answer(line: Arc<Line>, count: u64) {
    poll_fn(|cx| {
        let asked = line.asked.load(Ordering::Acquire);
        if asked == count {
            line.answered.store(asked, Ordering::Release);
            return Poll::Ready(());
        }
        let mut waker = line.waker.lock().expect("nobody panics");
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        // Only now: who sees the answer asks again, and has to find the waker.
        line.answered.store(asked, Ordering::Release);
        Poll::Pending
    })
    .await
}

fn ask(line: &Line, count: u64) {
    let waker = loop {
        if let Some(waker) = line.waker.lock().expect("nobody panics").clone() {
            break waker;
        }
        thread::yield_now();
    };
    for number in 1..=count {
        line.asked.store(number, Ordering::Release);
        waker.wake_by_ref();
        let mut looks = 0;
        while line.answered.load(Ordering::Acquire) != number {
            hint::spin_loop();
            looks += 1;
            if looks == LOOKS {
                looks = 0;
                thread::yield_now();
            }
        }
    }
}
