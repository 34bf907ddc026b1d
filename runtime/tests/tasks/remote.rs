//! Wakes from other threads: none is lost, and the eventfd is written at most once for each sleep of the loop.
//!
//! `mailbox_loom.rs` model-checks the protocol; here it runs against the real `epoll_wait`. There is no
//! timer that would hide a lost wake: it is a hang, which `bounded` reports.

#![allow(missing_docs)]

use crate::support::next_turn::next_turn;
use crate::support::sleeper::Sleeper;
use crate::support::{LONG, bounded, changes, counted, many, this_waker, turn};
use egret_runtime::runtime::{Runtime, Turn};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

/// Delays of random length, the same in every run.
struct Phase(u32);

impl Phase {
    fn delay(&mut self) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        for _ in 0..self.0 % many(512, 8) as u32 {
            std::hint::spin_loop();
        }
    }
}

// L16, H1
#[test]
fn no_wake_is_lost_at_whatever_moment_of_the_loops_turn_it_comes() {
    bounded(|| {
        let rounds = many(20_000, 30);
        let rt = Runtime::new().unwrap();
        rt.block_on(async move {
            let waker = this_waker().await;
            // Relaxed on both sides: it is the wake that has to publish it.
            let asked = Arc::new(AtomicUsize::new(0));
            let (answer, answers) = channel();
            let thread = thread::spawn({
                let asked = asked.clone();
                move || {
                    let mut phase = Phase(0x9e37_79b9);
                    for round in 1..=rounds {
                        phase.delay();
                        asked.store(round, Ordering::Relaxed);
                        waker.wake_by_ref();
                        assert_eq!(answers.recv(), Ok(round));
                    }
                }
            });
            let mut seen = 0;
            poll_fn(|_| {
                let round = asked.load(Ordering::Relaxed);
                if round != seen {
                    assert_eq!(round, seen + 1);
                    seen = round;
                    answer.send(round).unwrap();
                }
                if round == rounds { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            thread.join().unwrap();
        });
        let metrics = rt.metrics();
        assert!(metrics.polls <= rounds as u64 + 1, "{metrics:?}");
        assert!(metrics.eventfd_writes <= metrics.epoll_waits, "{metrics:?}");
        assert_eq!(metrics.stale_generations, 0);
    });
}

// H8
#[test]
fn items_of_four_threads_for_a_loop_that_sleeps_between_them_all_arrive_in_the_order_of_each_thread() {
    bounded(|| {
        let each = many(5_000, 20);
        let rt = Runtime::new().unwrap();
        let items = Arc::new(Mutex::new(VecDeque::new()));
        let next = rt.block_on(async {
            let waker = this_waker().await;
            let producers = (0..4usize).map(|producer| {
                let (items, waker) = (items.clone(), waker.clone());
                thread::spawn(move || {
                    let mut phase = Phase(1 + producer as u32);
                    for item in 0..each {
                        phase.delay();
                        items.lock().unwrap().push_back((producer, item));
                        waker.wake_by_ref();
                    }
                })
            });
            let producers: Vec<_> = producers.collect();
            let mut next = [0; 4];
            poll_fn(|_| {
                while let Some((producer, item)) = items.lock().unwrap().pop_front() {
                    assert_eq!(item, next[producer]);
                    next[producer] += 1;
                }
                if next.iter().all(|next| *next == each) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            producers.into_iter().for_each(|producer| producer.join().unwrap());
            next
        });
        assert_eq!(next, [each; 4]);
        turn(&rt); // collects what was posted last
        let metrics = rt.metrics();
        assert!(metrics.eventfd_writes <= metrics.epoll_waits, "{metrics:?}");
        // The last wakes may have come after the end of `block_on`, when they were stale.
        let wakes = metrics.remote_wakes + metrics.coalesced_wakes + metrics.stale_generations;
        assert_eq!(wakes, 4 * each as u64, "{metrics:?}");
    });
}

#[test]
fn two_loops_on_two_threads_wake_each_other_any_number_of_times() {
    bounded(|| {
        let rounds = many(5_000, 10);
        // Whose turn it is: even numbers the first's.
        let ball = Arc::new(AtomicUsize::new(0));
        let play = |me: usize, to: std::sync::mpsc::Sender<Waker>, from: std::sync::mpsc::Receiver<Waker>| {
            let ball = ball.clone();
            move || {
                egret_runtime::block_on(async {
                    to.send(this_waker().await).unwrap();
                    let other = from.recv().unwrap();
                    poll_fn(|_| {
                        let now = ball.load(Ordering::Relaxed);
                        if now % 2 == me && now < rounds {
                            ball.store(now + 1, Ordering::Relaxed);
                            other.wake_by_ref();
                        }
                        if now + 1 >= rounds { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await
                });
            }
        };
        let ((to_b, from_a), (to_a, from_b)) = (channel(), channel());
        let a = thread::spawn(play(0, to_b, from_b));
        let b = thread::spawn(play(1, to_a, from_a));
        a.join().unwrap();
        b.join().unwrap();
        assert_eq!(ball.load(Ordering::Relaxed), rounds);
    });
}

/// A loop that is asleep on a thread of its own, with one parked task whose polls are counted. It goes to sleep
/// once, `wake` is called with the waker of the task, and both are over when it returns. Says what the
/// loop did from before its sleep. Begins again when a stop of the process has ended the sleep.
fn woken_from_sleep(wake: impl Fn(Waker)) -> (Turn, Vec<(&'static str, i64)>) {
    (0..100).find_map(|_| woken_from_one_sleep(&wake)).expect("one sleep of 100 is not interrupted")
}

fn woken_from_one_sleep(wake: impl Fn(Waker)) -> Option<(Turn, Vec<(&'static str, i64)>)> {
    let (send, receive) = channel();
    let (wakes_are_over, over) = channel::<()>();
    let sleeper = thread::spawn(move || {
        let rt = Runtime::new().unwrap();
        drop(rt.spawn(async move {
            send.send((this_waker().await, Sleeper::this_thread())).unwrap();
            pending::<()>().await
        }));
        turn(&rt);
        let before = rt.metrics();
        let first = rt.turn(LONG);
        let turn = if first == Turn::default() { next_turn(&rt) } else { first.clone() };
        over.recv().unwrap();
        (turn == first).then(|| (turn, changes(before, rt.metrics())))
    });
    let (waker, loop_thread) = receive.recv().unwrap();
    loop_thread.await_sleep();
    wake(waker);
    wakes_are_over.send(()).unwrap();
    sleeper.join().unwrap()
}

// H5
#[test]
#[cfg_attr(miri, ignore = "no /proc")]
fn one_wake_of_a_loop_that_sleeps_is_one_write_and_one_turn() {
    bounded(|| {
        let (turn, moved) = woken_from_sleep(Waker::wake);
        assert_eq!((turn.events, turn.woken, turn.polled), (0, 1, 1));
        let expected = [("turns", 1), ("polls", 1), ("remote_wakes", 1)];
        assert_eq!(moved, [&expected[..], &[("epoll_waits", 1), ("eventfd_writes", 1)]].concat());
    });
}

// H4
#[test]
#[cfg_attr(miri, ignore = "no /proc")]
fn a_thousand_wakes_of_a_loop_that_slept_once_are_one_write() {
    bounded(|| {
        let (turn, moved) = woken_from_sleep(|waker| (0..1000).for_each(|_| waker.wake_by_ref()));
        assert_eq!((turn.events, turn.woken, turn.polled), (0, 1, 1));
        let writes = moved.iter().find(|(name, _)| *name == "eventfd_writes");
        assert_eq!(writes, Some(&("eventfd_writes", 1)), "{moved:?}");
    });
}

// H5: the eventfd is never read, and must not be reported again for that.
#[test]
fn a_loop_that_was_woken_sleeps_again() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            for _ in 0..3 {
                let waker = this_waker().await;
                let thread = thread::spawn(move || waker.wake());
                let mut first = true;
                poll_fn(|_| if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }).await;
                thread.join().unwrap();
            }
        });
        // A wait that would have to end by a timeout costs no more than the one call.
        let moved = counted(&rt, || {
            let turn = rt.turn(Some(std::time::Duration::from_millis(1)));
            assert_eq!(turn, Turn::default());
        });
        assert_eq!(moved, [("turns", 1), ("epoll_waits", 1)]);
    });
}

// H4
#[test]
fn a_million_wakes_on_the_loops_own_thread_are_no_write() {
    bounded(|| {
        let (rounds, wakes) = (many(1000, 10), many(1000, 10));
        let rt = Runtime::new().unwrap();
        let round = Rc::new(Cell::new(0));
        let handle = rt.spawn({
            let round = round.clone();
            poll_fn(move |cx| {
                round.set(round.get() + 1);
                if round.get() > rounds {
                    return Poll::Ready(());
                }
                (0..wakes).for_each(|_| cx.waker().wake_by_ref());
                Poll::Pending
            })
        });
        rt.block_on(handle).unwrap();
        let metrics = rt.metrics();
        assert_eq!(metrics.local_wakes, rounds as u64 + 1); // and one of the root by the handle
        assert_eq!(metrics.coalesced_wakes, (rounds * (wakes - 1)) as u64);
        assert_eq!((metrics.remote_wakes, metrics.eventfd_writes), (0, 0));
    });
}

// H4
#[test]
fn wakes_from_another_thread_while_the_loop_runs_are_no_write() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let waker = this_waker().await;
            let wakes = move || (0..1000).for_each(|_| waker.wake_by_ref());
            // The loop is in this poll for as long as the other thread wakes.
            thread::spawn(wakes).join().unwrap();
            let mut polls = 0;
            poll_fn(|_| {
                polls += 1;
                if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await
        });
        let metrics = rt.metrics();
        assert_eq!((metrics.remote_wakes, metrics.coalesced_wakes), (1, 999));
        assert_eq!(metrics.eventfd_writes, 0);
    });
}

// M4, S3: a handled signal ends the sleep with no events, and not with those of the wait before.
#[test]
#[cfg_attr(miri, ignore = "no /proc and no signals")]
fn a_signal_ends_the_sleep_of_a_loop_and_reports_nothing() {
    bounded(|| {
        let (send, receive) = channel();
        let (interrupted, over) = channel::<()>();
        let is_last = Arc::new(AtomicBool::new(false));
        let may_end = is_last.clone();
        let sleeper = thread::spawn(move || {
            let rt = Runtime::new().unwrap();
            let _inside = rt.enter();
            let (reader, writer) = crate::support::fds::pipe();
            let polls = Rc::new(Cell::new(0));
            let count = polls.clone();
            drop(rt.spawn(async move {
                let fd = egret_runtime::io::AsyncFd::new(reader).unwrap();
                poll_fn(|cx| {
                    count.set(count.get() + 1);
                    // Waits again after each event, and clears the readiness without reading.
                    while let Poll::Ready(Ok(mut guard)) = fd.poll_read_ready(cx) {
                        guard.clear_ready();
                    }
                    Poll::<()>::Pending
                })
                .await
            }));
            turn(&rt);
            crate::support::fds::write(&writer, b"x");
            assert_eq!(turn(&rt), (1, 1, 1));
            send.send(Sleeper::this_thread()).unwrap();
            let moved = loop {
                let moved = counted(&rt, || assert_eq!(rt.turn(LONG), Turn::default()));
                if may_end.load(Ordering::SeqCst) {
                    break moved; // and not by a stop of the process
                }
            };
            over.recv().unwrap();
            assert_eq!(polls.get(), 2);
            moved
        });
        let loop_thread = receive.recv().unwrap();
        loop_thread.await_sleep();
        is_last.store(true, Ordering::SeqCst);
        loop_thread.interrupt();
        interrupted.send(()).unwrap();
        assert_eq!(sleeper.join().unwrap(), [("turns", 1), ("epoll_waits", 1)]);
    });
}

// L13: mail in the box keeps the loop from blocking, also where it was posted by its own thread.
#[test]
fn a_wake_on_the_loops_thread_outside_of_the_runtime_is_seen_by_the_next_turn() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let (send, receive) = channel();
        drop(rt.spawn(async move {
            send.send(this_waker().await).unwrap();
            pending::<()>().await
        }));
        turn(&rt);
        receive.recv().unwrap().wake();
        let moved = counted(&rt, || {
            let turn = rt.turn(None);
            assert_eq!((turn.events, turn.woken, turn.polled), (0, 1, 1));
        });
        assert_eq!(moved, [("turns", 1), ("polls", 1), ("remote_wakes", 1), ("epoll_waits", 1)]);
    });
}

