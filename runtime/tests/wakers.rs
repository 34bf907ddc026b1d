//! Wakers: what may be done with one, on which thread, and what that does to its task.
//!
//! Every waker here is used while its runtime is alive; those that outlive it are in `late_wakes.rs`.

#![allow(missing_docs)]

mod support;

use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use egret_runtime::task::{JoinHandle, yield_now};
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use support::wakers::Count;
use support::{Gate, Trace, bounded, counted, hold, many, this_waker, turn};

/// A parked task, its waker, and how often it was polled.
fn parked(rt: &Runtime) -> (JoinHandle<()>, Waker) {
    let (send, receive) = channel();
    let handle = rt.spawn(async move {
        send.send(this_waker().await).unwrap();
        pending().await
    });
    turn(rt);
    (handle, receive.recv().unwrap())
}

// W1
#[test]
fn the_future_of_an_aborted_task_dies_on_the_loops_thread_though_its_only_waker_dies_on_another() {
    let rt = Runtime::new().unwrap();
    let died_on = Trace::<ThreadId>::new();
    let (send, receive) = channel();
    let guard = support::OnDrop::new({
        let died_on = died_on.clone();
        move || died_on.push(thread::current().id())
    });
    let handle = rt.spawn(async move {
        send.send(this_waker().await).unwrap();
        hold(guard).await
    });
    turn(&rt);
    let waker: Waker = receive.recv().unwrap();
    handle.abort();
    assert_eq!(died_on.take(), [thread::current().id()]);
    thread::spawn(move || drop(waker)).join().unwrap();
    assert_eq!(died_on.take(), []);
}

// W1
#[test]
fn a_parked_future_outlives_its_last_waker_and_dies_with_the_runtime_on_the_loops_thread() {
    let rt = Runtime::new().unwrap();
    let died_on = Trace::<ThreadId>::new();
    let (send, receive) = channel();
    let guard = support::OnDrop::new({
        let died_on = died_on.clone();
        move || died_on.push(thread::current().id())
    });
    drop(rt.spawn(async move {
        send.send(this_waker().await).unwrap();
        hold(guard).await
    }));
    turn(&rt);
    let waker: Waker = receive.recv().unwrap();
    thread::spawn(move || drop(waker)).join().unwrap();
    assert_eq!(died_on.take(), []);
    drop(rt);
    assert_eq!(died_on.take(), [thread::current().id()]);
}

/// What may be done with a waker, and how many wakes that is.
type Use = (&'static str, fn(Waker), i64);

#[allow(clippy::waker_clone_wake)] // the clone is what is tested
const USES: [Use; 7] = [
    ("drop", drop, 0),
    ("clone, drop both", |waker| drop(waker.clone()), 0),
    ("wake", Waker::wake, 1),
    ("wake by ref, drop", |waker| waker.wake_by_ref(), 1),
    ("clone, wake the clone, drop", |waker| waker.clone().wake(), 1),
    (
        "clone, wake both",
        |waker| {
            waker.clone().wake();
            waker.wake();
        },
        2,
    ),
    (
        "wake by ref of two clones, wake",
        |waker| {
            waker.clone().wake_by_ref();
            waker.clone().wake_by_ref();
            waker.wake();
        },
        3,
    ),
];

// W5
#[test]
fn whatever_another_thread_does_with_a_waker_the_counters_are_exact() {
    for (name, action, wakes) in USES {
        let on_another_thread = |waker: Waker| thread::spawn(move || action(waker)).join().unwrap();
        let rt = Runtime::new().unwrap();
        let token = Rc::new(());

        let (handle, waker) = parked(&rt);
        let moved = counted(&rt, || {
            on_another_thread(waker.clone());
            turn(&rt);
        });
        let expected = match wakes {
            0 => vec![("turns", 1), ("epoll_waits", 1)],
            1 => vec![("turns", 1), ("polls", 1), ("remote_wakes", 1), ("epoll_waits", 1)],
            n => vec![
                ("turns", 1),
                ("polls", 1),
                ("remote_wakes", 1),
                ("coalesced_wakes", n - 1),
                ("epoll_waits", 1),
            ],
        };
        assert_eq!(moved, expected, "{name} of a parked task's");

        let moved = counted(&rt, || {
            let _inside = rt.enter();
            waker.wake_by_ref();
            on_another_thread(waker.clone());
            turn(&rt);
        });
        let mut expected = vec![("turns", 1), ("polls", 1), ("local_wakes", 1)];
        expected.extend((wakes != 0).then_some(("coalesced_wakes", wakes)));
        expected.push(("epoll_waits", 1));
        assert_eq!(moved, expected, "{name} of a queued task's");

        handle.abort();
        turn(&rt);
        let moved = counted(&rt, || {
            on_another_thread(waker);
            turn(&rt);
        });
        let mut expected = vec![("turns", 1)];
        expected.extend((wakes > 1).then_some(("coalesced_wakes", wakes - 1)));
        expected.extend((wakes > 0).then_some(("stale_generations", 1)));
        expected.push(("epoll_waits", 1));
        assert_eq!(moved, expected, "{name} of a finished task's");

        // No use of a waker counts as a reference to the task.
        let held = rt.spawn(hold(token.clone()));
        turn(&rt);
        assert_eq!(Rc::strong_count(&token), 2);
        held.abort();
        assert_eq!(Rc::strong_count(&token), 1);
    }
}

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
    let (reader, writer) = support::fds::pipe();
    let fd = AsyncFd::new(reader).unwrap();
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    let wakers = || Arc::strong_count(&count) - 2; // without ours and `count`

    {
        let mut wait = pin!(fd.read_with(support::fds::read));
        assert!(wait.as_mut().poll(cx).is_pending());
        assert!(wait.as_mut().poll(cx).is_pending());
        assert_eq!(wakers(), 1); // in its place, whether or not it is known to be the same
    }
    assert_eq!((wakers(), count.take()), (0, 0));

    assert!(fd.poll_read_with(cx, support::fds::read).is_pending());
    assert_eq!(wakers(), 1);
    support::fds::write(&writer, b"x");
    turn(&rt);
    assert_eq!((wakers(), count.take()), (0, 1));
    assert!(fd.poll_read_with(cx, support::fds::read).is_ready());

    assert!(fd.poll_read_with(cx, support::fds::read).is_pending());
    drop(fd);
    assert_eq!((wakers(), count.take()), (0, 1));

    let (reader, _writer) = support::fds::pipe();
    let fd = AsyncFd::new(reader).unwrap();
    assert!(fd.poll_read_with(cx, support::fds::read).is_pending());
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
        assert_eq!(support::message_of(&*panicked), "a JoinHandle was polled after it had given its output");
    }
    assert!(handle.is_finished());
    handle.abort();
    drop(handle);
    assert_eq!(turn(&rt), (0, 0, 0));
}

