//! Intervals, on time and late.

use super::clock::*;
use crate::support::poll_once;
use egret_runtime::time::{Instant, Interval, MissedTickBehavior, advance, interval, interval_at};
use std::pin::pin;
use std::task::Poll;

#[test]
fn intervals_catch_up_delay_or_skip_as_they_are_told() {
    // T12: the table of MissedTickBehavior.
    use MissedTickBehavior::{Burst, Delay, Skip};
    let cases = [
        (Burst, [100, 200, 300, 400, 500]),
        (Delay, [100, 450, 550, 650, 750]),
        (Skip, [100, 400, 500, 600, 700]),
    ];
    for (behavior, expected) in cases {
        paused(async {
            let start = Instant::now();
            let mut ticks = interval_at(start, 100 * MS);
            ticks.set_missed_tick_behavior(behavior);
            assert_eq!(ticks.tick().await, start);
            advance(350 * MS).await;
            let mut due = Vec::new();
            let mut asked_at = Vec::new();
            for _ in 0..5 {
                due.push(ticks.tick().await.duration_since(start).as_millis());
                asked_at.push(start.elapsed().as_millis());
            }
            assert_eq!(due, expected, "{behavior:?}");
            let late: Vec<_> = expected.iter().map(|&due| due.max(350)).collect();
            assert_eq!(asked_at, late, "{behavior:?}");
        });
    }
}

#[test]
fn a_tick_that_is_a_little_late_makes_no_interval_drift() {
    for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
        paused(async {
            let start = Instant::now();
            let mut ticks = interval(10 * MS);
            ticks.set_missed_tick_behavior(behavior);
            for tick in 0..10 {
                assert_eq!(ticks.tick().await, start + tick * 10 * MS);
                advance(12 * MS).await;
                ticks.reset_at(start + (tick + 1) * 10 * MS);
            }
        });
    }
}

#[test]
fn an_interval_that_is_reset_to_now_or_the_past_ticks_at_the_next_poll() {
    paused(async {
        let start = Instant::now();
        let mut ticks = interval_at(start, HOUR);
        let poll = |ticks: &mut Interval| poll_once(pin!(ticks.tick()));
        assert_eq!(poll(&mut ticks), Poll::Ready(start));
        assert_eq!(poll(&mut ticks), Poll::Pending);
        advance(MS).await;
        let now = start + MS;
        ticks.reset_immediately();
        assert_eq!(poll(&mut ticks), Poll::Ready(now));
        assert_eq!(poll(&mut ticks), Poll::Pending);
        ticks.reset_after(MS - MS);
        assert_eq!(poll(&mut ticks), Poll::Ready(now));
        assert_eq!(poll(&mut ticks), Poll::Pending);
        ticks.reset_at(start);
        assert_eq!(poll(&mut ticks), Poll::Ready(start));
        assert_eq!(poll(&mut ticks), Poll::Pending);
    });
}
