//! Sleeps: when they end, in which order, and when they are reset or dropped.

use super::clock::*;
use crate::support::clock::pass;
use crate::support::{bounded, poll_once};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::yield_now;
use egret_runtime::time::{
    self, Duration, Instant, MissedTickBehavior, advance, interval, sleep, sleep_until, timeout, timeout_at,
};
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

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
            pass(late);
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
        // Ready when this thread was not run for a millisecond, and then it has set no timer.
        while poll_once(pin!(sleep(MS))).is_ready() {}
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
    let mut slept = Box::pin(sleep(HOUR)); // a slow machine may poll it first after a millisecond
    first.block_on(async { assert!(poll_once(slept.as_mut()).is_pending()) });
    drop(first);
    slept.as_mut().reset(Instant::now() + 2 * MS);
    let deadline = slept.deadline();
    egret_runtime::block_on(slept.as_mut());
    assert!(Instant::now() >= deadline);
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

#[test]
fn a_sleep_that_is_reset_to_now_or_the_past_is_ready_at_the_next_poll() {
    paused(async {
        let start = Instant::now();
        advance(MS).await;
        for deadline in [start, start + MS] {
            let mut slept = pin!(sleep_until(start + HOUR));
            assert!(poll_once(slept.as_mut()).is_pending());
            slept.as_mut().reset(deadline);
            assert!(!slept.is_elapsed());
            assert!(poll_once(slept.as_mut()).is_ready());
            assert!(slept.is_elapsed());
        }
    });
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let mut slept = pin!(sleep(HOUR));
        assert!(poll_once(slept.as_mut()).is_pending());
        slept.as_mut().reset(Instant::now());
        assert!(poll_once(slept.as_mut()).is_ready());
    });
    let metrics = rt.metrics();
    assert_eq!((metrics.timers_fired, metrics.timers_alive), (0, 0));
}

#[test]
fn a_deadline_that_passes_while_the_loop_does_not_turn_is_found_by_the_next_poll() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let (mut slept, mut limited) = loop {
            let deadline = Instant::now() + 20 * MS;
            let mut pair = (Box::pin(sleep_until(deadline)), Box::pin(timeout_at(deadline, pending::<()>())));
            if poll_once(pair.0.as_mut()).is_pending() && poll_once(pair.1.as_mut()).is_pending() {
                break pair;
            } // else the machine was busy elsewhere for 20 ms
        };
        while Instant::now() < slept.deadline() {
            std::hint::spin_loop();
        }
        assert!(poll_once(slept.as_mut()).is_ready());
        assert!(matches!(poll_once(limited.as_mut()), Poll::Ready(Err(_))));
    });
    let metrics = rt.metrics();
    assert_eq!((metrics.timers_fired, metrics.timers_alive), (0, 0));
}

#[test]
fn a_sleep_that_fired_and_is_reset_before_it_is_polled_waits_for_the_new_deadline() {
    paused(async {
        let start = Instant::now();
        let mut slept = pin!(sleep(MS));
        assert!(poll_once(slept.as_mut()).is_pending());
        advance(2 * MS).await;
        assert!(slept.is_elapsed());
        slept.as_mut().reset(start + 5 * MS);
        assert!(!slept.is_elapsed());
        assert!(poll_once(slept.as_mut()).is_pending());
        slept.await;
        assert_eq!(start.elapsed(), 5 * MS);
    });
}

#[test]
fn a_turn_ends_at_its_limit_or_at_the_next_timer_whichever_is_earlier() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let later = rt.spawn(sleep(HOUR));
        assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 1);
        let limited = rt.turn(Some(MS));
        assert_eq!((limited.timers_fired, limited.polled), (0, 0));
        let sooner = rt.spawn(sleep(MS));
        let mut fired = rt.turn(Some(Duration::ZERO)).timers_fired;
        while !sooner.is_finished() {
            fired += rt.turn(Some(HOUR)).timers_fired;
        }
        assert!(fired <= 1, "{fired}"); // none, if the first poll came after a millisecond
        assert!(!later.is_finished());
    });
}

#[test]
fn a_sleep_that_is_polled_again_keeps_its_turn_among_equal_deadlines() {
    paused(async {
        let trace = Rc::new(RefCell::new(Vec::new()));
        let wakers = Rc::new(RefCell::new(Vec::new()));
        let deadline = Instant::now() + HOUR;
        for name in ["a", "b"] {
            let (trace, wakers) = (trace.clone(), wakers.clone());
            drop(egret_runtime::spawn(async move {
                let mut sleep = pin!(sleep_until(deadline));
                std::future::poll_fn(|cx| {
                    wakers.borrow_mut().push(cx.waker().clone());
                    sleep.as_mut().poll(cx)
                })
                .await;
                trace.borrow_mut().push(name);
            }));
        }
        yield_now().await;
        let first = wakers.borrow()[0].clone();
        first.wake();
        yield_now().await;
        assert_eq!(wakers.borrow().len(), 3);
        sleep_until(deadline + Duration::from_nanos(1)).await;
        assert_eq!(*trace.borrow(), ["a", "b"]);
    });
}
