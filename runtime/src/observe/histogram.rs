//! Histograms of durations in fixed memory.
//!
//! - The buckets are log-linear: 16 of equal width to each power of two, so that a bucket is at most 1/16 of its value
//!   wide. A value goes to its bucket by a shift and a count of leading zeros.
//! - [`Buckets`] is what the loop writes, in ticks; only its thread does, with relaxed stores, and any thread reads.
//!   [`Histogram`] is a copy at one moment, in nanoseconds.

use crate::observe::ticks;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many bits of a value choose the bucket within its power of two.
const LINEAR_BITS: u32 = 4;
const LINEAR: u64 = 1 << LINEAR_BITS;
/// Values are less than this, the buckets of which are less than [`COUNT`].
const END: u64 = 1 << 63;
/// A power of two, so that an index is masked instead of compared.
const COUNT: usize = 1024;

const _: () = assert!(index_of(END - 1) < COUNT);

/// The counts of a histogram that a loop writes.
pub(crate) struct Buckets {
    counts: Box<[AtomicU64; COUNT]>,
    sum: AtomicU64,
    max: AtomicU64,
}

/// A histogram of durations, from [`Runtime::histograms`](crate::runtime::Runtime::histograms).
///
/// A duration is known to a sixteenth of itself.
///
/// ```
/// # #[cfg(feature = "inspect")] {
/// let rt = egret_runtime::runtime::Runtime::new()?;
/// rt.block_on(async { std::thread::sleep(std::time::Duration::from_millis(20)) });
/// let polls = rt.histograms().poll;
/// assert_eq!(polls.count(), 1);
/// assert!(polls.max() >= std::time::Duration::from_millis(20));
/// assert!(polls.quantile(0.99) >= std::time::Duration::from_millis(18));
/// # }
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// The upper end of each bucket that is not empty, in nanoseconds, and its count; ascending.
    buckets: Vec<(u64, u64)>,
    count: u64,
    sum: u64,
    max: u64,
}

/// With `LINEAR` added, the least values are no special case.
#[inline(always)]
const fn index_of(value: u64) -> usize {
    let value = value.wrapping_add(LINEAR);
    let row = (63 - LINEAR_BITS).wrapping_sub(value.leading_zeros());
    ((row as u64) << LINEAR_BITS).wrapping_add(value >> (row & 63)).wrapping_sub(LINEAR) as usize
}

/// Returns the greatest value of a bucket.
const fn upper_end(index: usize) -> u64 {
    let (row, within) = (index as u64 / LINEAR, index as u64 % LINEAR);
    ((LINEAR + within + 1) << row) - 1 - LINEAR
}

impl Buckets {
    pub(crate) fn new() -> Buckets {
        let counts = Box::new([const { AtomicU64::new(0) }; COUNT]);
        Buckets { counts, sum: AtomicU64::new(0), max: AtomicU64::new(0) }
    }

    /// Adds `weight` durations of `ticks`, which are less than 2^63. Only the thread of the loop calls it.
    #[inline]
    pub(crate) fn add(&self, ticks: u64, weight: u64) {
        debug_assert!(ticks < END);
        bump(&self.counts[index_of(ticks) % COUNT], weight);
        bump(&self.sum, ticks.wrapping_mul(weight));
        if ticks > self.max.load(Ordering::Relaxed) {
            self.max.store(ticks, Ordering::Relaxed);
        }
    }

    /// Returns a copy at this moment.
    pub(crate) fn read(&self) -> Histogram {
        self.read_with(0, 0)
    }

    /// Returns a copy at this moment, with `weight` durations of `ticks` that are not added yet.
    pub(crate) fn read_with(&self, ticks: u64, weight: u64) -> Histogram {
        let longest = if weight > 0 { ticks } else { 0 };
        let mut histogram = Histogram {
            sum: ticks::nanoseconds(
                self.sum.load(Ordering::Relaxed).wrapping_add(ticks.wrapping_mul(weight)),
            ),
            max: ticks::nanoseconds(self.max.load(Ordering::Relaxed).max(longest)),
            ..Histogram::default()
        };
        let more = index_of(ticks) % COUNT;
        for (index, count) in self.counts.iter().enumerate() {
            let count = count.load(Ordering::Relaxed) + if index == more { weight } else { 0 };
            if count > 0 {
                histogram.buckets.push((ticks::nanoseconds(upper_end(index)), count));
                histogram.count += count;
            }
        }
        histogram
    }
}

/// Adds, on the only thread that writes: a load and a store, without a locked instruction.
#[inline]
pub(super) fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl Histogram {
    /// Returns how many durations there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns all of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum)
    }

    /// Returns the longest; zero where there is none.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// Returns the duration that a part `quantile` of all does not exceed, such as 0.99; zero where there is none.
    ///
    /// It is the upper end of a bucket, and so too long by up to a sixteenth, but never longer than
    /// [`max`](Histogram::max).
    ///
    /// # Panics
    ///
    /// When `quantile` is not within 0 and 1.
    #[track_caller]
    pub fn quantile(&self, quantile: f64) -> Duration {
        assert!((0.0..=1.0).contains(&quantile), "quantile({quantile}): it is within 0 and 1");
        let rank = ((self.count as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (upper, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos((*upper).min(self.max));
            }
        }
        self.max()
    }

    /// Returns the upper end of each bucket that is not empty, and how many durations are in it; the shortest first.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.buckets.iter().map(|(upper, count)| (Duration::from_nanos(*upper), *count))
    }

    /// Returns how many durations do not exceed `limit`, to a bucket: for the cumulative buckets of Prometheus.
    pub fn count_up_to(&self, limit: Duration) -> u64 {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.buckets.iter().take_while(|(upper, _)| *upper <= limit).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_in_a_bucket_that_is_at_most_a_sixteenth_of_it_wide() {
        let mut last = None;
        for power in 0..63 {
            for value in [(1 << power) - 1, 1 << power, (1 << power) + (1 << power) / 3] {
                let index = index_of(value);
                assert!(upper_end(index) >= value, "{value}");
                assert!(upper_end(index) - value <= value / LINEAR, "{value}");
                assert!(index == 0 || upper_end(index - 1) < value, "{value}");
                assert!(last.is_none_or(|last| last <= index));
                last = Some(index);
            }
        }
        assert!(upper_end(index_of(END - 1)) >= END - 1);
    }

    #[test]
    fn a_histogram_has_the_count_the_greatest_value_and_the_quantiles() {
        let buckets = Buckets::new();
        assert_eq!(buckets.read().quantile(0.5), Duration::ZERO);
        for value in 1..=1000 {
            buckets.add(value * 1000, 1);
        }
        buckets.add(1 << 46, 2);
        let read = buckets.read();
        assert_eq!(read.count(), 1002);
        assert_eq!(read.max(), Duration::from_nanos(ticks::nanoseconds(1 << 46)));
        for (quantile, expected) in [(0.25, 251_000), (0.5, 501_000), (0.9, 902_000)] {
            let expected = ticks::nanoseconds(expected) as f64;
            let found = read.quantile(quantile).as_nanos() as f64;
            assert!((expected * 0.99..expected * 1.08).contains(&found), "{quantile}: {found}, {expected}");
        }
        assert_eq!(read.quantile(1.0), read.max());
        assert_eq!(read.count_up_to(Duration::MAX), 1002);
        assert_eq!(read.count_up_to(Duration::ZERO), 0);

        let more = buckets.read_with(1 << 47, 3);
        buckets.add(1 << 47, 3);
        assert_eq!(more, buckets.read());
        assert_eq!(more.count(), 1005);
    }
}
