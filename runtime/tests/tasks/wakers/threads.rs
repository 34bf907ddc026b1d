//! Wakers on other threads: where the future is dropped, and the counters.

use super::parked::*;
use crate::support::{OnDrop, Trace, counted, hold, this_waker, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::JoinHandle;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::Waker;
use std::thread::{self, ThreadId};

/// A task that waits, the threads on which its future is dropped, and its only waker.
fn tells_where_it_dies(rt: &Runtime) -> (Trace<ThreadId>, JoinHandle<()>, Waker) {
    let died_on = Trace::new();
    let guard = OnDrop::new({
        let died_on = died_on.clone();
        move || died_on.push(thread::current().id())
    });
    let (send, receive) = channel();
    let handle = rt.spawn(async move {
        send.send(this_waker().await).unwrap();
        hold(guard).await
    });
    turn(rt);
    (died_on, handle, receive.recv().unwrap())
}

// W1
#[test]
fn the_future_of_an_aborted_task_dies_on_the_loops_thread_though_its_only_waker_dies_on_another() {
    let rt = Runtime::new().unwrap();
    let (died_on, handle, waker) = tells_where_it_dies(&rt);
    handle.abort();
    assert_eq!(died_on.take(), [thread::current().id()]);
    thread::spawn(move || drop(waker)).join().unwrap();
    assert_eq!(died_on.take(), []);
}

// W1
#[test]
fn a_parked_future_outlives_its_last_waker_and_dies_with_the_runtime_on_the_loops_thread() {
    let rt = Runtime::new().unwrap();
    let (died_on, handle, waker) = tells_where_it_dies(&rt);
    drop(handle);
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
