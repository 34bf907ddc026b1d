//! The clock while it is paused, advanced and resumed.

use super::clock::*;
use egret_runtime::runtime::Runtime;
use egret_runtime::task::yield_now;
use egret_runtime::time::{Duration, Instant, advance, pause, resume, set_auto_advance, sleep};
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::thread;

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
fn a_paused_clock_does_not_jump_past_a_wake_that_another_thread_has_left() {
    paused(async {
        let start = Instant::now();
        drop(egret_runtime::spawn(sleep(HOUR)));
        yield_now().await; // its timer is set
        let mut is_woken = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut is_woken, true) {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake()).join().unwrap();
            Poll::Pending
        })
        .await;
        assert_eq!(start.elapsed(), Duration::ZERO);
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
fn each_step_of_an_advance_costs_a_few_polls_and_not_a_search() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        pause();
        for hours in 1..=10 {
            drop(egret_runtime::spawn(sleep(hours * HOUR)));
        }
        yield_now().await;
    });
    let before = rt.metrics().polls;
    rt.block_on(advance(10 * HOUR));
    // One of each task, and after each step one of the future that advances, twice where its task is queued behind it.
    let polls = rt.metrics().polls - before;
    assert!((20..=42).contains(&polls), "{polls}");
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
fn a_paused_clock_does_not_jump_in_a_turn_that_has_events() {
    let rt = Runtime::new().unwrap();
    let start = rt.block_on(async {
        pause();
        Instant::now()
    });
    drop(rt.spawn(async { sleep(HOUR).await })); // the deadline is on the clock that is paused
    assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 1);
    let (ours, mut theirs) = crate::support::fds::pipe();
    let _inside = rt.enter();
    let _ours = egret_runtime::io::AsyncFd::new(ours).unwrap();
    std::io::Write::write_all(&mut theirs, b"x").unwrap();
    let turn = rt.turn(None);
    assert_eq!((turn.events, turn.timers_fired, start.elapsed()), (1, 0, Duration::ZERO));
    let turn = rt.turn(None);
    assert_eq!((turn.events, turn.timers_fired, start.elapsed()), (0, 1, HOUR));
}
