//! Shrinks a failure: to fewer faults, and to a smaller number from each [`Sim::up_to`].

use super::check::{Ran, run};
use super::seeds::Replay;
use super::{Fault, Sim, Smaller};

/// How often a failure is run again to shrink it.
const ATTEMPTS: usize = 120;

/// The limits that are tried, from below.
const LIMITS: [usize; 12] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233];

/// The calls of `up_to` that have limits of their own; further ones have that of the last of these.
const CALLS: usize = 6;

/// Removes what the failure does not need. A smaller run counts when it fails in the same way twice, with one trace.
pub(super) fn shrink(replay: Replay, ran: Ran, scenario: &(impl Fn(&Sim) + Sync)) -> (Replay, Ran) {
    let mut shrunk = Shrunk { replay, ran, attempts: 0 };
    for fault in Fault::ALL {
        let mut smaller = shrunk.replay.smaller.clone();
        smaller.without.push(fault);
        shrunk.attempt(smaller, scenario);
    }
    let calls = shrunk.ran.sizes.len().clamp(1, CALLS);
    // All at once: most failures need little of anything.
    for limit in LIMITS {
        let smaller = Smaller { at_most: vec![Some(limit)], ..shrunk.replay.smaller.clone() };
        if shrunk.attempt(smaller, scenario) {
            break;
        }
    }
    for call in 0..calls {
        shrunk.shrink_size(call, calls, scenario);
    }
    (shrunk.replay, shrunk.ran)
}

struct Shrunk {
    replay: Replay,
    ran: Ran,
    attempts: usize,
}

impl Shrunk {
    /// Finds a small limit for one call of `up_to`: the first that fails, then by halves down to the one before.
    fn shrink_size(&mut self, call: usize, calls: usize, scenario: &(impl Fn(&Sim) + Sync)) {
        let (mut passes, mut fails) = (0, self.ran.sizes.get(call).copied().unwrap_or(0));
        for limit in LIMITS.into_iter().take_while(|limit| *limit < fails) {
            if self.attempt(self.limited(call, calls, limit), scenario) {
                fails = limit;
                break;
            }
            passes = limit;
        }
        while fails - passes > 1 {
            let middle = passes + (fails - passes) / 2;
            match self.attempt(self.limited(call, calls, middle), scenario) {
                true => fails = middle,
                false => passes = middle,
            }
        }
    }

    /// Returns the smaller run with this limit of one call.
    fn limited(&self, call: usize, calls: usize, limit: usize) -> Smaller {
        let mut at_most = self.replay.smaller.at_most.clone();
        let common = at_most.last().copied().flatten();
        at_most.resize(calls.max(at_most.len()), common);
        at_most[call] = Some(limit);
        Smaller { at_most, ..self.replay.smaller.clone() }
    }

    fn attempt(&mut self, smaller: Smaller, scenario: &(impl Fn(&Sim) + Sync)) -> bool {
        self.attempts += 1;
        if self.attempts > ATTEMPTS {
            return false;
        }
        let candidate = Replay { seed: self.replay.seed, smaller };
        let ran = run(&candidate, scenario);
        if ran.kind() != self.ran.kind() || !run(&candidate, scenario).is_same(&ran) {
            return false;
        }
        (self.replay, self.ran) = (candidate, ran);
        true
    }
}
