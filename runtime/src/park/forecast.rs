//! Guesses whether the next wait is a short one, from the lengths of those before. It has no clock of its own.
//!
//! ```text
//!           `patience` near waits in a row
//!   Asleep ------------------------------> Awake
//!      ^                                     |
//!      +-------------------------------------+
//!           the mean of the waits is over the limit
//! ```
//!
//! **Awake**, a wait is seen as it is, and the mean of the last few decides. By the mean, and not by how many were short:
//! with gaps at random it is the mean that says whether looking is cheaper than sleeping, whatever one has waited
//! already. A single long wait among short ones counts as [`LONGEST`] limits, so that a client's pause for
//! thought does not end a conversation.
//!
//! **Asleep**, the length of a wait has the time of the wake-up in it, which may be most of it: a client that answers
//! within 10 us is seen after 50. So a wait is *near* that is shorter than [`NEAR`] limits, and to find out what is in it
//! takes a trial: to be awake for a few waits. Three that are no good at all end it. One would not do, for the client was
//! asleep as well, and its processor: the first answer is late for the sake of the sleeps before (seen in a virtual
//! machine: 40 us, and 15 from the second on). A trial that comes to nothing doubles the patience until the next,
//! so that a load for which it never pays, pays for next to none; one that goes well sets it back.

/// Asleep, a wait of this many limits may be a short one with its wake-up.
const NEAR: u64 = 8;

/// Awake, a wait counts as this many limits at most.
const LONGEST: u64 = 4;

/// A wait has this part of the mean: a conversation is known after as many.
const WEIGHT: u64 = 8;

/// Near waits before the first trial and after one that went well. A trial that is no good costs three limits, which is
/// about what three sleeps cost.
const LEAST_PATIENCE: u32 = 32;

/// Near waits between two trials of a load for which it never pays: three parts in a thousand.
const MOST_PATIENCE: u32 = 1024;

/// A trial went well when it has lasted for so many waits.
const GOOD: u32 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// How long a wait may be awake, in nanoseconds.
    limit: u64,
    state: State,
    /// Near waits that the next trial takes.
    patience: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// After so many near waits in a row.
    Asleep { near: u32 },
    /// The mean of the waits, and how many there were, up to [`GOOD`].
    Awake { mean: u64, waits: u32 },
}

impl Forecast {
    pub(crate) fn new(limit: u64) -> Forecast {
        // Divided, so that a limit of "for ever" does not overflow.
        let limit = limit.min(u64::MAX / (NEAR * WEIGHT));
        Forecast { limit, state: State::Asleep { near: 0 }, patience: LEAST_PATIENCE }
    }

    /// For how many nanoseconds the next wait is to be awake.
    pub(crate) fn begin(self) -> u64 {
        match self.state {
            State::Asleep { .. } => 0,
            State::Awake { .. } => self.limit,
        }
    }

    /// What is to be thought after one more wait, that was so many nanoseconds long and began awake or asleep.
    #[must_use]
    pub(crate) fn after(self, length: u64, awake: bool) -> Forecast {
        match self.state {
            State::Asleep { near } if !awake => self.after_asleep(near, length),
            State::Awake { mean, waits } if awake => self.after_awake(mean, waits, length),
            // A wait that began before the last change: a task that steps the loop by hand may nest them.
            _ => self,
        }
    }

    fn after_asleep(self, near: u32, length: u64) -> Forecast {
        let near = if length < NEAR * self.limit { near + 1 } else { 0 };
        let state =
            if near < self.patience { State::Asleep { near } } else { State::Awake { mean: 0, waits: 0 } };
        Forecast { state, ..self }
    }

    fn after_awake(self, mean: u64, waits: u32, length: u64) -> Forecast {
        let length = length.min(LONGEST * self.limit);
        let mean = mean - mean / WEIGHT + length / WEIGHT;
        let waits = (waits + 1).min(GOOD);
        if mean <= self.limit {
            let patience = if waits == GOOD { LEAST_PATIENCE } else { self.patience };
            return Forecast { state: State::Awake { mean, waits }, patience, ..self };
        }
        let patience = if waits == GOOD { LEAST_PATIENCE } else { (2 * self.patience).min(MOST_PATIENCE) };
        Forecast { state: State::Asleep { near: 0 }, patience, ..self }
    }
}

#[cfg(test)]
mod tests;
