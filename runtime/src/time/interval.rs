//! [`Interval`]: a repeated deadline.

use super::sleep::Sleep;
use crate::observe::site::Site;
use crate::time::clock::Instant;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A tick later than this is missed, and the [`MissedTickBehavior`] decides the next. Up to this it is the ordinary
/// lateness of a busy loop: an interval that treated it as a miss would drift by it.
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
#[inline]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start` and then every `period`.
///
/// The ticks are at `start`, `start + period` and so on, however late they are awaited, as long as none is missed; see
/// [`MissedTickBehavior`] for a missed tick.
///
/// # Panics
///
/// When `period` is zero.
#[track_caller]
#[inline]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "an interval needs a period that is greater than zero");
    let next = Sleep::until(Some(start), Site::current());
    Interval { next, due: Some(start), period, missed: MissedTickBehavior::Burst }
}

/// Ticks: see [`interval`].
#[derive(Debug)]
pub struct Interval {
    next: Sleep,
    /// The next tick; `None` is never.
    due: Option<Instant>,
    period: Duration,
    missed: MissedTickBehavior,
}

/// When an [`Interval`] ticks after a tick that was awaited more than 5 ms late.
///
/// With a period of 100 ms, where the second tick is awaited at 350 ms instead of 100 ms:
///
/// | | next ticks |
/// |---|---|
/// | `Burst` | 200, 300 (both at once), 400, 500 |
/// | `Delay` | 450, 550 |
/// | `Skip` | 400, 500 |
///
/// ```
/// use egret_runtime::time::{Duration, MissedTickBehavior, interval};
///
/// egret_runtime::block_on(async {
///     let mut ticks = interval(Duration::from_secs(1));
///     ticks.set_missed_tick_behavior(MissedTickBehavior::Skip); // no burst after a pause
///     ticks.tick().await; // the first is due at once
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Ticks at once for each missed tick until it has caught up.
    #[default]
    Burst,
    /// Ticks one period after the late tick was delivered, and every period from there.
    Delay,
    /// Skips the missed ticks and ticks at the next multiple of the period.
    Skip,
}

impl MissedTickBehavior {
    /// Returns the tick after the one that was due at `due` and delivered `now`.
    #[inline]
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
    /// Waits for the next tick and returns the time at which it was due.
    ///
    /// # Cancel safety
    ///
    /// No tick is lost.
    ///
    /// # Panics
    ///
    /// When it has to wait on a thread that is not in a runtime.
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn tick(&mut self) -> impl Future<Output = Instant> {
        let at = Site::current();
        async move { poll_fn(|cx| self.poll_tick_at(cx, at)).await }
    }

    /// [`tick`](Interval::tick) as a poll function.
    ///
    /// # Panics
    ///
    /// When it has to wait on a thread that is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        self.poll_tick_at(cx, Site::current())
    }

    #[track_caller]
    #[inline]
    fn poll_tick_at(&mut self, cx: &mut Context<'_>, at: Site) -> Poll<Instant> {
        self.next.wait_at(at);
        ready!(Pin::new(&mut self.next).poll(cx));
        let due = self.due.expect("what never comes is never ready");
        self.set(self.missed.next(due, Instant::now(), self.period));
        Poll::Ready(due)
    }

    /// Ticks one period from now, and every period from there.
    #[inline]
    pub fn reset(&mut self) {
        self.set(Instant::now().checked_add(self.period));
    }

    /// Ticks at once, and every period from there.
    #[inline]
    pub fn reset_immediately(&mut self) {
        self.set(Some(Instant::now()));
    }

    /// Ticks `after` from now, and every period from there.
    #[inline]
    pub fn reset_after(&mut self, after: Duration) {
        self.set(Instant::now().checked_add(after));
    }

    /// Ticks at `deadline`, and every period from there.
    #[inline]
    pub fn reset_at(&mut self, deadline: Instant) {
        self.set(Some(deadline));
    }

    /// Returns the behaviour after a missed tick.
    #[inline]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets the behaviour after a missed tick.
    #[inline]
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// Returns the time between two ticks.
    #[inline]
    pub fn period(&self) -> Duration {
        self.period
    }

    #[inline]
    fn set(&mut self, due: Option<Instant>) {
        self.due = due;
        self.next.set(due);
    }
}
