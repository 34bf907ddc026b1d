//! Latencies counted in buckets: 128 to each power of two, so a reported value is at most 1/128 too high.

use std::time::Duration;

const SUB_BITS: u32 = 7;
const SUB: u64 = 1 << SUB_BITS;
const BUCKETS: usize = ((64 - SUB_BITS + 1) as usize) << SUB_BITS;

/// Durations in nanoseconds, counted.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl Histogram {
    /// No durations yet.
    pub fn new() -> Histogram {
        Histogram { counts: vec![0; BUCKETS].into_boxed_slice(), total: 0, max: 0 }
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        self.max = self.max.max(nanos);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The longest duration, exact.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The duration that a `part` (0 to 1) of all were not longer than, rounded up to its bucket's end.
    pub fn quantile(&self, part: f64) -> Duration {
        let rank = ((self.total as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(highest(index).min(self.max));
            }
        }
        self.max()
    }
}

/// Values below `2 * SUB` have a bucket each; above, the top `SUB_BITS + 1` bits choose the bucket.
fn bucket(nanos: u64) -> usize {
    let shift = (nanos | SUB).ilog2() - SUB_BITS;
    (u64::from(shift) * SUB + (nanos >> shift)) as usize
}

/// The highest value of a bucket.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / SUB).saturating_sub(1);
    let top = bucket - shift * SUB;
    (((u128::from(top) + 1) << shift) - 1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_bucket_whose_end_is_at_most_one_128th_above_it() {
        let mut value = 1_u64;
        while value < u64::MAX / 3 {
            for value in [value - 1, value, value + 1] {
                let end = highest(bucket(value));
                assert!(end >= value, "{value} {end}");
                assert!(end - value <= value / SUB, "{value} {end}");
            }
            value = value * 3 / 2 + 1;
        }
        assert_eq!(highest(bucket(u64::MAX)), u64::MAX);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_1_to_1000_are_within_a_bucket() {
        let mut histogram = Histogram::new();
        for nanos in 1..=1000 {
            histogram.record(Duration::from_nanos(nanos));
        }
        for (part, exact) in [(0.5, 500), (0.9, 900), (1.0, 1000)] {
            let nanos = histogram.quantile(part).as_nanos() as u64;
            assert!((exact..=exact + exact / SUB).contains(&nanos), "{nanos}");
        }
        assert_eq!(histogram.max(), Duration::from_nanos(1000));
        assert_eq!(histogram.count(), 1000);
    }
}
