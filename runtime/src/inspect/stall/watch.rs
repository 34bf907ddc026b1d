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
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A loop that is looked at on time, and what it does at each moment.
    struct Scene {
        watch: LoopWatch,
        now: Duration,
        /// When the current poll began.
        poll: Option<(u64, Duration)>,
        found: Vec<(u64, LookResult)>,
        long_polls: u64,
        /// By how much each look is late.
        late: Duration,
    }

    impl Scene {
        fn new(limit: Duration) -> Scene {
            Scene {
                watch: LoopWatch::new(limit, ms(1000)),
                now: ms(1000),
                poll: None,
                found: Vec::new(),
                long_polls: 0,
                late: Duration::ZERO,
            }
        }

        /// The next poll begins.
        fn begin(&mut self) {
            let serial = self.poll.map_or(1, |(serial, _)| serial + 1);
            self.poll = Some((serial, self.now));
        }

        /// Time goes on, with looks when they are due.
        fn run(&mut self, duration: Duration) {
            let end = self.now + duration;
            while self.watch.due() + self.late <= end {
                self.now = (self.watch.due() + self.late).max(self.now);
                self.look();
            }
            self.now = end;
        }

        /// Neither the loop nor the sampler run.
        fn stop(&mut self, duration: Duration) {
            self.now += duration;
            if self.watch.due() <= self.now {
                self.look();
            }
        }

        fn look(&mut self) {
            let going = self.poll.map(|(serial, begin)| GoingPoll { serial, elapsed: self.now - begin });
            let found = self.watch.look(self.now, going, self.long_polls);
            if found != LookResult::Nothing {
                self.found.push((self.poll.map_or(0, |(serial, _)| serial), found));
            }
        }
    }

    #[test]
    fn a_long_poll_is_reported_once_while_it_goes_on_and_once_at_its_end() {
        for phase in 0..60 {
            let mut scene = Scene::new(LIMIT);
            scene.run(ms(phase));
            scene.begin();
            scene.run(ms(99));
            assert_eq!(scene.found, []);
            scene.run(ms(2)); // the looks are where they find it at the limit
            let found = scene.found.clone();
            assert!(
                matches!(found[..], [(1, LookResult::Begun(at))] if at >= LIMIT && at < ms(102)),
                "{found:?}"
            );
            scene.run(ms(3000));
            assert_eq!(scene.found, found);
            scene.begin();
            scene.run(ms(250)); // the longest wait between two looks
            let [_, (2, LookResult::Ended(after)), ..] = scene.found[..] else { panic!("{:?}", scene.found) };
            assert!(after.abs_diff(ms(3101)) < ms(100), "{after:?}");
        }
    }

    #[test]
    fn the_end_is_reported_also_of_the_last_poll() {
        let mut scene = Scene::new(LIMIT);
        scene.begin();
        scene.run(ms(500));
        scene.poll = None;
        scene.run(ms(500));
        assert!(
            matches!(scene.found[..], [(1, LookResult::Begun(_)), (0, LookResult::Ended(_))]),
            "{:?}",
            scene.found
        );
    }

    #[test]
    fn short_polls_are_no_stall_however_many() {
        let mut scene = Scene::new(LIMIT);
        for length in (1..=96).cycle().take(2000) {
            scene.begin();
            scene.run(ms(length));
        }
        assert_eq!(scene.found, []);
    }

    #[test]
    fn the_time_of_a_stop_is_not_charged() {
        for before in 0..60 {
            for length in [ms(500), ms(3_600_000)] {
                let mut scene = Scene::new(LIMIT);
                scene.run(ms(7));
                scene.begin();
                scene.run(ms(before));
                scene.stop(length);
                scene.run(ms(35));
                scene.begin();
                scene.run(ms(80));
                assert_eq!(scene.found, [], "a stop of {length:?} after {before} ms");
            }
        }
    }

    #[test]
    fn a_poll_that_stalls_after_a_stop_is_reported() {
        let mut scene = Scene::new(LIMIT);
        scene.begin();
        scene.run(ms(30));
        scene.stop(ms(10_000));
        scene.run(ms(175));
        assert!(matches!(scene.found[..], [(1, LookResult::Begun(at))] if at < ms(180)), "{:?}", scene.found);
    }

    #[test]
    fn a_suspend_that_only_the_clock_of_the_loop_counts_is_no_stall() {
        let mut watch = LoopWatch::new(LIMIT, ms(0));
        let mut going = GoingPoll { serial: 1, elapsed: ms(3_600_000) };
        assert_eq!(watch.look(watch.due(), Some(going), 0), LookResult::Nothing);
        going.serial = 2;
        assert_eq!(watch.look(watch.due(), Some(going), 0), LookResult::Nothing);
        assert_eq!(watch.look(watch.due(), None, 0), LookResult::Nothing);
    }

    #[test]
    fn with_a_short_limit_a_stop_between_two_looks_is_no_stall_and_a_long_poll_is_one() {
        let limit = ms(20);
        for phase in 0..60 {
            let mut scene = Scene::new(limit);
            scene.run(ms(phase));
            scene.begin();
            scene.run(ms(2));
            scene.stop(ms(24));
            scene.run(ms(3));
            scene.begin();
            scene.run(ms(3));
            assert_eq!(scene.found, [], "a stop {phase} ms after a look");
            scene.begin();
            scene.run(LEAST_IDLE + 3 * limit / 2);
            let [(3, LookResult::Begun(held))] = scene.found[..] else {
                panic!("{phase}: {:?}", scene.found)
            };
            assert!(held >= limit && held < limit * 2, "{held:?}");
        }
    }

    #[test]
    fn of_short_stalls_that_are_missed_the_next_one_is_reported() {
        for phase in 0..50 {
            let mut scene = Scene::new(ms(20));
            for serial in 1..=3 {
                scene.run(ms(phase));
                scene.poll = Some((serial, scene.now));
                scene.run(ms(31));
                scene.poll = None;
                scene.long_polls += 1;
                scene.run(LEAST_IDLE); // to the next look
            }
            let begun = |serial| {
                scene.found.iter().any(|(of, found)| *of == serial && matches!(found, LookResult::Begun(_)))
            };
            assert!(begun(2) && begun(3), "{phase}: {:?}", scene.found);
        }
    }

    /// The first of a runtime too: it begins at any moment after the build.
    #[test]
    fn the_first_stall_of_three_short_limits_is_reported_also_when_the_looks_are_late() {
        for phase in 0..100 {
            for late in 0..=4 {
                let mut scene = Scene::new(ms(20));
                scene.late = ms(late);
                scene.run(ms(phase));
                scene.begin();
                scene.run(ms(60));
                let begun = matches!(scene.found[..], [(1, LookResult::Begun(held))] if held >= ms(20));
                assert!(begun, "after {phase} ms, {late} ms late: {:?}", scene.found);
            }
        }
    }

    #[test]
    fn a_report_that_is_postponed_comes_later_once() {
        let mut scene = Scene::new(LIMIT);
        scene.begin();
        scene.run(ms(101));
        assert!(matches!(scene.found[..], [(1, LookResult::Begun(_))]), "{:?}", scene.found);
        scene.watch.postpone();
        scene.run(ms(1000));
        assert!(
            matches!(scene.found[..], [_, (1, LookResult::Begun(at))] if at <= ms(155)),
            "{:?}",
            scene.found
        );
        scene.watch.postpone();
        scene.poll = None;
        scene.run(ms(1000));
        assert_eq!(scene.found.len(), 2, "the end of a poll that was not reported is none");
    }

    #[test]
    fn looks_are_frequent_for_a_while_after_a_long_poll() {
        let mut scene = Scene::new(ms(20));
        scene.run(ms(100));
        scene.long_polls = 1;
        scene.run(LEAST_IDLE);
        assert_eq!(scene.watch.planned, ms(10));
        scene.run(EAGER);
        scene.run(LEAST_IDLE);
        assert_eq!(scene.watch.planned, LEAST_IDLE);
    }

    #[test]
    fn a_short_limit_does_not_make_the_looks_frequent() {
        let watch = LoopWatch::new(ms(1), ms(0));
        assert_eq!(watch.due(), LEAST_IDLE);
    }

    #[test]
    fn the_time_that_a_report_takes_is_no_lateness() {
        let mut scene = Scene::new(LIMIT);
        scene.begin();
        scene.run(ms(100));
        scene.now += ms(2000); // the report
        scene.watch.reported(scene.now);
        scene.run(ms(50));
        scene.poll = None;
        scene.run(ms(250));
        let [_, (0, LookResult::Ended(after))] = scene.found[..] else { panic!("{:?}", scene.found) };
        assert!(after.abs_diff(ms(2150)) < ms(100), "{after:?}");
    }
}
