//! Ending a server well: the token that its parts share. Letters and numbers are rows of the list of pitfalls that the
//! project keeps: D is about shutdown, R about user code that comes back, N about fairness.

#![allow(missing_docs)]

mod support;

use egret_runtime::runtime::{Builder, Runtime, UnhandledPanic};
use egret_runtime::shutdown::{Drained, Shutdown};
use egret_runtime::task::{JoinHandle, yield_now};
use egret_runtime::time::{self, Duration, Instant};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use support::wakers::{Call, Count, hooked};
use support::{Gate, OnDrop, Trace, bounded, counted, hold, turn};

const SECOND: Duration = Duration::from_secs(1);

/// Runs `test` on a paused clock.
fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    bounded(|| {
        Runtime::new().unwrap().block_on(async {
            time::pause();
            test().await;
        });
    });
}

/// Polls a future once with a waker.
fn poll_with<F: Future>(future: std::pin::Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

#[test]
fn a_request_wakes_everyone_who_waits_once_and_another_request_nobody() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let (shutdown, trace) = (Shutdown::new(), Trace::new());
    for number in 0..100 {
        let (shutdown, trace) = (shutdown.clone(), trace.clone());
        drop(rt.spawn(async move {
            shutdown.requested().await;
            shutdown.requested().await;
            trace.push(number);
        }));
    }
    while turn(&rt).2 > 0 {}
    assert!(!shutdown.is_requested());
    let cost = counted(&rt, || {
        shutdown.request();
        shutdown.request();
    });
    assert_eq!(cost, [("local_wakes", 100)]);
    drop(inside);
    while turn(&rt).2 > 0 {}
    assert_eq!(trace.take(), (0..100).collect::<Vec<_>>());
    assert!(shutdown.is_requested());
}

#[test]
fn a_request_that_was_there_first_is_seen_without_a_wait() {
    let shutdown = Shutdown::new();
    shutdown.request();
    assert!(poll_with(pin!(shutdown.requested()), Waker::noop()).is_ready());
    assert!(poll_with(pin!(shutdown.drained()), Waker::noop()).is_ready());
    let ran =
        poll_with(pin!(shutdown.run_until_requested(async { panic!("not to be polled") })), Waker::noop());
    assert!(matches!(ran, Poll::Ready(None)));
}

#[test]
fn what_the_future_has_by_the_time_of_the_request_is_not_lost() {
    let shutdown = Shutdown::new();
    let bytes = std::cell::Cell::new(None);
    let read = std::future::poll_fn(|_| bytes.take().map_or(Poll::Pending, Poll::Ready));
    let mut run = pin!(shutdown.run_until_requested(read));
    assert!(poll_with(run.as_mut(), Waker::noop()).is_pending());
    // Both in one turn.
    bytes.set(Some(5));
    shutdown.request();
    assert!(matches!(poll_with(run, Waker::noop()), Poll::Ready(Some(5))));
}

#[test]
fn a_wait_that_is_given_up_takes_nobody_elses_place() {
    let shutdown = Shutdown::new();
    let counts = [Count::new(), Count::new(), Count::new()];
    let [a, b, c] = counts.each_ref().map(|count| Waker::from(count.clone()));
    let mut kept = pin!(shutdown.requested());
    assert!(poll_with(kept.as_mut(), &a).is_pending());
    for _ in 0..1000 {
        assert!(poll_with(pin!(shutdown.requested()), &b).is_pending());
    }
    shutdown.request();
    // Woken, not polled yet, and given up beside one that has waited since.
    assert_eq!(counts.each_ref().map(|count| count.take()), [1, 0, 0]);
    assert!(poll_with(kept.as_mut(), &c).is_ready());

    let other = Shutdown::new();
    let _guard = other.guard();
    let mut first = Box::pin(other.drained());
    assert!(poll_with(first.as_mut(), &a).is_pending());
    other.request();
    drop(other.guard());
    let mut second = Box::pin(other.drained());
    assert!(poll_with(second.as_mut(), &b).is_pending());
    drop(first);
    drop(_guard);
    assert_eq!(counts.each_ref().map(|count| count.take()), [0, 1, 0]);
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let shutdown = Shutdown::new();
    let (old, new) = (Count::new(), Count::new());
    let mut wait = pin!(shutdown.requested());
    assert!(poll_with(wait.as_mut(), &old.clone().into()).is_pending());
    assert!(poll_with(wait.as_mut(), &new.clone().into()).is_pending());
    shutdown.request();
    assert_eq!((old.take(), new.take()), (0, 1));
}

// R3
#[test]
fn wakers_may_come_back_whenever_they_are_touched_and_no_wait_is_forgotten() {
    for at in [Call::Clone, Call::Wake, Call::Drop] {
        let shutdown = Shutdown::new();
        let (theirs, woken) = (shutdown.clone(), Rc::new(Cell::new(0)));
        let wakes = woken.clone();
        let waker = hooked(move |call| {
            if call == Call::Wake {
                wakes.set(wakes.get() + 1);
            }
            if call == at {
                drop(theirs.guard());
                theirs.request();
                let _ = poll_with(pin!(theirs.requested()), Waker::noop());
            }
        });
        let mut wait = pin!(shutdown.requested());
        let mut drained = pin!(shutdown.drained());
        // Whoever is told to wait is woken.
        let waits = [poll_with(wait.as_mut(), &waker), poll_with(drained.as_mut(), &waker)];
        let waits = waits.iter().filter(|poll| poll.is_pending()).count();
        shutdown.request();
        assert_eq!(woken.get(), waits, "{at:?}");
        assert_eq!((waits, shutdown.live()), (if at == Call::Clone { 0 } else { 2 }, 0), "{at:?}");
    }
}