// F3, for tasks: a slot is reused, its old waker is not the new task's.
#[test]
fn a_waker_of_a_finished_task_does_not_poll_the_task_that_has_its_place() {
    let rt = Runtime::new().unwrap();
    let (first, stale) = parked(&rt);
    first.abort();
    turn(&rt);
    let (_second, live) = parked(&rt);
    assert!(!stale.will_wake(&live));
    let woken = |waker: &Waker| {
        let _inside = rt.enter();
        counted(&rt, || {
            waker.wake_by_ref();
            turn(&rt);
        })
    };
    assert_eq!(woken(&stale), [("turns", 1), ("stale_generations", 1), ("epoll_waits", 1)]);
    assert_eq!(woken(&live), [("turns", 1), ("polls", 1), ("local_wakes", 1), ("epoll_waits", 1)]);
}

// The generation of a task has 16 bits: the price of a waker that is a number, and what it amounts to.
#[test]
#[cfg_attr(miri, ignore = "65 536 tasks take minutes there")]
fn a_waker_that_is_65536_tasks_old_costs_the_task_in_its_place_one_poll() {
    let rt = Runtime::new().unwrap();
    let (first, old) = parked(&rt);
    first.abort();
    turn(&rt);
    for _ in 1..1 << 16 {
        drop(rt.spawn(async {}));
        turn(&rt);
    }
    let (unlike, _) = parked(&rt);
    let _inside = rt.enter();
    let moved = counted(&rt, || {
        old.wake_by_ref();
        turn(&rt);
    });
    assert_eq!(moved, [("turns", 1), ("polls", 1), ("local_wakes", 1), ("epoll_waits", 1)]);
    assert!(!unlike.is_finished());
}

#[test]
fn a_task_that_was_woken_any_number_of_times_is_polled_once() {
    let rt = Runtime::new().unwrap();
    let (_handle, waker) = parked(&rt);
    let times = many(10_000, 100);
    let _inside = rt.enter();
    let moved = counted(&rt, || {
        (0..times).for_each(|_| waker.wake_by_ref());
        turn(&rt);
    });
    let coalesced = times as i64 - 1;
    let once = [("turns", 1), ("polls", 1), ("local_wakes", 1)];
    assert_eq!(moved, [&once[..], &[("coalesced_wakes", coalesced), ("epoll_waits", 1)]].concat());
}

#[test]
fn a_wake_during_the_poll_is_not_lost() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let mut polls = 0;
        let handle = rt.spawn(poll_fn(move |cx| {
            polls += 1;
            if polls == 4 {
                return Poll::Ready(polls);
            }
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        let moved = counted(&rt, || assert_eq!(rt.block_on(handle).unwrap(), 4));
        // The root is polled to wait and to take the output, the task four times.
        let expected = [("turns", 5), ("polls", 6), ("local_wakes", 4), ("coalesced_wakes", 3)];
        assert_eq!(moved, [&expected[..], &[("tasks_alive", -1)]].concat());
    });
}
