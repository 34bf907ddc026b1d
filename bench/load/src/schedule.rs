//! When the requests of an open loop are due.

use crate::random::Random;
use std::time::{Duration, Instant};

/// Times with exponential gaps: what many clients make together that know nothing of each other. The same seed
/// every time, so that every server is asked at the same times.
#[derive(Debug)]
pub struct Schedule {
    gap: f64,
    random: Random,
    next: Instant,
    left: u64,
}

impl Schedule {
    /// `count` times from `start` on, `rate` of them a second.
    pub fn new(start: Instant, rate: u32, count: u64) -> Schedule {
        let mut schedule =
            Schedule { gap: 1e9 / f64::from(rate), random: Random::new(1), next: start, left: count };
        schedule.advance();
        schedule
    }

    /// When the next one is due, if there is one.
    pub fn next(&self) -> Option<Instant> {
        (self.left > 0).then_some(self.next)
    }

    /// Takes the next one if it is due at `now`.
    pub fn due(&mut self, now: Instant) -> Option<Instant> {
        let at = self.next().filter(|at| *at <= now)?;
        self.left -= 1;
        self.advance();
        Some(at)
    }

    fn advance(&mut self) {
        // In (0, 1], so that the logarithm is finite.
        let uniform = ((self.random.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        self.next += Duration::from_nanos((-uniform.ln() * self.gap) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_times_come_as_were_asked_for_and_at_the_rate() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 10_000, 50_000);
        let (mut last, mut count) = (start, 0);
        while let Some(at) = schedule.next() {
            assert_eq!(schedule.due(at - Duration::from_nanos(1)), None);
            assert_eq!(schedule.due(at), Some(at));
            assert!(at >= last);
            last = at;
            count += 1;
        }
        assert_eq!(count, 50_000);
        let seconds = (last - start).as_secs_f64();
        assert!((4.9..5.1).contains(&seconds), "50 000 at 10 000 a second took {seconds} s");
    }
}
