//! Timers, on a clock that the test controls wherever the real one is not itself under test.
//!
//! Rows T, R5, R8 and N of the pitfalls are named beside the tests.

#![allow(missing_docs)]

use egret_runtime::runtime::Runtime;
use egret_runtime::task::yield_now;
use egret_runtime::time::{
    self, Duration, Instant, MissedTickBehavior, advance, interval, interval_at, pause, resume,
    set_auto_advance, sleep, sleep_until, timeout, timeout_at,
};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Runs a test on a paused clock.
fn paused<T>(future: impl Future<Output = T>) -> T {
    egret_runtime::block_on(async {
        pause();
        future.await
    })
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_paused_clock_stands_still_until_it_is_moved() {
    paused(async {
        let start = Instant::now();
        for _ in 0..100 {
            yield_now().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        advance(Duration::from_nanos(7)).await;
        assert_eq!(start.elapsed(), Duration::from_nanos(7));
    });
}

#[test]
fn an_idle_loop_on_a_paused_clock_goes_to_the_next_deadline_to_the_nanosecond() {
    paused(async {
        let start = Instant::now();
        sleep(Duration::from_nanos(1)).await;
        assert_eq!(start.elapsed(), Duration::from_nanos(1));
        sleep(1000 * HOUR).await;
        assert_eq!(start.elapsed(), 1000 * HOUR + Duration::from_nanos(1));
    });
}

#[test]
fn without_auto_advance_time_passes_only_when_it_is_advanced() {
    let rt = Runtime::new().unwrap();
    let task = rt.spawn(async {
        pause();
        set_auto_advance(false);
        sleep(HOUR).await;
    });
    for _ in 0..100 {
        rt.turn(Some(Duration::ZERO));
    }
    assert!(!task.is_finished());
    assert_eq!(rt.metrics().timers_alive, 1);
    rt.block_on(advance(HOUR - Duration::from_nanos(1)));
    assert!(!task.is_finished());
    rt.block_on(advance(Duration::from_nanos(1)));
    assert!(task.is_finished());
}

#[test]
fn advance_runs_every_timer_up_to_then_in_order_and_those_that_they_set() {
    paused(async {
        let trace = Rc::new(RefCell::new(Vec::new()));
        let start = Instant::now();
        for (name, delay) in [("b", 20), ("a", 10), ("c", 30), ("d", 31)] {
            let trace = trace.clone();
            egret_runtime::spawn(async move {
                sleep(delay * MS).await;
                trace.borrow_mut().push((name, start.elapsed()));
                if name == "a" {
                    sleep(5 * MS).await;
                    trace.borrow_mut().push(("a again", start.elapsed()));
                }
            });
        }
        advance(30 * MS).await;
        let expected = [("a", 10 * MS), ("a again", 15 * MS), ("b", 20 * MS), ("c", 30 * MS)];
        assert_eq!(*trace.borrow(), expected);
        assert_eq!(start.elapsed(), 30 * MS);
    });
}

#[test]
fn a_clock_that_runs_again_goes_on_from_where_it_stood() {
    egret_runtime::block_on(async {
        pause();
        let stood = Instant::now();
        advance(HOUR).await;
        resume();
        let after = Instant::now();
        assert!(after >= stood + HOUR && after < stood + HOUR + HOUR);
        sleep(Duration::from_micros(10)).await;
        assert!(after.elapsed() >= Duration::from_micros(10));
    });
}

#[test]
fn what_is_due_is_ready_on_the_first_poll_and_sets_no_timer() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let now = Instant::now();
        assert!(poll_once(pin!(sleep(Duration::ZERO))).is_ready());
        assert!(poll_once(pin!(sleep_until(now))).is_ready());
        assert!(poll_once(pin!(sleep_until(now - Duration::from_nanos(1)))).is_ready());
        // Time that passes between the making and the first poll counts too, more than a tick and less.
        for late in [Duration::from_micros(300), 30 * MS] {
            let slept = sleep(late);
            let start = std::time::Instant::now();
            while start.elapsed() < late {
                std::hint::spin_loop();
            }
            assert!(poll_once(pin!(slept)).is_ready(), "{late:?}");
        }
    });
    assert_eq!((rt.metrics().timers_fired, rt.metrics().timers_alive), (0, 0));
}

