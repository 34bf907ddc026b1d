//! Stale wakers and reused slots; wakes before and during the poll.

use super::parked::*;
use crate::support::{bounded, counted, many, turn};
use egret_runtime::runtime::Runtime;
use std::future::poll_fn;
use std::task::{Poll, Waker};

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
