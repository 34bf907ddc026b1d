//! Rounds, and what comes of them.
//!
//! The runtimes take turns within a round and each round begins with another, so that whatever disturbs the
//! machine disturbs all of them. Ratios are made within a round, between neighbours in time.

use crate::args::Settings;
use crate::cases::Case;
use crate::figure::Figure;
use crate::runtimes::Name;
use std::io::{IsTerminal, Write};

/// One value for each round and each runtime that was measured.
#[derive(Debug)]
pub struct Rounds {
    runtimes: Vec<Name>,
    rounds: Vec<Vec<f64>>,
}

impl Rounds {
    pub fn new(runtimes: impl IntoIterator<Item = Name>) -> Rounds {
        Rounds { runtimes: runtimes.into_iter().collect(), rounds: Vec::new() }
    }

    /// Measures every runtime once more, by `measure`, the next one of them first.
    pub fn measure(&mut self, mut measure: impl FnMut(Name) -> f64) {
        let count = self.runtimes.len();
        let mut round = vec![0.0; count];
        for turn in 0..count {
            let index = (self.rounds.len() + turn) % count;
            round[index] = measure(self.runtimes[index]);
        }
        self.rounds.push(round);
    }

    pub fn figure(&self, runtime: Name) -> Option<Figure> {
        let index = self.index(runtime)?;
        Figure::of(self.rounds.iter().map(|round| round[index]))
    }

    /// Egret's value divided by the least of the others in the same round.
    pub fn ratio_to_best_peer(&self) -> Option<Figure> {
        let egret = self.index(Name::Egret)?;
        let ratio = |round: &Vec<f64>| {
            let peers = round.iter().enumerate().filter(|(index, _)| *index != egret);
            Some(round[egret] / peers.map(|(_, value)| *value).min_by(f64::total_cmp)?)
        };
        Figure::of(self.rounds.iter().filter_map(ratio))
    }

    fn index(&self, runtime: Name) -> Option<usize> {
        self.runtimes.iter().position(|&other| other == runtime)
    }
}

/// Nanoseconds per operation of the cases that are asked for.
pub fn times(settings: &Settings) -> Vec<(Case, Rounds)> {
    for &case in &settings.cases {
        progress(&format!("warm-up: {}", case.name()));
        for runtime in settings.runtimes_of(case) {
            case.time(runtime, 0);
        }
    }
    let mut results: Vec<_> =
        settings.cases.iter().map(|&case| (case, Rounds::new(settings.runtimes_of(case)))).collect();
    for round in 1..=settings.rounds {
        for (case, rounds) in &mut results {
            progress(&format!("round {round}/{}: {}", settings.rounds, case.name()));
            let operations = case.operations() * settings.length;
            rounds.measure(|runtime| case.time(runtime, operations).as_nanos() as f64 / operations as f64);
        }
    }
    progress("");
    results
}

/// Shows what begins: on a terminal in one line that is written over, elsewhere a line for each step.
pub fn progress(text: &str) {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
    } else if !text.is_empty() {
        let _ = writeln!(stderr, "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_begins_with_another_runtime() {
        let mut order = Vec::new();
        let mut rounds = Rounds::new([Name::Egret, Name::Smol]);
        for _ in 0..3 {
            rounds.measure(|runtime| {
                order.push(runtime);
                1.0
            });
        }
        assert_eq!(order, [Name::Egret, Name::Smol, Name::Smol, Name::Egret, Name::Egret, Name::Smol]);
    }

    #[test]
    fn a_ratio_is_to_the_best_peer_of_its_round() {
        let mut rounds = Rounds::new([Name::Tokio, Name::Egret, Name::Smol]);
        for values in [[10.0, 5.0, 20.0], [50.0, 6.0, 20.0], [10.0, 9.0, 10.0]] {
            rounds.measure(|runtime| match runtime {
                Name::Tokio => values[0],
                Name::Egret => values[1],
                _ => values[2],
            });
        }
        let ratio = rounds.ratio_to_best_peer().unwrap();
        assert_eq!((ratio.lowest, ratio.median, ratio.highest), (0.3, 0.5, 0.9));
        assert_eq!(rounds.figure(Name::Tokio).unwrap().median, 10.0);
        assert_eq!(rounds.figure(Name::Monoio), None);
        assert_eq!(Rounds::new([Name::Egret]).ratio_to_best_peer(), None);
    }
}
