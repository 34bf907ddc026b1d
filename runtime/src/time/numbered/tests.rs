use super::*;
use crate::hyper::Timer;
use crate::runtime::Runtime;
use crate::time;
use hyper::rt::Timer as _;
use std::pin::pin;
use std::task::Waker;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn rows() -> usize {
    context::require(&CURRENT).rows.borrow().len()
}

fn timers() -> usize {
    time::current().len()
}

fn poll(sleep: &mut NumberedSleep) -> Poll<()> {
    Pin::new(sleep).poll(&mut Context::from_waker(Waker::noop()))
}

fn in_(duration: Duration) -> NumberedSleep {
    NumberedSleep::until(Instant::now().checked_add(duration))
}

#[test]
fn a_sleep_is_over_at_its_deadline_and_leaves_no_row() {
    crate::block_on(async {
        time::pause();
        let start = Instant::now();
        Timer.sleep(5 * MS).await;
        assert_eq!(start.elapsed(), 5 * MS);
        Timer.sleep_until(start.into_std()).await;
        assert_eq!((start.elapsed(), rows(), timers()), (5 * MS, 0, 0));
    });
}

#[test]
fn a_sleep_that_is_dropped_takes_its_row_and_its_timer_with_it() {
    crate::block_on(async {
        for _ in 0..100 {
            let mut sleep = in_(HOUR);
            assert_eq!(rows(), 0);
            assert!(poll(&mut sleep).is_pending());
            assert!(poll(&mut sleep).is_pending());
            assert_eq!((rows(), timers()), (1, 1));
            drop(sleep);
            assert_eq!((rows(), timers()), (0, 0));
        }
    });
}

#[test]
fn a_sleep_that_is_dropped_keeps_no_waker() {
    struct Counted;
    impl std::task::Wake for Counted {
        fn wake(self: std::sync::Arc<Self>) {}
    }
    crate::block_on(async {
        let counted = std::sync::Arc::new(Counted);
        let waker = Waker::from(counted.clone());
        let mut sleep = in_(HOUR);
        assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(std::sync::Arc::strong_count(&counted), 3);
        drop(sleep);
        assert_eq!(std::sync::Arc::strong_count(&counted), 2);
    });
}

#[test]
fn a_sleep_for_ever_has_no_row() {
    crate::block_on(async {
        let mut sleep = in_(Duration::MAX);
        assert!(poll(&mut sleep).is_pending());
        assert_eq!((rows(), timers()), (0, 0));
    });
}

#[test]
fn a_reset_moves_the_deadline_both_ways_and_keeps_the_row() {
    crate::block_on(async {
        time::pause();
        let start = Instant::now();
        let mut sleep = Timer.sleep(10 * MS);
        std::future::poll_fn(|cx| {
            assert!(sleep.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        for deadline in [20, 7, 3] {
            Timer.reset(&mut sleep, (start + deadline * MS).into_std());
            assert_eq!((rows(), timers()), (1, 1));
        }
        sleep.as_mut().await;
        assert_eq!((start.elapsed(), rows()), (3 * MS, 0));
        // Over, and used again, as hyper does for each request.
        Timer.reset(&mut sleep, (start + 4 * MS).into_std());
        sleep.await;
        assert_eq!((start.elapsed(), rows()), (4 * MS, 0));
    });
}

#[test]
fn a_sleep_that_fired_and_is_set_anew_before_it_is_polled_waits_again() {
    crate::block_on(async {
        time::pause();
        let start = Instant::now();
        let mut sleep = in_(MS);
        assert!(poll(&mut sleep).is_pending());
        time::sleep(2 * MS).await;
        sleep.reset(start + 5 * MS);
        assert!(poll(&mut sleep).is_pending());
        sleep.await;
        assert_eq!((start.elapsed(), rows()), (5 * MS, 0));
    });
}

#[test]
fn a_sleep_of_another_type_is_replaced_by_a_reset() {
    struct Never;
    impl Future for Never {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
    impl hyper::rt::Sleep for Never {}
    crate::block_on(async {
        let mut sleep: Pin<Box<dyn hyper::rt::Sleep>> = Box::pin(Never);
        Timer.reset(&mut sleep, Instant::now().into_std());
        sleep.await;
    });
}

#[test]
fn a_sleep_that_another_thread_takes_waits_there() {
    let (mut sleep, start) = crate::block_on(async {
        let start = Instant::now();
        let mut sleep = in_(30 * MS);
        let _ = poll(&mut sleep); // pending, unless the machine is very slow
        (sleep, start)
    });
    let waited = std::thread::spawn(move || {
        crate::block_on(async {
            Pin::new(&mut sleep).await;
            assert_eq!(rows(), 0);
            start.elapsed()
        })
    });
    assert!(waited.join().unwrap() >= 30 * MS);
}

// A drop on another thread cannot reach the table. The row is swept once its deadline has passed.
#[test]
fn sleeps_that_are_dropped_on_another_thread_are_swept_and_do_not_pile_up() {
    crate::block_on(async {
        time::pause();
        for _ in 0..20 {
            let sleeps: Vec<_> = std::iter::repeat_with(|| in_(MS)).take(SMALL).collect();
            let sleeps: Vec<_> = sleeps
                .into_iter()
                .map(|mut sleep| {
                    assert!(poll(&mut sleep).is_pending());
                    sleep
                })
                .collect();
            std::thread::spawn(move || drop(sleeps)).join().unwrap();
            time::sleep(2 * MS).await;
        }
        assert!(rows() <= 2 * SMALL, "{} rows", rows());
        assert_eq!(timers(), 0);
    });
}

#[test]
fn a_row_that_is_swept_under_a_sleep_that_was_not_polled_yet_loses_nothing() {
    crate::block_on(async {
        time::pause();
        let mut early = in_(MS);
        assert!(poll(&mut early).is_pending());
        time::sleep(2 * MS).await;
        let mut others: Vec<_> = std::iter::repeat_with(|| in_(MS)).take(SMALL).collect();
        others.iter_mut().for_each(|sleep| assert!(poll(sleep).is_pending()));
        assert_eq!(rows(), SMALL);
        assert!(context::require(&CURRENT).take(early.number.unwrap()).is_none());
        assert!(poll(&mut early).is_ready());
    });
}

#[test]
fn the_sleeps_of_two_runtimes_on_one_thread_are_told_apart() {
    let (one, two) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (mut first, mut never_moved) = (in_(HOUR), in_(HOUR));
    one.block_on(async {
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut never_moved).is_pending());
    });
    two.block_on(async {
        let mut second = pin!(in_(HOUR));
        assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        // The first row of each table, with different ids.
        assert!(poll(&mut first).is_pending());
        assert_eq!((rows(), timers()), (2, 2));
        // Here it names the row of `first`, which is not its own.
        drop(never_moved);
        assert_eq!(rows(), 2);
        drop(first);
        assert_eq!(rows(), 1);
    });
    one.block_on(async { assert_eq!(rows(), 2) });
}

#[test]
fn a_sleep_that_is_reset_to_now_or_the_past_is_over_at_the_next_poll() {
    crate::block_on(async {
        time::pause();
        let start = Instant::now();
        time::advance(MS).await;
        for deadline in [start, start + MS] {
            let mut sleep = in_(HOUR);
            assert!(poll(&mut sleep).is_pending());
            sleep.reset(deadline);
            assert!(poll(&mut sleep).is_ready());
            assert_eq!((rows(), timers()), (0, 0));
        }
    });
}
