//! The exact bounds on fairness: polls between two waits, the longest delay of a ready
//! descriptor and of a remote wake, and the operations of a task in one poll.

#![allow(missing_docs)]

use crate::support::fds::{eventfd, pipe, read, write};
use crate::support::{Trace, bounded, counted, this_waker, turn};
use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::{unconstrained, yield_now};
use std::cell::Cell;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;

/// Polls between two looks at the kernel, by the documentation.
const POLLS: u64 = 64;
/// Operations in one poll, by the documentation.
const BUDGET: usize = 128;

#[test]
#[cfg_attr(miri, ignore = "thousands of polls")]
fn the_loop_looks_at_the_kernel_after_every_64_polls_exactly_however_many_tasks_are_ready() {
    bounded(|| {
        for tasks in [0, 1, 2, 62, 63, 64, 200] {
            // The runtime is counted from inside, by a task that holds it no longer than the test does.
            let rt = Rc::new(Runtime::new().unwrap());
            let waits = Trace::<u64>::new();
            let one = || {
                let (rt, waits) = (Rc::downgrade(&rt), waits.clone());
                move || waits.push(rt.upgrade().unwrap().metrics().epoll_waits)
            };
            for _ in 0..tasks {
                let poll = one();
                drop(rt.spawn(async move {
                    loop {
                        poll();
                        yield_now().await;
                    }
                }));
            }
            let poll = one();
            rt.block_on(async {
                for _ in 0..1_000 / (tasks + 1) + 1 {
                    poll();
                    yield_now().await;
                }
            });
            let polls = waits.take();
            let whole = polls.len() as u64 / POLLS * POLLS;
            assert!(whole >= 10 * POLLS);
            let expected: Vec<_> = (0..whole).map(|poll| poll / POLLS).collect();
            assert_eq!(polls[..whole as usize], expected, "{tasks}");
        }
    });
}

/// How many polls of 201 tasks that are always ready come before `sleeper` is done, which `wake` is called for in
/// the poll number `cause` of theirs.
fn polls_before_it_is_served(
    cause: u64,
    sleeper: impl Future<Output = ()> + 'static,
    wake: impl FnOnce() + 'static,
) -> u64 {
    let rt = Runtime::new().unwrap();
    let polls = Rc::new(Cell::new(0));
    let served = Rc::new(Cell::new(None));
    drop(rt.spawn({
        let (polls, served) = (polls.clone(), served.clone());
        async move {
            sleeper.await;
            served.set(Some(polls.get()));
        }
    }));
    turn(&rt); // It parks,
    assert_eq!(turn(&rt), (0, 0, 0)); // and the loop has just looked at the kernel.
    let wake = Rc::new(Cell::new(Some(wake)));
    let busy = || {
        let (polls, served, wake) = (polls.clone(), served.clone(), wake.clone());
        async move {
            while served.get().is_none() {
                polls.set(polls.get() + 1);
                if polls.get() == cause {
                    wake.take().expect("called once")();
                }
                yield_now().await;
            }
        }
    };
    for _ in 0..200 {
        drop(rt.spawn(busy()));
    }
    rt.block_on(busy());
    served.get().unwrap()
}

/// A task that becomes ready in that poll is seen by the next wait, and is then queued behind the 201.
fn bound(cause: u64) -> u64 {
    cause.div_ceil(POLLS) * POLLS + 201
}

/// The first poll after a look at the kernel, the last, and some between.
const CAUSES: [u64; 6] = [641, 642, 700, 703, 704, 705];

// N4
#[test]
#[cfg_attr(miri, ignore = "thousands of polls")]
fn a_descriptor_that_becomes_ready_is_served_within_64_polls_and_its_turn_in_the_queue() {
    bounded(|| {
        for cause in CAUSES {
            let (reader, writer) = pipe();
            let sleeper = async move {
                let fd = AsyncFd::new(reader).unwrap();
                assert_eq!(fd.read_with(read).await.unwrap(), b"x");
            };
            let polls = polls_before_it_is_served(cause, sleeper, move || write(&writer, b"x"));
            assert_eq!(polls, bound(cause), "{cause}");
        }
    });
}

// N4
#[test]
#[cfg_attr(miri, ignore = "thousands of polls")]
fn a_task_that_another_thread_wakes_is_served_within_64_polls_and_its_turn_in_the_queue() {
    bounded(|| {
        for cause in CAUSES {
            let (send, receive) = channel();
            let sleeper = async move {
                send.send(this_waker().await).unwrap();
                let mut polls = 0;
                poll_fn(|_| {
                    polls += 1;
                    if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            };
            let wake = move || {
                let waker = receive.recv().unwrap();
                thread::spawn(move || waker.wake()).join().unwrap();
            };
            assert_eq!(polls_before_it_is_served(cause, sleeper, wake), bound(cause), "{cause}");
        }
    });
}

/// Always ready, as a counter that never runs out.
fn always_ready() -> AsyncFd<File> {
    AsyncFd::new(eventfd(0, false)).unwrap()
}

/// A task that completes `operations` without ever waiting, and notes when it is polled and when it is done.
async fn eager(trace: Trace<(&'static str, usize)>, name: &'static str, operations: usize) {
    let fd = always_ready();
    let done = Cell::new(0);
    let work = async {
        while done.get() < operations {
            fd.write_with(|_| Ok(())).await.unwrap();
            done.set(done.get() + 1);
        }
    };
    let mut work = pin!(work);
    poll_fn(|cx| {
        let before = done.get();
        let polled = work.as_mut().poll(cx);
        trace.push((name, done.get() - before));
        polled
    })
    .await;
}

// N6
#[test]
fn a_task_completes_128_operations_in_a_poll_and_lets_the_others_run() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    drop(rt.spawn(eager(trace.clone(), "a", 300)));
    drop(rt.spawn(eager(trace.clone(), "b", 256)));
    for _ in 0..4 {
        turn(&rt);
    }
    // Each has its own, and it is full again in each poll. After exactly 256 there is nothing to wait for.
    let expected = [("a", BUDGET), ("b", BUDGET), ("a", BUDGET), ("b", BUDGET), ("a", 44)];
    assert_eq!(trace.take(), expected);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

#[test]
fn the_future_of_block_on_has_a_budget_too_and_one_wake_for_each_time_it_is_used_up() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let trace = Trace::new();
        let moved = counted(&rt, || rt.block_on(eager(trace.clone(), "root", 1000)));
        assert_eq!(trace.take(), [vec![("root", BUDGET); 7], vec![("root", 1000 - 7 * BUDGET)]].concat());
        let expected = [("turns", 8), ("polls", 8), ("local_wakes", 7), ("epoll_ctls", 2)];
        assert_eq!(moved, expected);
    });
}

