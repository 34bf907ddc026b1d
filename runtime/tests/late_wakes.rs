//! Wakers that outlive their task and their runtime, or are used while it ends.
//!
//! A late wake may reach the next runtime with the same number and change its
//! counters. So these tests run one after the other, in a process without other tests.

#![allow(missing_docs)]

mod support;

use egret_runtime::runtime::Runtime;
use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use support::{OnDrop, Trace, bounded, counted, hold, many, this_waker, turn};

fn one_after_the_other() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The waker of a parked task that is gone with its runtime.
fn orphan() -> Waker {
    let rt = Runtime::new().unwrap();
    waker_of_a_parked_task(&rt)
}

fn waker_of_a_parked_task(rt: &Runtime) -> Waker {
    let (send, receive) = channel();
    drop(rt.spawn(async move {
        send.send(this_waker().await).unwrap();
        pending::<()>().await
    }));
    turn(rt);
    receive.recv().unwrap()
}

// W2: a wake races with the drop of the runtime, at moments that the scheduler chooses.
#[test]
fn a_thread_that_wakes_in_a_loop_while_the_runtime_is_dropped_does_no_harm() {
    let _lock = one_after_the_other();
    bounded(|| {
        let target = Arc::new(Mutex::new(None::<Waker>));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (target, stop) = (target.clone(), stop.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let waker = target.lock().unwrap().clone();
                    if let Some(waker) = waker {
                        (0..20).for_each(|_| waker.wake_by_ref());
                    }
                }
            }
        });
        let mut dropped = 0;
        let rounds = many(2_000, 10);
        for round in 0..rounds {
            let rt = Runtime::new().unwrap();
            let drops = Rc::new(Cell::new(0));
            for _ in 0..4 {
                let (target, drops) = (target.clone(), drops.clone());
                let guard = OnDrop::new(move || drops.set(drops.get() + 1));
                drop(rt.spawn(async move {
                    *target.lock().unwrap() = Some(this_waker().await);
                    hold(guard).await
                }));
            }
            (0..round % 4).for_each(|_| {
                turn(&rt);
            });
            drop(rt);
            dropped += drops.get();
        }
        stop.store(true, Ordering::Relaxed);
        thread.join().unwrap();
        assert_eq!(dropped, 4 * rounds);
    });
}

// R6
#[test]
fn a_runtime_whose_tasks_are_woken_by_other_threads_while_it_drops_them_comes_to_an_end() {
    let _lock = one_after_the_other();
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let tasks = many(200, 10);
        let (send, receive) = channel();
        let dropped = Trace::<usize>::new();
        for task in 0..tasks {
            let (send, dropped) = (send.clone(), dropped.clone());
            let wakes = Arc::new(AtomicBool::new(false));
            let woken = wakes.clone();
            // Its destructor waits until the other thread has woken it once more.
            let guard = OnDrop::new(move || {
                woken.store(false, Ordering::SeqCst);
                while !woken.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                dropped.push(task);
            });
            drop(rt.spawn(async move {
                send.send((this_waker().await, wakes)).unwrap();
                hold(guard).await
            }));
        }
        drop(send);
        while turn(&rt).2 != 0 {}
        let targets: Vec<_> = receive.iter().take(tasks).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = stop.clone();
            move || {
                while !stop.load(Ordering::Relaxed) {
                    for (waker, woken) in &targets {
                        waker.wake_by_ref();
                        woken.store(true, Ordering::SeqCst);
                    }
                }
            }
        });
        drop(rt);
        stop.store(true, Ordering::Relaxed);
        thread.join().unwrap();
        assert_eq!(dropped.take(), (0..tasks).collect::<Vec<_>>());
    });
}

// W5, D2
#[test]
fn whatever_is_done_with_a_waker_whose_runtime_is_gone_does_nothing() {
    let _lock = one_after_the_other();
    let waker = orphan();
    let clone = waker.clone();
    assert!(clone.will_wake(&waker));
    clone.wake();
    waker.wake_by_ref();
    thread::spawn(move || {
        let clone = waker.clone();
        clone.wake_by_ref();
        waker.wake();
        drop(clone);
    })
    .join()
    .unwrap();
}

