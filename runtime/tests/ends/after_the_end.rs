//! After the end of a runtime: timers that have not fired, errands that have not run.

use crate::support::poll_with;
use crate::support::wakers::Count;
use egret_runtime::runtime::Runtime;
use egret_runtime::time::{Duration, Instant, interval_at, sleep, timeout};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

const HOUR: Duration = Duration::from_secs(3600);

/// Polls once and says whether it was over.
fn is_ready<F: Future>(runtime: &Runtime, mut future: Pin<&mut F>) -> bool {
    runtime.block_on(poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())))
}

#[test]
fn a_sleep_that_outlives_its_runtime_is_not_over_and_waits_on_in_the_next() {
    let first = Runtime::new().unwrap();
    let mut long = pin!(sleep(HOUR));
    assert!(!is_ready(&first, long.as_mut()));
    drop(first);
    assert!(!long.is_elapsed());
    let second = Runtime::new().unwrap();
    assert!(!is_ready(&second, long.as_mut()));
    assert_eq!(second.metrics().timers_alive, 1);
    long.as_mut().reset(Instant::now());
    second.block_on(long.as_mut());
    assert!(long.is_elapsed());
}

#[test]
fn a_sleep_that_outlives_its_runtime_may_be_set_again_and_dropped() {
    let first = Runtime::new().unwrap();
    let mut sleeps: Vec<_> = (1..9).map(|hours| Box::pin(sleep(HOUR * hours))).collect();
    for sleep in &mut sleeps {
        assert!(!is_ready(&first, sleep.as_mut()));
    }
    drop(first);
    for (hours, sleep) in (1..9).zip(&mut sleeps) {
        sleep.as_mut().reset(Instant::now() + HOUR / hours);
    }
    drop(sleeps);
}

#[test]
fn a_timeout_and_an_interval_that_outlive_their_runtime_are_not_early() {
    let first = Runtime::new().unwrap();
    let mut limited = pin!(timeout(HOUR, pending::<()>()));
    let mut ticks = interval_at(Instant::now() + HOUR, HOUR);
    assert!(!is_ready(&first, limited.as_mut()));
    assert!(!is_ready(&first, pin!(ticks.tick())));
    drop(first);
    let second = Runtime::new().unwrap();
    assert!(!is_ready(&second, limited.as_mut()));
    assert!(!is_ready(&second, pin!(ticks.tick())));
}

#[test]
fn an_errand_that_panics_when_it_is_dropped_takes_neither_the_others_nor_the_runtime_with_it() {
    struct Bomb(Arc<AtomicUsize>);

    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("in the destructor of a future that never ran");
        }
    }

    let runtime = Runtime::new().unwrap();
    let dropped = Rc::new(Cell::new(false));
    struct Last(Rc<Cell<bool>>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let last = Last(dropped.clone());
    let task = runtime.spawn(async move {
        let _last = last;
        pending::<()>().await
    });
    let (handle, bombs) = (runtime.handle(), Arc::new(AtomicUsize::new(0)));
    let sent = bombs.clone();
    let sender = std::thread::spawn(move || {
        for _ in 0..3 {
            let bomb = Bomb(sent.clone());
            drop(handle.spawn(async move {
                let _bomb = bomb;
            }));
        }
    });
    sender.join().unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(runtime)));
    assert!(outcome.is_ok());
    assert_eq!(bombs.load(Ordering::Relaxed), 3);
    assert!(dropped.get() && task.is_finished());
}

#[test]
fn the_drop_of_a_runtime_wakes_each_foreign_waiter_of_a_timer_once() {
    let rt = Runtime::new().unwrap();
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let mut sleeps: Vec<_> = (1..=5).map(|hours| Box::pin(sleep(HOUR * hours))).collect();
    {
        let _inside = rt.enter();
        for sleep in &mut sleeps {
            assert!(poll_with(sleep.as_mut(), &waker).is_pending());
        }
        assert_eq!(count.take(), 0);
    }
    drop(rt);
    assert_eq!(count.take(), 5);
    assert_eq!(Arc::strong_count(&count), 2, "no waker is kept");
    // What they find when they are polled: no end of the sleep, and nowhere to wait.
    assert!(sleeps.iter().all(|sleep| !sleep.is_elapsed()));
}
