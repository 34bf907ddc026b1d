//! What holds a waker, and when it is dropped.

use super::parked::*;
use crate::support::wakers::Count;
use crate::support::{Gate, Trace, this_waker, turn};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use egret_runtime::task::{JoinHandle, yield_now};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

// W8
#[test]
fn a_task_has_one_waker_whenever_it_asks_and_no_other_task_has_it() {
    let rt = Runtime::new().unwrap();
    let wakers = Trace::<Waker>::new();
    for _ in 0..2 {
        let wakers = wakers.clone();
        drop(rt.spawn(async move {
            for _ in 0..3 {
                wakers.push(this_waker().await);
                yield_now().await;
            }
            pending::<()>().await
        }));
    }
    for _ in 0..4 {
        turn(&rt);
    }
    let wakers = wakers.take(); // of a, b, a, b, a, b
    assert_eq!(wakers.len(), 6);
    for (i, one) in wakers.iter().enumerate() {
        for (j, other) in wakers.iter().enumerate() {
            assert_eq!(one.will_wake(other), i % 2 == j % 2, "{i} {j}");
            assert_eq!(one.clone().will_wake(other), i % 2 == j % 2, "{i} {j}");
        }
    }
}

// W8
#[test]
fn a_handle_that_is_polled_by_another_task_wakes_the_other() {
    let rt = Runtime::new().unwrap();
    let gate = Gate::default();
    let mut handle = rt.spawn(gate.clone().wait());
    let (first, second) = (Count::new(), Count::new());
    turn(&rt);
    for count in [&first, &second] {
        let waker = Waker::from(count.clone());
        assert!(Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    gate.open();
    turn(&rt);
    assert_eq!((first.take(), second.take()), (0, 1));
}

// W10
#[test]
fn a_waker_that_waits_in_a_handle_is_dropped_with_the_handle_and_with_the_task() {
    let rt = Runtime::new().unwrap();
    let waits_in = |handle: &mut JoinHandle<()>| {
        let count = Count::new();
        let waker = Waker::from(count.clone());
        assert!(Pin::new(handle).poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&count), 2);
        count
    };

    let (mut handle, _) = parked(&rt);
    let count = waits_in(&mut handle);
    drop(handle);
    assert_eq!((Arc::strong_count(&count), count.take()), (1, 0));

    let (mut handle, _) = parked(&rt);
    let count = waits_in(&mut handle);
    handle.abort();
    assert_eq!((Arc::strong_count(&count), count.take()), (1, 1));

    let (mut handle, _) = parked(&rt);
    let first = waits_in(&mut handle);
    let second = waits_in(&mut handle);
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));

    drop(rt);
    assert_eq!((Arc::strong_count(&second), second.take()), (1, 1));
}

// W10
#[test]
fn a_waker_that_waits_for_a_descriptor_is_dropped_with_the_wait_the_event_the_descriptor_and_the_runtime() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let (reader, writer) = crate::support::fds::pipe();
    let fd = AsyncFd::new(reader).unwrap();
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    let wakers = || Arc::strong_count(&count) - 2; // without ours and `count`

    {
        let mut wait = pin!(fd.read_with(crate::support::fds::read));
        assert!(wait.as_mut().poll(cx).is_pending());
        assert!(wait.as_mut().poll(cx).is_pending());
        assert_eq!(wakers(), 1); // in its place, whether or not it is known to be the same
    }
    assert_eq!((wakers(), count.take()), (0, 0));

    assert!(fd.poll_read_with(cx, crate::support::fds::read).is_pending());
    assert_eq!(wakers(), 1);
    crate::support::fds::write(&writer, b"x");
    turn(&rt);
    assert_eq!((wakers(), count.take()), (0, 1));
    assert!(fd.poll_read_with(cx, crate::support::fds::read).is_ready());

    assert!(fd.poll_read_with(cx, crate::support::fds::read).is_pending());
    drop(fd);
    assert_eq!((wakers(), count.take()), (0, 1));

    let (reader, _writer) = crate::support::fds::pipe();
    let fd = AsyncFd::new(reader).unwrap();
    assert!(fd.poll_read_with(cx, crate::support::fds::read).is_pending());
    assert_eq!(wakers(), 1);
    drop(inside);
    drop(rt);
    assert_eq!((wakers(), count.take()), (0, 1));
}

// W13
#[test]
fn a_handle_that_is_polled_after_it_was_ready_panics_and_says_so() {
    let rt = Runtime::new().unwrap();
    let mut handle = rt.spawn(async { 5 });
    turn(&rt);
    let mut poll = || Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Ok(5)) = poll() else { panic!("the task is done") };
    for _ in 0..2 {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut poll)).unwrap_err();
        assert_eq!(
            crate::support::message_of(&*panicked),
            "a JoinHandle was polled after it had given its output"
        );
    }
    assert!(handle.is_finished());
    handle.abort();
    drop(handle);
    assert_eq!(turn(&rt), (0, 0, 0));
}