#[test]
fn no_duration_is_too_long() {
    // T2, T3
    paused(async {
        let mut first = interval(Duration::MAX);
        first.tick().await;
        assert!(poll_once(pin!(first.tick())).is_pending());
        for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
            let mut late = interval(Duration::MAX);
            late.set_missed_tick_behavior(behavior);
            advance(HOUR).await;
            late.tick().await;
            assert!(poll_once(pin!(late.tick())).is_pending());
            late.reset();
            late.reset_after(Duration::MAX);
            assert!(poll_once(pin!(late.tick())).is_pending());
        }
        let mut forever = pin!(sleep(Duration::MAX));
        let mut limited = pin!(timeout(Duration::MAX, pending::<()>()));
        // 2^30 ms are where millisecond wheels wrap; 500 years are near the end of 64 bits of nanoseconds.
        for jump in [Duration::from_millis(1 << 30), 500 * 365 * 24 * HOUR] {
            advance(jump).await;
            assert!(poll_once(forever.as_mut()).is_pending());
            assert!(poll_once(limited.as_mut()).is_pending());
        }
        let soon = Instant::now();
        forever.as_mut().reset(soon);
        forever.await;
    });
}

#[test]
fn a_sleep_is_never_early_and_costs_at_most_two_looks_at_the_kernel() {
    // T5
    let rt = Runtime::new().unwrap();
    let rounds = if cfg!(miri) { 3 } else { 2_000 };
    let before = rt.metrics();
    rt.block_on(async {
        for round in 0..rounds {
            let asked = Duration::from_nanos(20_000 + round * 7);
            let start = std::time::Instant::now();
            sleep(asked).await;
            assert!(start.elapsed() >= asked);
        }
    });
    let after = rt.metrics();
    let waits = after.epoll_waits - before.epoll_waits;
    assert!(waits <= 2 * rounds, "{waits} waits for {rounds} sleeps");
}

