//! Explicit charges to the budget, and the exact number of polls that follows.
//!
//! The futures here are ready at once, like an uncontended lock or a channel that is never empty.

#![allow(missing_docs)]

use crate::support::bounded;
use egret_runtime::runtime::{Builder, Runtime};
use egret_runtime::task::coop::{cooperative, has_budget_remaining, poll_proceed};
use egret_runtime::task::{
    JoinHandle, JoinSet, RemoteJoinHandle, consume_budget, spawn, spawn_blocking, unconstrained, yield_now,
};
use egret_runtime::time::{Duration, Instant, interval_at, sleep};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

const HOUR: Duration = Duration::from_secs(3600);

/// Operations in one poll, by the documentation.
const BUDGET: usize = 128;

/// The rounds of `future`, which never ends, at each poll of another task.
///
/// Checked within a time limit: a round that charges nothing is a poll without an end.
fn rounds_at_each_poll<F: Future<Output = ()> + 'static>(round: impl Fn() -> F + 'static) -> Vec<usize> {
    let rt = Runtime::new().unwrap();
    let done = Rc::new(RefCell::new(0));
    let theirs = done.clone();
    drop(rt.spawn(async move {
        loop {
            round().await;
            *theirs.borrow_mut() += 1;
        }
    }));
    let mut seen = Vec::new();
    rt.block_on(async {
        for _ in 0..4 {
            seen.push(*done.borrow());
            yield_now().await;
        }
    });
    seen
}

#[test]
fn consume_budget_in_a_loop_without_an_end_lets_the_others_run_every_128_rounds() {
    bounded(|| {
        assert_eq!(rounds_at_each_poll(consume_budget), [1, 2, 3, 4].map(|polls| polls * BUDGET));
    });
}

#[test]
fn a_cooperative_future_that_is_always_ready_lets_the_others_run_every_128_rounds() {
    bounded(|| {
        assert_eq!(rounds_at_each_poll(|| cooperative(ready(()))), [1, 2, 3, 4].map(|polls| polls * BUDGET));
    });
}

#[test]
fn two_charges_in_a_round_are_two() {
    bounded(|| {
        let round = || async {
            consume_budget().await;
            cooperative(ready(())).await;
        };
        assert_eq!(rounds_at_each_poll(round), [1, 2, 3, 4].map(|polls| polls * BUDGET / 2));
    });
}

#[test]
fn a_cooperative_future_that_is_not_ready_is_not_charged() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let mut never = pin!(cooperative(std::future::pending::<()>()));
            poll_fn(|cx| {
                for _ in 0..10 * BUDGET {
                    assert!(never.as_mut().poll(cx).is_pending());
                }
                Poll::Ready(())
            })
            .await;
            assert_eq!(charges_left().await, BUDGET);
        });
    });
}

#[test]
fn a_future_is_not_polled_when_the_budget_is_used_up_and_its_task_is_woken() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let polls = rt.metrics().polls;
        rt.block_on(async {
            assert_eq!(charges_left().await, BUDGET);
            let asked = RefCell::new(0);
            cooperative(poll_fn(|_| {
                *asked.borrow_mut() += 1;
                Poll::Ready(())
            }))
            .await;
            assert_eq!(*asked.borrow(), 1);
        });
        assert_eq!(rt.metrics().polls - polls, 2);
    });
}

/// Uses the budget up in this poll, and says how much of it there was.
async fn charges_left() -> usize {
    let mut charges = 0;
    poll_fn(|cx| {
        while has_budget_remaining() {
            let Poll::Ready(charge) = poll_proceed(cx) else { panic!("it said that there was some") };
            charge.made_progress();
            charges += 1;
        }
        Poll::Ready(charges)
    })
    .await
}

#[test]
fn a_charge_that_is_dropped_without_progress_is_taken_back() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            poll_fn(|cx| {
                for _ in 0..10 * BUDGET {
                    assert!(poll_proceed(cx).map(drop).is_ready());
                }
                Poll::Ready(())
            })
            .await;
            assert_eq!(charges_left().await, BUDGET);
            assert!(!has_budget_remaining());
            yield_now().await;
            assert_eq!(charges_left().await, BUDGET);
        });
    });
}