#[test]
fn a_task_of_one_runtime_that_wakes_a_task_of_another_on_the_same_thread_wakes_no_task_of_its_own() {
    let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (send, receive) = channel();
    drop(a.spawn(async move {
        send.send(this_waker().await).unwrap();
        pending::<()>().await
    }));
    turn(&a);
    let waker = receive.recv().unwrap();
    let woke = counted(&b, || {
        drop(b.spawn(async move { waker.wake() }));
        turn(&b);
        assert_eq!(turn(&b), (0, 0, 0));
    });
    assert_eq!(woke, [("turns", 2), ("polls", 1), ("epoll_waits", 2)]);
    assert_eq!(turn(&a), (0, 1, 1));
}

#[test]
fn of_thousands_of_tasks_that_another_thread_wakes_before_the_loop_looks_each_is_polled_once() {
    bounded(|| {
        const TASKS: usize = many(5_000, 1_500); // the mailbox is crowded from 1024 on
        let rt = Runtime::new().unwrap();
        let wakers = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..TASKS {
            let wakers = wakers.clone();
            drop(rt.spawn(async move {
                let waker = this_waker().await;
                wakers.borrow_mut().push(waker);
                pending::<()>().await
            }));
        }
        while rt.metrics().polls < TASKS as u64 {
            turn(&rt);
        }
        let (before, sent) = (rt.metrics(), wakers.take());
        // Twice, so that there is something to be found twice.
        thread::spawn(move || sent.iter().chain(&sent).for_each(Waker::wake_by_ref)).join().unwrap();
        while turn(&rt).2 > 0 {}
        let after = rt.metrics();
        assert_eq!(after.remote_wakes - before.remote_wakes, TASKS as u64);
        assert_eq!(after.polls - before.polls, TASKS as u64);
    });
}
