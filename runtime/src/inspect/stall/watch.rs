//! How long a poll has been going, from looks at a loop, and when to look again.
//!
//! - A poll is known by its serial number. It began after the last look at which it was not there.
//! - Between two looks a poll is charged with the time that was planned between them, never with more. When the look
//!   comes much later than planned the process was stopped, or the machine suspended, or neither thread had a
//!   processor: the poll is charged with nothing.
//! - A stop that is over when the look is due wakes the thread: it has slept more often than it has called for. Then the
//!   poll is charged with half of the limit at most, which is the most that a stop adds to a poll.
//! - Looks are so rare that they cost next to nothing: [`IDLE`] apart. They find every poll of 80 ms, or of its limit
//!   where that is longer. The loop counts those that are missed: once it has counted one, looks are as frequent as the
//!   limit asks for, for [`EAGER`].
//! - The times are of `CLOCK_MONOTONIC`, which does not count while the machine is suspended.

use std::time::Duration;

/// The knowledge of the sampler about one loop.
#[derive(Debug)]
pub(super) struct LoopWatch {
    limit: Duration,
    /// The last look, and the wait that was planned after it.
    looked_at: Duration,
    planned: Duration,
    seen: Option<SeenPoll>,
    /// How many polls over the limit the loop has counted, and until when looks are frequent.
    long_polls: u64,
    eager_until: Duration,
    /// How often the thread had been woken against its plan, at the last look.
    interruptions: u64,
}

#[derive(Clone, Copy, Debug)]
struct SeenPoll {
    serial: u64,
    charged: Duration,
    is_reported: bool,
}

/// A poll that is going on at a look.
#[derive(Clone, Copy, Debug)]
pub(super) struct GoingPoll {
    /// Its number among the polls of the loop.
    pub(super) serial: u64,
    /// How long by the clock of the loop, which may count stops.
    pub(super) elapsed: Duration,
}

/// The result of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookResult {
    /// Nothing to report.
    Nothing,
    /// A poll that has now reached the limit.
    Begun(Duration),
    /// The end of one that was reported.
    Ended(Duration),
}

/// The shortest wait while nothing is going on: 13.3 looks a second. A look costs 45 to 70 microseconds of a processor,
/// nearly all of them for the wake-up of the thread: 0.06 to 0.09 %.
const IDLE: Duration = Duration::from_millis(75);
/// The shortest wait while a poll is watched, or looks are frequent.
const LEAST: Duration = Duration::from_millis(1);
/// For how long looks are frequent after a poll over the limit.
const EAGER: Duration = Duration::from_secs(10);
/// While a stall goes on, so that its end is reported soon.
const MOST: Duration = Duration::from_millis(250);
/// A look is this late on a busy machine.
const LATE: Duration = Duration::from_millis(20);

impl LoopWatch {
    pub(super) fn new(limit: Duration, now: Duration) -> LoopWatch {
        LoopWatch {
            limit,
            looked_at: now,
            planned: (limit / 2).max(IDLE),
            seen: None,
            long_polls: 0,
            eager_until: Duration::ZERO,
            interruptions: 0,
        }
    }

    /// The thread that looks has been woken against its plan so often until now.
    pub(super) fn begins(&mut self, interruptions: u64) {
        self.interruptions = interruptions;
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns when to look next.
    pub(super) fn due(&self) -> Duration {
        self.looked_at + self.planned
    }

    /// Returns whether it is looked at now, as the thread is awake for another loop: that costs less than a wake-up
    /// of its own.
    pub(super) fn joins(&self, now: Duration) -> bool {
        now >= self.looked_at + self.planned / 2
    }

    /// Looks at the loop: `going` is the poll that it is in, and it has counted so many polls over the limit. The thread
    /// has been woken against its plan `interruptions` times.
    pub(super) fn look(
        &mut self,
        now: Duration,
        going: Option<GoingPoll>,
        long_polls: u64,
        interruptions: u64,
    ) -> LookResult {
        let late = now.saturating_sub(self.due());
        let passed = now.saturating_sub(self.looked_at);
        let before = self.seen.take();
        let known = before.filter(|seen| going.is_some_and(|going| going.serial == seen.serial));
        // A poll that was not there at the last look, and has gone since before it by the clock of its loop: that clock
        // counts the time for which the machine was suspended.
        let is_older = known.is_none() && going.is_some_and(|going| going.elapsed > passed);
        let is_reported = before.is_some_and(|seen| seen.is_reported);
        let is_sure = is_reported || !is_older && interruptions == self.interruptions;
        let charge = match late > LATE.max(self.limit / 2) {
            true => Duration::ZERO,
            false => passed.min(self.planned).min(if is_sure { passed } else { self.limit / 2 }),
        };
        (self.looked_at, self.interruptions) = (now, interruptions);
        if long_polls > self.long_polls {
            (self.long_polls, self.eager_until) = (long_polls, now + EAGER);
        }
        self.planned = self.idle();
        let Some(going) = going else { return ended(before, charge) };
        let mut seen = match known {
            Some(seen) => SeenPoll { charged: seen.charged + charge, ..seen },
            None => SeenPoll { serial: going.serial, charged: going.elapsed.min(charge), is_reported: false },
        };
        let is_over = seen.charged >= self.limit;
        let found = match known {
            None if is_reported => ended(before, charge),
            _ if is_over && !seen.is_reported => {
                seen.is_reported = true;
                LookResult::Begun(seen.charged)
            }
            _ => LookResult::Nothing,
        };
        self.planned = if seen.is_reported {
            (seen.charged / 32).clamp(LEAST, MOST)
        } else if seen.charged >= self.watched_from() {
            self.limit.saturating_sub(seen.charged).min(self.limit / 2).max(LEAST)
        } else {
            self.idle()
        };
        self.seen = Some(seen);
        found
    }

    /// Returns from how long on a poll is watched. Until then it is one of the short polls that a busy loop is in at
    /// any look.
    fn watched_from(&self) -> Duration {
        (self.limit / 16).max(LEAST).min(self.limit / 4)
    }

    /// Returns the wait to the next look while nothing is watched.
    fn idle(&self) -> Duration {
        let least = if self.looked_at < self.eager_until { LEAST } else { IDLE };
        (self.limit / 2).max(least)
    }

    /// The poll that has just been found to reach the limit is not reported yet, but watched further.
    pub(super) fn postpone(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.is_reported = false;
            self.planned = (self.limit / 2).max(LEAST);
        }
    }

    /// The report of a stall has taken until `now`; the next look is planned from there.
    pub(super) fn reported(&mut self, now: Duration) {
        self.planned += now.saturating_sub(self.looked_at);
    }
}

/// Returns the end of the poll `before`, somewhere since the last look.
fn ended(before: Option<SeenPoll>, charge: Duration) -> LookResult {
    match before {
        Some(seen) if seen.is_reported => LookResult::Ended(seen.charged + charge / 2),
        _ => LookResult::Nothing,
    }
}

#[cfg(test)]
mod tests;
