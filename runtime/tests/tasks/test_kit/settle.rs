//! `settle`, `settled`, `advance` and `within`, and a future that two probes poll.

use super::failure;
use crate::support::fds;
use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::runtime::{Runtime, Turn};
use egret_runtime::spawn;
use egret_runtime::task::yield_now;
use egret_runtime::test::{
    self, Wake, WokenBy, advance, assert_pending, assert_ready, assert_wakes, settle, settled, within,
};
use egret_runtime::time::{self, Duration, Instant, sleep};
use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

const SECOND: Duration = Duration::from_secs(1);

/// A runtime whose clock stands still.
fn paused() -> Runtime {
    let rt = Runtime::new().unwrap();
    within(&rt, time::pause);
    rt
}

#[test]
fn what_several_turns_did_is_their_sum_and_their_lists_in_order() {
    let rt = Runtime::new().unwrap();
    let first = rt.spawn(yield_now());
    let second = rt.spawn(async {
        yield_now().await;
        yield_now().await;
    });
    let all = settle(&rt);
    assert_eq!((all.events, all.woken, all.timers_fired, all.polled), (0, 0, 0, 5));
    let by_itself = |id| Wake { task: id, by: WokenBy::Task(id) };
    let (first, second) = (first.id(), second.id());
    assert_eq!(all.wakes(), [by_itself(first), by_itself(second), by_itself(second)]);
    assert_eq!(settle(&rt), Turn::default());
}

#[test]
fn a_loop_that_does_not_settle_is_an_error_that_names_the_task() {
    let rt = Runtime::new().unwrap();
    rt.spawn(pending::<()>());
    let spins = rt.spawn(async {
        loop {
            yield_now().await;
        }
    });
    let message = failure(|| settle(&rt));
    let expected = format!(
        "settle: the loop has had something to do for 1000 turns; the last had 0 events, 0 timers and 1 polls, and the wakes \
         [Wake {{ task: Id({}), by: Task(Id({})) }}]",
        spins.id(),
        spins.id()
    );
    assert_eq!(message, expected);
    let message = failure(|| rt.block_on(settled()));
    assert!(message.starts_with("settled: other tasks have been polled in each of 1000 rounds"), "{message}");
}

#[test]
fn settling_takes_what_one_task_sends_another_and_no_time() {
    let rt = paused();
    rt.block_on(async {
        let (read, mut write) = fds::pipe();
        let read = AsyncFd::new(read).unwrap();
        let reader = spawn(async move { read.async_io(Interest::READABLE, fds::read).await.unwrap().len() });
        let late = spawn(sleep(SECOND));
        settled().await;
        assert!(!reader.is_finished());
        let start = Instant::now();
        let writer = spawn(async move { std::io::Write::write(&mut write, b"x").unwrap() });
        settled().await;
        assert!(writer.is_finished() && reader.is_finished() && !late.is_finished());
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn advancing_by_turns_fires_each_timer_at_its_deadline_those_included_that_are_set_meanwhile() {
    let rt = paused();
    let start = within(&rt, Instant::now);
    let log = Rc::new(RefCell::new(Vec::new()));
    for seconds in [3, 1] {
        let log = log.clone();
        rt.spawn(async move {
            sleep(seconds * SECOND).await;
            log.borrow_mut().push((seconds, start.elapsed()));
            sleep(seconds * SECOND).await;
            log.borrow_mut().push((10 * seconds, start.elapsed()));
        });
    }
    let turn = advance(&rt, 4 * SECOND); // the tasks have not been polled before
    assert_eq!((turn.timers_fired, turn.polled), (3, 5));
    assert_eq!(*log.borrow(), [(1, SECOND), (10, 2 * SECOND), (3, 3 * SECOND)]);
    assert_eq!(within(&rt, || start.elapsed()), 4 * SECOND);
    assert_eq!(advance(&rt, Duration::ZERO), Turn::default());
    assert_eq!(advance(&rt, Duration::MAX).timers_fired, 1); // to the last time that there is
    assert_eq!(log.borrow().last(), Some(&(30, 6 * SECOND)));
}

#[test]
fn the_clock_is_moved_only_while_it_stands_still() {
    let rt = Runtime::new().unwrap();
    assert!(failure(|| advance(&rt, SECOND)).contains("call time::pause first"));
}

#[test]
fn within_is_in_the_runtime_and_after_it_the_thread_is_not() {
    let rt = Runtime::new().unwrap();
    let task = within(&rt, || spawn(async { 7 }));
    assert_eq!(settle(&rt).polled, 1);
    assert_eq!(rt.block_on(task).unwrap(), 7);
    let message = failure(|| within(&rt, || panic!("in it")));
    assert_eq!(message, "in it");
    assert!(egret_runtime::runtime::Handle::try_current().is_err());
}

#[test]
fn a_future_that_another_task_polls_wakes_that_one() {
    let (mut future, mut other) = (test::spawn(poll_fn(of_last_poll())), test::spawn(()));
    assert_pending!(future.poll());
    assert_pending!(future.poll_by(&mut other));
    assert_eq!((future.polls(), other.polls()), (2, 1));
    assert_eq!((future.waker_ref_count(), other.waker_ref_count()), (1, 2));
    assert_ready!(future.poll_by(&mut other));
    assert_wakes!(future, 0);
    assert_wakes!(other, 1);
    future.cancel();
    assert!(failure(|| future.poll_by(&mut other)).contains("after it was cancelled"));
}

/// Keeps the waker of the last poll, and at the third wakes it and is ready.
fn of_last_poll() -> impl FnMut(&mut std::task::Context<'_>) -> Poll<()> {
    let (mut kept, mut polls) = (None, 0);
    move |cx| {
        polls += 1;
        if polls == 3 {
            let kept: std::task::Waker = kept.take().unwrap();
            kept.wake();
            return Poll::Ready(());
        }
        kept = Some(cx.waker().clone());
        Poll::Pending
    }
}