#[test]
fn an_unconstrained_future_has_budget_for_ever_and_leaves_that_of_its_task_alone() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let polls = rt.metrics().polls;
        rt.block_on(async {
            unconstrained(async {
                for _ in 0..10 * BUDGET {
                    consume_budget().await;
                }
                assert!(has_budget_remaining());
            })
            .await;
            assert_eq!(charges_left().await, BUDGET);
        });
        assert_eq!(rt.metrics().polls - polls, 1);
    });
}

#[test]
fn outside_of_a_runtime_there_is_no_budget_to_use_up() {
    bounded(|| {
        let cx = &mut Context::from_waker(Waker::noop());
        for _ in 0..10 * BUDGET {
            assert!(pin!(consume_budget()).poll(cx).is_ready());
            assert!(has_budget_remaining());
        }
    });
}

/// How many of `futures` are done in each poll of a task that awaits one after the other.
async fn done_in_each_poll<F: Future>(futures: Vec<F>) -> Vec<usize> {
    let done = Cell::new(0);
    let mut work = pin!(async {
        for future in futures {
            future.await;
            done.set(done.get() + 1);
        }
    });
    let mut counts = Vec::new();
    poll_fn(|cx| {
        let before = done.get();
        let polled = work.as_mut().poll(cx);
        counts.push(done.get() - before);
        polled
    })
    .await;
    counts
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of tasks")]
fn the_handles_of_tasks_that_have_ended_are_charged() {
    bounded(|| {
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        rt.block_on(async {
            let local: Vec<_> = (0..300).map(|_| spawn(async {})).collect();
            yield_now().await;
            assert!(local.iter().all(JoinHandle::is_finished));
            yield_now().await; // a full budget
            assert_eq!(done_in_each_poll(local).await, [BUDGET, BUDGET, 300 - 2 * BUDGET]);

            let remote: Vec<_> = (0..300).map(|_| rt.handle().spawn(async {})).collect();
            while !remote.iter().all(RemoteJoinHandle::is_finished) {
                yield_now().await;
            }
            yield_now().await;
            assert_eq!(done_in_each_poll(remote).await, [BUDGET, BUDGET, 300 - 2 * BUDGET]);

            let blocking: Vec<_> = (0..300).map(|_| spawn_blocking(|| ())).collect();
            spawn_blocking(|| ()).await.unwrap(); // behind them, on the one thread
            yield_now().await;
            assert_eq!(done_in_each_poll(blocking).await, [BUDGET, BUDGET, 300 - 2 * BUDGET]);
        });
    });
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of tasks")]
fn a_join_set_charges_each_task_that_it_gives_out_once_and_tries_without_a_charge() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let mut tasks = JoinSet::new();
            (0..300).for_each(|_| drop(tasks.spawn(async {})));
            while tasks.len() > 2 * BUDGET {
                yield_now().await;
                assert!(tasks.try_join_next().is_some());
            }
            yield_now().await;
            assert_eq!(charges_left().await, BUDGET);
            assert!(tasks.try_join_next().is_some()); // with none left
            yield_now().await;
            let left = tasks.len();
            poll_fn(|cx| {
                for _ in 0..BUDGET {
                    assert!(tasks.poll_join_next(cx).is_ready());
                }
                assert!(tasks.poll_join_next(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(tasks.len(), left - BUDGET);
        });
    });
}

#[test]
fn a_sleep_a_tick_and_a_join_that_are_pending_are_not_charged() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let mut slept = pin!(sleep(HOUR));
            let mut ticks = interval_at(Instant::now() + HOUR, HOUR);
            let mut tasks = JoinSet::new();
            tasks.spawn(std::future::pending::<()>());
            let mut local = pin!(spawn(std::future::pending::<()>()));
            let mut remote = pin!(rt.handle().spawn(std::future::pending::<()>()));
            poll_fn(|cx| {
                for _ in 0..10 * BUDGET {
                    assert!(slept.as_mut().poll(cx).is_pending());
                    assert!(ticks.poll_tick(cx).is_pending());
                    assert!(tasks.poll_join_next(cx).is_pending());
                    assert!(pin!(tasks.join_next()).poll(cx).is_pending());
                    assert!(local.as_mut().poll(cx).is_pending());
                    assert!(remote.as_mut().poll(cx).is_pending());
                    assert!(has_budget_remaining());
                }
                Poll::Ready(())
            })
            .await;
        });
    });
}
