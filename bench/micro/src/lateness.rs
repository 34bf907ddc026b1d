//! How late a sleep is: what passes between its deadline and the poll of the task that awaited it.

use crate::args::Settings;
use crate::measure::{Rounds, progress};
use crate::runtimes::{Egret, Monoio, Name, Runtime, Smol, Tokio};
use std::time::{Duration, Instant};

/// The shortest and the longest sleep, in nanoseconds.
const RANGE: (u64, u64) = (50_000, 2_600_000);

/// How late each of the sleeps of a runtime was, in microseconds.
#[derive(Debug)]
pub struct Lateness {
    pub runtime: Name,
    sorted: Vec<f64>,
}

impl Lateness {
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    pub fn mean(&self) -> f64 {
        mean(&self.sorted)
    }

    /// The value that `percent` of the sleeps were at most late by.
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted[rank - 1]
    }

    pub fn worst(&self) -> f64 {
        self.sorted[self.sorted.len() - 1]
    }

    /// How many ended before their time.
    pub fn early(&self) -> usize {
        self.sorted.iter().take_while(|late| **late < 0.0).count()
    }
}

/// Measures all runtimes; the second result is the mean of each round.
pub fn measure(settings: &Settings) -> (Vec<Lateness>, Rounds) {
    let mut all: Vec<_> =
        settings.runtimes.iter().map(|&runtime| Lateness { runtime, sorted: Vec::new() }).collect();
    let mut means = Rounds::new(settings.runtimes.iter().copied());
    let durations = durations(settings.sleeps.div_ceil(settings.rounds));
    for round in 1..=settings.rounds {
        progress(&format!("round {round}/{}: lateness", settings.rounds));
        means.measure(|runtime| {
            let late = match runtime {
                Name::Egret => sleep_through::<Egret>(durations.clone()),
                Name::Tokio => sleep_through::<Tokio>(durations.clone()),
                Name::Smol => sleep_through::<Smol>(durations.clone()),
                Name::Monoio => sleep_through::<Monoio>(durations.clone()),
            };
            let mean = mean(&late);
            if let Some(lateness) = all.iter_mut().find(|lateness| lateness.runtime == runtime) {
                lateness.sorted.extend(late);
            }
            mean
        });
    }
    progress("");
    for lateness in &mut all {
        lateness.sorted.sort_by(f64::total_cmp);
    }
    (all, means)
}

fn sleep_through<R: Runtime>(durations: Vec<Duration>) -> Vec<f64> {
    R::run(|rt| async move {
        let mut late = Vec::with_capacity(durations.len());
        for duration in durations {
            let start = Instant::now();
            rt.sleep(duration).await;
            let slept = start.elapsed();
            late.push((slept.as_nanos() as f64 - duration.as_nanos() as f64) / 1e3);
        }
        late
    })
}

/// Durations over the whole range, in no order, no two alike.
fn durations(count: usize) -> Vec<Duration> {
    let step = (RANGE.1 - RANGE.0) as f64 / count as f64;
    // Steps of the golden ratio, mod 1, are spread evenly however many there are.
    let place = |index: usize| (index as f64 * 0.618_033_988_749_894_9).fract() * count as f64;
    (0..count).map(|index| Duration::from_nanos(RANGE.0 + (place(index) * step) as u64)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_cover_the_range() {
        let durations = durations(1000);
        let nanoseconds = durations.iter().map(|duration| duration.as_nanos() as f64).collect::<Vec<_>>();
        assert!((mean(&nanoseconds) / 1_325_000.0 - 1.0).abs() < 0.01);
        assert!(nanoseconds.iter().all(|duration| (50e3..2.6e6).contains(duration)));
    }

    #[test]
    fn figures_are_of_the_sorted_values() {
        let lateness =
            Lateness { runtime: Name::Egret, sorted: (-1..=98).map(|value| value as f64).collect() };
        assert_eq!((lateness.count(), lateness.early()), (100, 1));
        assert_eq!((lateness.mean(), lateness.worst()), (48.5, 98.0));
        assert_eq!((lateness.percentile(50), lateness.percentile(99)), (48.0, 97.0));
    }

    #[test]
    fn egret_is_never_early() {
        assert!(sleep_through::<Egret>(durations(100)).iter().all(|late| *late >= 0.0));
    }
}
