//! [`Sleep`]: waits until a deadline.
//!
//! A sleep sets a timer on the first poll that has to wait, so one that is never polled costs nothing, and removes the
//! timer when it is dropped.

use crate::observe::site::Site;
use crate::time;
use crate::time::clock::Instant;
use crate::time::heap::HeapTimer;
use crate::wake::budget;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Waits for `duration`.
///
/// It never fires early. `Duration::ZERO` is ready at once; a duration beyond the range of the clock waits for ever.
///
/// # Cancel safety
///
/// Dropping it before it resolves loses nothing.
///
/// # Panics
///
/// When it is polled, and has to wait, on a thread that is not in a runtime.
///
/// ```
/// use egret_runtime::time::{Duration, Instant, sleep};
///
/// egret_runtime::block_on(async {
///     let start = Instant::now();
///     sleep(Duration::from_micros(200)).await;
///     assert!(start.elapsed() >= Duration::from_micros(200));
/// });
/// ```
#[inline]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::until(Instant::now().checked_add(duration), Site::current())
}

/// Waits until `deadline`, which may be in the past.
///
/// # Cancel safety
///
/// Dropping it before it resolves loses nothing.
///
/// # Panics
///
/// When it is polled, and has to wait, on a thread that is not in a runtime.
///
/// ```
/// use egret_runtime::time::{Instant, sleep_until};
///
/// egret_runtime::block_on(sleep_until(Instant::now())); // ready at once
/// ```
#[inline]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::until(Some(deadline), Site::current())
}

/// The future of [`sleep`] and [`sleep_until`].
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    /// `None` is never.
    deadline: Option<Instant>,
    state: SleepState,
    at: Site,
}

enum SleepState {
    /// Not polled since the deadline was set.
    Fresh,
    Waiting(HeapTimer),
    Elapsed,
}

impl Sleep {
    #[inline]
    pub(crate) fn until(deadline: Option<Instant>, at: Site) -> Sleep {
        Sleep { deadline, state: SleepState::Fresh, at }
    }

    /// Returns the deadline. For a sleep without one, a time some thirty years from now.
    #[inline]
    pub fn deadline(&self) -> Instant {
        const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
        let far = || Instant::now().checked_add(FAR).unwrap_or(Instant::from_nanoseconds(u64::MAX));
        self.deadline.unwrap_or_else(far)
    }

    /// Returns whether it has been polled to its end.
    #[inline]
    pub fn is_elapsed(&self) -> bool {
        match &self.state {
            SleepState::Fresh => false,
            SleepState::Waiting(timer) => timer.has_fired(),
            SleepState::Elapsed => true,
        }
    }

    /// Sets another deadline, before or after the old one has passed.
    ///
    /// Setting a later one while it waits is a store: this is how an idle timeout is moved on each request. The
    /// waiting task is woken at the new deadline. A sleep that was over has to be polled again; after a reset to a
    /// time in the past the next poll is ready.
    ///
    /// ```
    /// use egret_runtime::time::{Duration, Instant, sleep};
    /// use std::pin::pin;
    ///
    /// egret_runtime::block_on(async {
    ///     let mut idle = pin!(sleep(Duration::from_secs(3600)));
    ///     idle.as_mut().reset(Instant::now());
    ///     idle.await; // at once
    /// });
    /// ```
    #[inline]
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.get_mut().set(Some(deadline));
    }

    /// Sets the line that waits.
    #[inline]
    pub(super) fn wait_at(&mut self, at: Site) {
        self.at = at;
    }

    #[inline]
    pub(super) fn set(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
        if let SleepState::Waiting(timer) = &self.state {
            match deadline {
                Some(deadline) if !timer.has_fired() => return timer.reset(deadline.nanoseconds()),
                _ => {}
            }
        }
        self.state = SleepState::Fresh;
    }

    #[inline]
    #[track_caller]
    fn start(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        debug_assert!(matches!(self.state, SleepState::Fresh));
        let timers = time::current();
        let Some(deadline) = self.deadline.map(Instant::nanoseconds) else { return Poll::Pending };
        let (state, polled) = if timers.clock().has_passed(deadline) {
            (SleepState::Elapsed, Poll::Ready(()))
        } else {
            (SleepState::Waiting(timers.set(deadline, cx.waker(), self.at)), Poll::Pending)
        };
        // Not assigned: the old state needs no drop.
        std::mem::forget(std::mem::replace(&mut self.state, state));
        polled
    }

    /// The first poll in another runtime after the timer's runtime is gone.
    #[cold]
    #[track_caller]
    fn restart(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.state = SleepState::Fresh;
        self.start(cx)
    }

    #[inline]
    #[track_caller]
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.state {
            SleepState::Elapsed => Poll::Ready(()),
            SleepState::Waiting(timer) if timer.has_fired() => {
                self.state = SleepState::Elapsed;
                Poll::Ready(())
            }
            SleepState::Waiting(timer) if !timer.is_orphan() => {
                // The loop fires timers only between polls: a deadline that has passed since, or was reset to the
                // past, is found here.
                let is_over = timer.has_passed() || {
                    timer.set_waker(cx.waker(), self.at);
                    // Cloning a waker is user code, which may have turned the loop.
                    timer.has_fired()
                };
                if is_over {
                    self.state = SleepState::Elapsed;
                    return Poll::Ready(());
                }
                Poll::Pending
            }
            SleepState::Fresh => self.start(cx),
            SleepState::Waiting(_) => self.restart(cx),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Charged, so that a loop around a sleep that is over lets others run.
        if !budget::has_left() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = self.poll_deadline(cx);
        if polled.is_ready() {
            budget::charge_completed();
        }
        polled
    }
}

impl fmt::Debug for Sleep {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .field("elapsed", &self.is_elapsed())
            .finish()
    }
}
