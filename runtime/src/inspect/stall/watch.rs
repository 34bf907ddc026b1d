//! How long a poll has been going, from looks at a loop, and when to look again.
//!
//! - A poll is known by its serial number. It began after the last look at which it was not there.
//! - Between two looks a poll is charged with the time that was planned between them, never with more, and with half of
//!   the limit at most before it is reported. When the look comes much later than planned the process was stopped, or
//!   the machine suspended, or neither thread had a processor: the poll is charged with nothing. So what a stop adds to
//!   a poll is at most half of the limit.
//! - Looks are so rare that they cost next to nothing, and miss polls that are shorter than the time between two of them.
//!   The loop counts those: once one was missed, the looks are as frequent as the limit asks for, for [`EAGER`].
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

/// The shortest wait while nothing is going on, which bounds the cost to that of 29 looks a second; and while a poll is
/// watched. A look costs 20 to 30 microseconds, nearly all of them for the wake-up of the thread.
const LEAST_IDLE: Duration = Duration::from_millis(35);
const LEAST: Duration = Duration::from_millis(1);
/// For how long looks are frequent after a poll over the limit.
const EAGER: Duration = Duration::from_secs(10);
/// While a stall goes on, so that its end is reported soon.
const MOST: Duration = Duration::from_millis(250);
/// A look is this late on a busy machine.
const LATE: Duration = Duration::from_millis(20);

impl LoopWatch {
    pub(super) fn new(limit: Duration, now: Duration) -> LoopWatch {
        let planned = (limit / 2).max(LEAST_IDLE);
        LoopWatch { limit, looked_at: now, planned, seen: None, long_polls: 0, eager_until: Duration::ZERO }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// When to look next.
    pub(super) fn due(&self) -> Duration {
        self.looked_at + self.planned
    }

    /// Looks at the loop: `going` is the poll that it is in, and it has counted so many polls over the limit.
    pub(super) fn look(&mut self, now: Duration, going: Option<GoingPoll>, long_polls: u64) -> LookResult {
        let late = now.saturating_sub(self.due());
        let before = self.seen.take();
        let most = if before.is_some_and(|seen| seen.is_reported) { self.planned } else { self.limit / 2 };
        let is_late = late > LATE.max(self.limit / 2);
        let charge = if is_late { Duration::ZERO } else { self.planned.min(most) };
        self.looked_at = now;
        if long_polls > self.long_polls {
            (self.long_polls, self.eager_until) = (long_polls, now + EAGER);
        }
        self.planned = self.idle();
        let known = before.filter(|seen| going.is_some_and(|going| going.serial == seen.serial));
        let Some(going) = going else { return ended(before, charge) };
        let mut seen = match known {
            Some(seen) => SeenPoll { charged: seen.charged + charge, ..seen },
            None => SeenPoll { serial: going.serial, charged: going.elapsed.min(charge), is_reported: false },
        };
        let is_over = seen.charged >= self.limit;
        let found = match known {
            None if before.is_some_and(|before| before.is_reported) => ended(before, charge),
            _ if is_over && !seen.is_reported => {
                seen.is_reported = true;
                LookResult::Begun(seen.charged)
            }
            _ => LookResult::Nothing,
        };
        self.planned = if seen.is_reported {
            (seen.charged / 32).clamp(LEAST, MOST)
        } else if seen.charged >= self.limit / 4 {
            self.limit.saturating_sub(seen.charged).min(self.limit / 4).max(LEAST)
        } else {
            self.idle()
        };
        self.seen = Some(seen);
        found
    }

    /// The wait to the next look while nothing is watched.
    fn idle(&self) -> Duration {
        let least = if self.looked_at < self.eager_until { LEAST } else { LEAST_IDLE };
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

/// The end of the poll `before`, somewhere since the last look.
fn ended(before: Option<SeenPoll>, charge: Duration) -> LookResult {
    match before {
        Some(seen) if seen.is_reported => LookResult::Ended(seen.charged + charge / 2),
        _ => LookResult::Nothing,
    }
}

#[cfg(test)]
mod tests;