// A3
#[test]
fn errors_are_charged_so_that_a_loop_that_only_fails_lets_the_others_run() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let fd = always_ready();
    let (failed, seen) = (Rc::new(Cell::new(0)), Trace::new());
    drop(rt.spawn({
        let failed = failed.clone();
        async move {
            for _ in 0..300 {
                let refused =
                    fd.read_with(|_| io::Result::<()>::Err(io::ErrorKind::InvalidInput.into())).await;
                assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
                failed.set(failed.get() + 1);
            }
        }
    }));
    drop(rt.spawn({
        let (failed, seen) = (failed.clone(), seen.clone());
        async move {
            while failed.get() < 300 {
                seen.push(failed.get());
                yield_now().await;
            }
        }
    }));
    for _ in 0..3 {
        turn(&rt);
    }
    assert_eq!(seen.take(), [BUDGET, 2 * BUDGET]);
}

#[test]
fn what_would_block_and_what_is_tried_once_are_not_charged() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let fd = always_ready();
            let (reader, writer) = pipe();
            let idle = AsyncFd::new(reader).unwrap();
            poll_fn(|cx| {
                for _ in 0..3 * BUDGET {
                    fd.try_io(Interest::WRITABLE, |_| Ok(())).unwrap();
                    // Ready, tried, and not ready.
                    assert!(idle.poll_read_with(cx, read).is_pending());
                }
                write(&writer, b"x");
                for _ in 0..BUDGET {
                    assert!(fd.poll_write_with(cx, |_| Ok(())).is_ready());
                }
                assert!(fd.poll_write_with(cx, |_| Ok(())).is_pending());
                // Waiting for readiness is an operation like any other.
                assert!(fd.poll_write_ready(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        });
    });
}

// One that would block gives its charge back, whether it is the first or the last of the budget.
#[test]
fn an_operation_that_blocks_with_the_last_of_the_budget_still_waits_for_its_event() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (fd, (reader, writer)) = (always_ready(), pipe());
    let idle = AsyncFd::new(reader).unwrap();
    let (polls, log) = (Cell::new(0), Trace::new());
    let seen = log.clone();
    drop(rt.spawn(poll_fn(move |cx| {
        polls.set(polls.get() + 1);
        for _ in 0..BUDGET - 1 {
            assert!(fd.poll_write_with(cx, |_| Ok(())).is_ready());
        }
        log.push(polls.get());
        idle.poll_read_with(cx, read).map(drop)
    })));
    assert_eq!(turn(&rt).2, 1);
    assert_eq!(turn(&rt).2, 0);
    write(&writer, b"x");
    assert_eq!(turn(&rt).2, 1);
    assert_eq!((seen.take(), rt.metrics().tasks_alive), (vec![1, 2], 0));
}

#[test]
fn an_unconstrained_future_has_no_budget_and_leaves_that_of_its_task_alone() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let trace = Trace::new();
            unconstrained(eager(trace.clone(), "unconstrained", 1000)).await;
            assert_eq!(trace.take(), [("unconstrained", 1000)]);
            let fd = always_ready();
            poll_fn(|cx| {
                for _ in 0..BUDGET / 2 {
                    assert!(fd.poll_write_with(cx, |_| Ok(())).is_ready());
                }
                let free = pin!(unconstrained(eager(trace.clone(), "free", 1000)));
                assert!(free.poll(cx).is_ready());
                for _ in 0..BUDGET / 2 {
                    assert!(fd.poll_write_with(cx, |_| Ok(())).is_ready());
                }
                assert!(fd.poll_write_with(cx, |_| Ok(())).is_pending());
                Poll::Ready(())
            })
            .await;
        });
    });
}

#[test]
fn outside_of_the_loop_there_is_nobody_to_let_run_and_no_budget() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let cx = &mut Context::from_waker(Waker::noop());
    let fd = always_ready();
    let by_hand = |cx: &mut Context<'_>| (0..1000).all(|_| fd.poll_write_with(cx, |_| Ok(())).is_ready());
    assert!(by_hand(cx));
    // Nor is one left over from a task that has used up its own.
    let trace = Trace::new();
    drop(rt.spawn(eager(trace.clone(), "task", 200)));
    turn(&rt);
    assert_eq!(trace.take(), [("task", BUDGET)]);
    assert!(by_hand(cx));
}
