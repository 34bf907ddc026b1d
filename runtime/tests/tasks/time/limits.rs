//! `timeout`.

use super::clock::*;
use egret_runtime::time::{Duration, Instant, sleep, timeout, timeout_at};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

#[test]
fn a_busy_future_does_not_escape_its_time_limit() {
    // T11: it wakes itself on every poll and is never done.
    egret_runtime::block_on(async {
        let busy = poll_fn(|cx| -> Poll<()> {
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert!(timeout(2 * MS, busy).await.is_err());
    });
}

#[test]
fn a_future_that_uses_its_budget_up_does_not_escape_its_time_limit() {
    // T11, N7: a sleep that is over is always ready and charges the budget each time.
    egret_runtime::block_on(async {
        let spender = async {
            let mut over = pin!(sleep(Duration::ZERO));
            loop {
                over.as_mut().await;
                over.as_mut().reset(Instant::now());
            }
        };
        let limited: Result<(), _> = timeout(2 * MS, spender).await;
        assert!(limited.is_err());
    });
}

#[test]
fn a_time_limit_polls_its_future_first_and_gives_it_back() {
    paused(async {
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        assert_eq!(timeout_at(Instant::now() - MS, async { 2 }).await, Ok(2));
        let elapsed = timeout(MS, pending::<()>()).await.unwrap_err();
        assert_eq!(elapsed.to_string(), "deadline has elapsed");
        assert_eq!(std::io::Error::from(elapsed).kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(timeout(MS, async { 3 }).into_inner().await, 3);
    });
}