// N7
#[test]
fn a_future_that_is_always_ready_does_not_hide_the_request() {
    bounded(|| {
        Runtime::new().unwrap().block_on(async {
            let shutdown = Shutdown::new();
            let theirs = shutdown.clone();
            let accepts = egret_runtime::spawn(async move {
                let mut accepted = 0;
                while theirs.run_until_requested(async {}).await.is_some() {
                    accepted += 1;
                    yield_now().await;
                }
                accepted
            });
            yield_now().await;
            yield_now().await;
            shutdown.request();
            assert_eq!(accepts.await.unwrap(), 2);
        });
    });
}

#[test]
fn a_request_by_the_future_itself_is_not_waited_for() {
    let shutdown = Shutdown::new();
    let itself = shutdown.clone();
    let mut run = pin!(shutdown.run_until_requested(async move {
        itself.request();
        pending::<()>().await
    }));
    assert!(matches!(poll_with(run.as_mut(), Waker::noop()), Poll::Ready(None)));
}

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
fn what_is_spawned_after_the_request_is_run_and_after_the_deadline_it_is_aborted() {
    paused(|| async {
        let shutdown = Shutdown::new();
        shutdown.request();
        assert_eq!(shutdown.spawn(async { 1 }).await.unwrap(), 1);
        shutdown.abort();
        let late = shutdown.spawn(async { 2 });
        assert_eq!((late.is_finished(), shutdown.live()), (true, 0));
        assert!(late.await.unwrap_err().is_cancelled());
    });
}

// R2
#[test]
fn destructors_at_the_deadline_may_spawn_and_abort_and_ask() {
    paused(|| async {
        let (shutdown, trace) = (Shutdown::new(), Trace::new());
        let other = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let (theirs, late, ends) = (shutdown.clone(), trace.clone(), other.clone());
        drop(shutdown.spawn(hold(OnDrop::new(move || {
            let second = late.on_drop("spawned by the first");
            drop(theirs.spawn(hold(second)));
            ends.take().inspect(JoinHandle::abort);
            theirs.abort();
            theirs.request();
            late.push("first");
        }))));
        *other.borrow_mut() = Some(shutdown.spawn(hold(trace.on_drop("second"))));
        drop(shutdown.spawn(hold(trace.on_drop("third"))));
        yield_now().await;
        assert_eq!(shutdown.drain(SECOND).await, Drained::Aborted(3));
        assert_eq!(trace.take(), ["spawned by the first", "second", "third", "first"]);
        assert_eq!(shutdown.live(), 0);
    });
}

#[test]
fn a_task_that_aborts_everything_itself_included_ends_with_its_poll() {
    bounded(|| {
        Runtime::new().unwrap().block_on(async {
            let (shutdown, trace) = (Shutdown::new(), Trace::new());
            let (theirs, held, after) = (shutdown.clone(), trace.on_drop("itself"), trace.clone());
            let task = shutdown.spawn(async move {
                let _held = held;
                theirs.abort();
                after.push("after the abort");
                pending::<()>().await
            });
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!((trace.take(), shutdown.live()), (vec!["after the abort", "itself"], 0));
        });
    });
}

#[test]
fn a_connection_that_panics_is_gone_like_any_other() {
    let rt = Builder::new().unhandled_panic(UnhandledPanic::Ignore).build().unwrap();
    let inside = rt.enter();
    let shutdown = Shutdown::new();
    drop(shutdown.spawn(async { panic!("a connection") }));
    drop(shutdown.spawn(hold(OnDrop::new(|| panic!("in drop")))));
    assert_eq!((turn(&rt).2, shutdown.live()), (2, 1));
    shutdown.abort();
    assert_eq!(shutdown.live(), 0);
    assert!(poll_with(pin!(shutdown.drained()), Waker::noop()).is_ready());
    drop(inside);
}

// D2
#[test]
fn it_outlives_its_runtime_and_so_may_its_guards() {
    let shutdown = Shutdown::new();
    let (handle, trace) = {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        let trace = Trace::new();
        let handle = shutdown.spawn(hold(trace.on_drop("task")));
        let theirs = shutdown.clone();
        drop(rt.spawn(async move { theirs.drained().await }));
        turn(&rt);
        (handle, trace)
    };
    assert_eq!((trace.take(), shutdown.live()), (vec!["task"], 0));
    let guard = shutdown.guard();
    shutdown.abort();
    let count = Count::new();
    let mut drained = pin!(shutdown.drained());
    assert!(poll_with(drained.as_mut(), &count.clone().into()).is_pending());
    drop(guard);
    assert_eq!(count.take(), 1);
    assert!(poll_with(drained.as_mut(), Waker::noop()).is_ready());
    drop(handle);
}

// D3
#[test]
fn a_task_that_is_spawned_while_the_runtime_is_dropped_is_dropped_and_does_not_count() {
    let rt = Runtime::new().unwrap();
    let (shutdown, trace) = (Shutdown::new(), Trace::new());
    let (theirs, late) = (shutdown.clone(), trace.clone());
    drop(rt.spawn(hold(OnDrop::new(move || drop(theirs.spawn(hold(late.on_drop("dropped"))))))));
    turn(&rt);
    drop(rt);
    assert_eq!((trace.take(), shutdown.live()), (vec!["dropped"], 0));
}

#[test]
fn ten_thousand_connections_end_with_one_wake_of_the_one_who_drains() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let (shutdown, gate) = (Shutdown::new(), Gate::default());
    let tasks = support::many(10_000, 100);
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
