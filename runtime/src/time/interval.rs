//! [`Interval`]: a deadline that comes again and again.

use super::sleep::Sleep;
use crate::time::clock::Instant;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A tick that is later than this is missed, and what comes next is up to the [`MissedTickBehavior`]. What is less
/// is the ordinary lateness of a loop that has other things to do: an interval that took it for a miss would
/// drift by it.
const TOLERANCE: Duration = Duration::from_millis(5);

/// Ticks at once and then every `period`: see [`interval_at`].
///
/// # Panics
///
/// When `period` is zero.
///
/// ```
/// use egret_runtime::time::{Duration, interval};
///
/// egret_runtime::block_on(async {
///     let mut ticks = interval(Duration::from_micros(100));
///     let first = ticks.tick().await; // at once
///     let second = ticks.tick().await;
///     assert_eq!(second - first, Duration::from_micros(100));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start` and then every `period`.
///
/// The ticks are at `start`, `start + period` and so on, however late they are asked for, as long as none is
/// missed; see [`MissedTickBehavior`] for what happens then.
///
/// # Panics
///
/// When `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "an interval needs a period that is greater than zero");
    let next = Sleep::until(Some(start));
    Interval { next, due: Some(start), period, missed: MissedTickBehavior::Burst }
}

/// Ticks: see [`interval`].
#[derive(Debug)]
pub struct Interval {
    next: Sleep,
    /// When the next tick is; `None` is never.
    due: Option<Instant>,
    period: Duration,
    missed: MissedTickBehavior,
}

/// When an [`Interval`] ticks after a tick that was asked for more than 5 ms late.
///
/// With a period of 100 ms, the second tick asked for at 350 ms in place of 100 ms:
///
/// | | next ticks |
/// |---|---|
/// | `Burst` | 200, 300 (both at once), 400, 500 |
/// | `Delay` | 450, 550 |
/// | `Skip` | 400, 500 |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Ticks as fast as it is asked to until it has caught up.
    #[default]
    Burst,
    /// Ticks a period after the late tick was delivered, and from there on.
    Delay,
    /// Leaves the missed ticks out and ticks at the next multiple of the period.
    Skip,
}

impl MissedTickBehavior {
    /// The tick after the one that was due at `due` and delivered `now`.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Option<Instant> {
        let late = now.saturating_duration_since(due);
        if late <= TOLERANCE {
            return due.checked_add(period);
        }
        match self {
            MissedTickBehavior::Burst => due.checked_add(period),
            MissedTickBehavior::Delay => now.checked_add(period),
            MissedTickBehavior::Skip => {
                let into = late.as_nanos() % period.as_nanos();
                let into = Duration::new(
                    (into / 1_000_000_000) as u64, // less than the period, whose seconds are a u64
                    (into % 1_000_000_000) as u32,
                );
                now.checked_add(period - into)
            }
        }
    }
}

impl Interval {
    /// Waits for the next tick and says when it was due.
    ///
    /// # Cancel safety
    ///
    /// No tick is lost.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// [`tick`](Interval::tick) for those who poll by hand.
    ///
    /// # Panics
    ///
    /// When it has to wait on a thread that is not in a runtime.
    #[track_caller]
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.next).poll(cx));
        let due = self.due.expect("what never comes is never ready");
        self.set(self.missed.next(due, Instant::now(), self.period));
        Poll::Ready(due)
    }

    /// Ticks a period from now, and from there on.
    pub fn reset(&mut self) {
        self.set(Instant::now().checked_add(self.period));
    }

    /// Ticks at once, and from there on.
    pub fn reset_immediately(&mut self) {
        self.set(Some(Instant::now()));
    }

    /// Ticks `after` from now, and from there on.
    pub fn reset_after(&mut self, after: Duration) {
        self.set(Instant::now().checked_add(after));
    }

    /// Ticks at `deadline`, and from there on.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.set(Some(deadline));
    }

    /// What happens after a tick that was missed.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Says what is to happen after a tick that was missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// How far the ticks are apart.
    pub fn period(&self) -> Duration {
        self.period
    }

    fn set(&mut self, due: Option<Instant>) {
        self.due = due;
        self.next.set(due);
    }
}