// W2: numbers of executors are recycled, so the waker of one that is gone names a place in another.
#[test]
fn a_waker_whose_runtime_is_gone_wakes_nobody_in_the_runtime_that_has_its_number() {
    let _lock = one_after_the_other();
    for _ in 0..many(300, 20) {
        let late = orphan();
        let rt = Runtime::new().unwrap();
        let live = waker_of_a_parked_task(&rt);
        assert!(!late.will_wake(&live));
        let moved = counted(&rt, || {
            late.wake_by_ref();
            turn(&rt);
        });
        assert_eq!(moved, [("turns", 1), ("stale_generations", 1), ("epoll_waits", 1)]);
        let moved = counted(&rt, || {
            let _inside = rt.enter();
            late.wake();
            turn(&rt);
        });
        assert_eq!(moved, [("turns", 1), ("stale_generations", 1), ("epoll_waits", 1)]);
    }
}

// The same for the future of `block_on`, whose index is 0 in every runtime.
#[test]
fn a_waker_of_a_block_on_that_is_over_does_not_poll_the_next_one() {
    bounded(|| {
        let _lock = one_after_the_other();
        let rt = Runtime::new().unwrap();
        let old = rt.block_on(this_waker());
        let moved = counted(&rt, || {
            rt.block_on(async {
                let new = this_waker().await;
                assert!(!new.will_wake(&old));
                old.wake_by_ref();
                let mut polls = 0;
                poll_fn(|cx| {
                    polls += 1;
                    cx.waker().wake_by_ref();
                    if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            })
        });
        let expected = [("turns", 3), ("polls", 3), ("local_wakes", 3), ("stale_generations", 1)];
        assert_eq!(moved, expected);
    });
}

// D5, W2: a waker in a thread-local is woken and dropped while the thread is being torn down.
#[test]
fn a_waker_may_be_used_by_the_destructor_of_a_thread_local() {
    let _lock = one_after_the_other();
    struct WakesOnDrop(Vec<Waker>);
    impl Drop for WakesOnDrop {
        fn drop(&mut self) {
            self.0.iter().for_each(Waker::wake_by_ref);
            self.0.drain(..).for_each(Waker::wake);
        }
    }
    thread_local! {
        static WAKERS: std::cell::RefCell<WakesOnDrop> = const { std::cell::RefCell::new(WakesOnDrop(Vec::new())) };
    }
    let rt = Runtime::new().unwrap();
    let live = waker_of_a_parked_task(&rt);
    let moved = counted(&rt, || {
        let (orphan, live) = (orphan(), live.clone());
        let torn_down = thread::spawn(move || {
            WAKERS.with_borrow_mut(|wakers| {
                wakers.0.extend([orphan, live]);
                // One whose runtime was made on, and is gone from, this thread.
                wakers.0.push(self::orphan());
            });
        });
        torn_down.join().unwrap();
        turn(&rt);
    });
    let expected = [("turns", 1), ("polls", 1), ("remote_wakes", 1), ("coalesced_wakes", 1)];
    assert_eq!(moved, [&expected[..], &[("epoll_waits", 1)]].concat());
}

#[test]
fn a_wake_between_two_runtimes_does_not_reach_the_second() {
    let _lock = one_after_the_other();
    let late = orphan();
    late.wake_by_ref();
    let second = Runtime::new().unwrap();
    let moved = counted(&second, || {
        turn(&second);
    });
    assert_eq!(moved, [("turns", 1), ("epoll_waits", 1)]);
    // It had the number of the runtime that the waker is of: while it lives, a wake does reach it.
    late.wake();
    let moved = counted(&second, || {
        turn(&second);
    });
    assert_eq!(moved, [("turns", 1), ("stale_generations", 1), ("epoll_waits", 1)]);
}
