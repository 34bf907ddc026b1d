//! The request, and its waiters.

use crate::support::wakers::{Call, Count, hooked};
use crate::support::{Trace, bounded, counted, poll_with, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::shutdown::Shutdown;
use egret_runtime::task::yield_now;
use std::cell::Cell;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

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
    // Woken, not polled yet, and dropped while another waits.
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
        // Each future that returned `Pending` is woken.
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
