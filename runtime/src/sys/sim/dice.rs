//! Seeded choices.
//!
//! Each kind of choice has its own stream, derived from the seed and the name of the kind. Switching one kind off
//! does not change the choices of another, so a failing seed can be shrunk.

use std::ops::RangeInclusive;

/// A stream of choices.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    stream: fastrand::Rng,
}

impl Dice {
    /// Returns the stream of `seed` with this name.
    pub(crate) fn new(seed: u64, name: &str) -> Dice {
        // FNV-1a: the same on every machine, which `std`'s hashers do not promise.
        let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let name = name.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, hash);
        Dice { stream: fastrand::Rng::with_seed(seed ^ name) }
    }

    /// Returns a number below `n`, or 0 when `n` is.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        if n < 2 { 0 } else { self.stream.usize(..n) }
    }

    /// Returns a number of the range.
    pub(crate) fn within(&mut self, range: &RangeInclusive<u64>) -> u64 {
        if range.is_empty() { *range.start() } else { self.stream.u64(range.clone()) }
    }

    /// Returns true with a probability in millionths.
    pub(crate) fn chance(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.stream.u32(..1_000_000) < per_million
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_its_seeds_and_its_names_and_nobody_elses() {
        let draw = |seed, name| {
            let mut dice = Dice::new(seed, name);
            (0..8).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "order"), draw(1, "order"));
        assert_ne!(draw(1, "order"), draw(2, "order"));
        assert_ne!(draw(1, "order"), draw(1, "delay"));
        // The same on every machine and in every release: a seed in a bug report must mean the same run.
        assert_eq!(draw(1, "order"), [482, 236, 922, 24, 793, 606, 781, 394]);
    }
}