#[test]
fn timers_of_one_deadline_wake_their_tasks_in_order() {
    // T9
    paused(async {
        let trace = Rc::new(RefCell::new(Vec::new()));
        let deadline = Instant::now() + MS;
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let trace = trace.clone();
                egret_runtime::spawn(async move {
                    sleep_until(deadline).await;
                    trace.borrow_mut().push(number);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*trace.borrow(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn intervals_catch_up_delay_or_skip_as_they_are_told() {
    // T12: the table of MissedTickBehavior.
    use MissedTickBehavior::{Burst, Delay, Skip};
    let cases = [
        (Burst, [100, 200, 300, 400, 500]),
        (Delay, [100, 450, 550, 650, 750]),
        (Skip, [100, 400, 500, 600, 700]),
    ];
    for (behavior, expected) in cases {
        paused(async {
            let start = Instant::now();
            let mut ticks = interval_at(start, 100 * MS);
            ticks.set_missed_tick_behavior(behavior);
            assert_eq!(ticks.tick().await, start);
            advance(350 * MS).await;
            let mut due = Vec::new();
            let mut asked_at = Vec::new();
            for _ in 0..5 {
                due.push(ticks.tick().await.duration_since(start).as_millis());
                asked_at.push(start.elapsed().as_millis());
            }
            assert_eq!(due, expected, "{behavior:?}");
            let late: Vec<_> = expected.iter().map(|&due| due.max(350)).collect();
            assert_eq!(asked_at, late, "{behavior:?}");
        });
    }
}

#[test]
fn a_tick_that_is_a_little_late_makes_no_interval_drift() {
    for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
        paused(async {
            let start = Instant::now();
            let mut ticks = interval(10 * MS);
            ticks.set_missed_tick_behavior(behavior);
            for tick in 0..10 {
                assert_eq!(ticks.tick().await, start + tick * 10 * MS);
                advance(12 * MS).await;
                ticks.reset_at(start + (tick + 1) * 10 * MS);
            }
        });
    }
}

#[test]
fn a_busy_future_does_not_escape_its_time_limit() {
    // T11: it wakes itself on every poll and is never done.
    egret_runtime::block_on(async {
        let busy = poll_fn(|cx| -> Poll<()> {
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert!(timeout(2 * MS, busy).await.is_err());
    });
}

#[test]
fn a_future_that_uses_its_budget_up_does_not_escape_its_time_limit() {
    // T11, N7: a sleep that is over is always ready and charges the budget each time.
    egret_runtime::block_on(async {
        let spender = async {
            let mut over = pin!(sleep(Duration::ZERO));
            loop {
                over.as_mut().await;
                over.as_mut().reset(Instant::now());
            }
        };
        let limited: Result<(), _> = timeout(2 * MS, spender).await;
        assert!(limited.is_err());
    });
}

#[test]
fn a_timer_that_is_set_again_at_once_starves_nobody() {
    // R5
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let again = egret_runtime::spawn(async {
            loop {
                sleep(Duration::ZERO).await;
            }
        });
        let other = egret_runtime::spawn(sleep(MS));
        other.await.unwrap();
        again.abort();
    });
}

#[test]
fn the_first_of_ten_timers_may_drop_the_other_nine() {
    // R8
    paused(async {
        let fired = Rc::new(Cell::new(0));
        let tasks = Rc::new(RefCell::new(Vec::new()));
        let deadline = Instant::now() + MS;
        for _ in 0..10 {
            let (fired, others) = (fired.clone(), tasks.clone());
            tasks.borrow_mut().push(egret_runtime::spawn(async move {
                sleep_until(deadline).await;
                fired.set(fired.get() + 1);
                let others: Vec<_> = std::mem::take(&mut *others.borrow_mut());
                others.iter().for_each(egret_runtime::task::JoinHandle::abort);
            }));
        }
        advance(MS).await;
        assert_eq!(fired.get(), 1);
    });
}

#[test]
fn after_the_last_timer_is_dropped_the_loop_sleeps_without_a_limit() {
    // T14, T15
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let mut dropped = Box::pin(sleep(MS));
        assert!(poll_once(dropped.as_mut()).is_pending());
        drop(dropped);
    });
    assert_eq!(rt.metrics().timers_alive, 0);
    let before = rt.metrics();
    let turn = rt.turn(Some(20 * MS));
    assert_eq!((turn.events, turn.timers_fired, turn.polled), (0, 0, 0));
    assert_eq!(rt.metrics().epoll_waits - before.epoll_waits, 1);
}

#[test]
fn a_reset_moves_the_deadline_whoever_waits_and_whatever_has_happened() {
    // T17, T20
    paused(async {
        let start = Instant::now();
        let mut slept = Box::pin(sleep(10 * MS));
        assert!(poll_once(slept.as_mut()).is_pending());
        slept.as_mut().reset(start + 5 * MS); // earlier
        slept.as_mut().await;
        assert_eq!(start.elapsed(), 5 * MS);
        assert!(slept.is_elapsed());
        slept.as_mut().reset(start + 20 * MS); // after it was over
        assert!(!slept.is_elapsed());
        slept.as_mut().await;
        assert_eq!(start.elapsed(), 20 * MS);
        slept.as_mut().reset(start + 30 * MS);
        assert!(poll_once(slept.as_mut()).is_pending());
        slept.as_mut().reset(start + 40 * MS); // later
        assert_eq!(slept.deadline(), start + 40 * MS);
        slept.as_mut().await;
        assert_eq!(start.elapsed(), 40 * MS);
    });
}

#[test]
fn a_sleep_whose_runtime_is_gone_goes_on_in_the_next_one() {
    // D2
    let first = Runtime::new().unwrap();
    let mut slept = Box::pin(sleep(MS));
    first.block_on(async { assert!(poll_once(slept.as_mut()).is_pending()) });
    drop(first);
    slept.as_mut().reset(Instant::now() + 2 * MS);
    let deadline = slept.deadline();
    egret_runtime::block_on(slept.as_mut());
    assert!(Instant::now() >= deadline);
}

#[test]
fn a_time_limit_polls_its_future_first_and_gives_it_back() {
    paused(async {
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        assert_eq!(timeout_at(Instant::now() - MS, async { 2 }).await, Ok(2));
        let elapsed = timeout(MS, pending::<()>()).await.unwrap_err();
        assert_eq!(elapsed.to_string(), "deadline has elapsed");
        assert_eq!(std::io::Error::from(elapsed).kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(timeout(MS, async { 3 }).into_inner().await, 3);
    });
}

#[test]
fn a_timer_and_a_task_that_always_runs_share_the_loop() {
    // L14, N4
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let busy = egret_runtime::spawn(async {
            loop {
                yield_now().await;
            }
        });
        let start = std::time::Instant::now();
        for _ in 0..10 {
            sleep(MS).await;
        }
        assert!(start.elapsed() >= 10 * MS);
        busy.abort();
    });
}

#[test]
fn a_runtime_that_goes_while_timers_wait_drops_them_all() {
    let rt = Runtime::new().unwrap();
    for number in 0..1000u32 {
        rt.spawn(async move { sleep(number * HOUR).await });
    }
    for _ in 0..1000usize.div_ceil(64) {
        rt.turn(Some(Duration::ZERO));
    }
    // All but the one whose sleep is zero.
    assert_eq!((rt.metrics().timers_alive, rt.metrics().tasks_alive), (999, 999));
    drop(rt);
}

#[test]
fn time_reexports_the_duration_of_std() {
    let _: std::time::Duration = time::Duration::ZERO;
}
