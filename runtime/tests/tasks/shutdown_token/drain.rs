//! The wait for the last guard, with a deadline and without.

use super::clock::*;
use crate::support::{Gate, Trace, counted, hold, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::shutdown::{Drained, Shutdown};
use egret_runtime::task::yield_now;
use egret_runtime::time::{self, Duration, Instant};
use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

#[test]
fn it_is_drained_when_it_is_requested_and_the_last_guard_is_gone() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let shutdown = Shutdown::new();
    let waits = rt.spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.drained().await }
    });
    assert_eq!(turn(&rt), (0, 0, 1));
    let guards = [shutdown.guard(), shutdown.guard()];
    drop(shutdown.guard());
    assert_eq!((shutdown.live(), turn(&rt)), (2, (0, 0, 0)));
    shutdown.request();
    assert_eq!(turn(&rt), (0, 0, 0));
    let [first, last] = guards;
    drop(first);
    assert_eq!(turn(&rt), (0, 0, 0));
    drop(last);
    // Another one before it has looked: it waits on.
    let late = shutdown.guard();
    assert_eq!((turn(&rt).2, waits.is_finished()), (1, false));
    drop(late);
    assert_eq!((turn(&rt).2, waits.is_finished()), (1, true));
    drop(inside);
}

#[test]
fn connections_that_end_in_time_are_drained_cleanly_and_no_later_than_the_last() {
    paused(|| async {
        let shutdown = Shutdown::new();
        for seconds in [1, 5, 3] {
            drop(shutdown.spawn(time::sleep(seconds * SECOND)));
        }
        let start = Instant::now();
        assert_eq!(shutdown.drain(10 * SECOND).await, Drained::Clean);
        assert_eq!((start.elapsed(), shutdown.live()), (5 * SECOND, 0));
        // Nothing is left to wait for.
        assert_eq!(shutdown.drain(10 * SECOND).await, Drained::Clean);
        assert_eq!(start.elapsed(), 5 * SECOND);
    });
}

#[test]
fn connections_that_do_not_end_are_aborted_at_the_deadline_and_have_let_go_when_it_returns() {
    paused(|| async {
        let (shutdown, trace) = (Shutdown::new(), Trace::new());
        let held = shutdown.spawn(hold(trace.on_drop("first")));
        drop(shutdown.spawn(hold(trace.on_drop("second"))));
        drop(shutdown.spawn(time::sleep(SECOND)));
        let start = Instant::now();
        assert_eq!(shutdown.drain(2 * SECOND).await, Drained::Aborted(2));
        assert_eq!((start.elapsed(), shutdown.live()), (2 * SECOND, 0));
        assert_eq!(trace.take(), ["first", "second"]);
        assert!(held.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_deadline_in_the_moment_in_which_the_last_one_ends_is_in_time() {
    paused(|| async {
        let shutdown = Shutdown::new();
        drop(shutdown.spawn(time::sleep(2 * SECOND)));
        yield_now().await; // so that its timer is the first of the two
        assert_eq!(shutdown.drain(2 * SECOND).await, Drained::Clean);
        assert_eq!(shutdown.drain(Duration::ZERO).await, Drained::Clean);
        let _guard = shutdown.guard();
        assert_eq!(shutdown.drain(Duration::ZERO).await, Drained::Aborted(1));
    });
}

#[test]
fn guards_are_waited_for_and_not_aborted() {
    paused(|| async {
        let shutdown = Shutdown::new();
        let guard = shutdown.guard();
        assert_eq!(shutdown.drain(SECOND).await, Drained::Aborted(1));
        assert_eq!(shutdown.live(), 1);
        drop(guard);
        assert_eq!(shutdown.drain(SECOND).await, Drained::Clean);
    });
}

#[test]
fn of_two_who_drain_the_earlier_deadline_aborts_and_both_hear_of_the_end() {
    paused(|| async {
        let shutdown = Shutdown::new();
        drop(shutdown.spawn(pending::<()>()));
        let patient = egret_runtime::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.drain(5 * SECOND).await }
        });
        let start = Instant::now();
        assert_eq!(shutdown.drain(SECOND).await, Drained::Aborted(1));
        assert_eq!((patient.await.unwrap(), start.elapsed()), (Drained::Clean, SECOND));
    });
}

#[test]
fn a_drain_that_is_given_up_aborts_nobody() {
    paused(|| async {
        let (shutdown, trace) = (Shutdown::new(), Trace::new());
        drop(shutdown.spawn(hold(trace.on_drop("aborted"))));
        assert!(time::timeout(SECOND, shutdown.drain(2 * SECOND)).await.is_err());
        time::advance(10 * SECOND).await;
        assert!(shutdown.is_requested());
        assert_eq!((trace.take(), shutdown.live()), (vec![], 1));
        shutdown.abort();
        assert_eq!((trace.take(), shutdown.live()), (vec!["aborted"], 0));
    });
}

#[test]
fn ten_thousand_connections_end_with_one_wake_of_the_one_who_drains() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let (shutdown, gate) = (Shutdown::new(), Gate::default());
    let tasks = crate::support::many(10_000, 100);
    for _ in 0..tasks {
        drop(shutdown.spawn(gate.clone().wait()));
    }
    let drained = Rc::new(Cell::new(false));
    let (theirs, done) = (shutdown.clone(), drained.clone());
    drop(rt.spawn(async move {
        assert_eq!(theirs.drain(Duration::MAX).await, Drained::Clean);
        done.set(true);
    }));
    while turn(&rt).2 > 0 {}
    gate.open();
    drop(inside);
    let cost = counted(&rt, || while turn(&rt).2 > 0 {});
    assert!(drained.get());
    let polls = cost.iter().find(|(name, _)| *name == "polls");
    assert_eq!(polls, Some(&("polls", tasks as i64 + 1)));
}
