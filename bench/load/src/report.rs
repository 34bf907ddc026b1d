//! What a load saw, and whether the figures are the server's or its own.

use crate::Pace;
use crate::histogram::Histogram;
use std::fmt;
use std::time::Duration;

/// Errors kept for the report; the rest are only counted.
const ERRORS_KEPT: usize = 5;

/// A load that works for this part of the time is its own limit: there is no room left for the gaps in which it
/// waits for a server.
const SATURATED: f64 = 0.9;

/// What a load saw.
#[derive(Clone, Debug)]
pub struct Report {
    /// Requests answered in full with the right bytes.
    pub answered: u64,
    /// Bytes received that were right.
    pub bytes: u64,
    /// Connections that failed, or were unfinished when the time was up.
    pub errors: u64,
    /// What the first few of them were.
    pub error_texts: Vec<String>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Time per request, from when it was due (open loop) or might be sent (closed loop) to its last byte.
    pub latency: Histogram,
    /// How much later than due a request was sent: the load's own fault. Empty for a closed loop.
    pub lag: Histogram,
    /// Time in which the load was not waiting.
    pub working: Duration,
}

impl Report {
    pub(crate) fn new() -> Report {
        Report {
            answered: 0,
            bytes: 0,
            errors: 0,
            error_texts: Vec::new(),
            elapsed: Duration::ZERO,
            latency: Histogram::new(),
            lag: Histogram::new(),
            working: Duration::ZERO,
        }
    }

    pub(crate) fn failed(&mut self, error: String) {
        self.errors += 1;
        if self.error_texts.len() < ERRORS_KEPT {
            self.error_texts.push(error);
        }
    }

    /// Requests answered in a second.
    pub fn throughput(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The part of the time in which the load was not waiting.
    pub fn busy(&self) -> f64 {
        self.working.as_secs_f64() / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Why throughput or latency are the load's own and not the server's, when they are.
    pub fn bottleneck(&self, pace: Pace) -> Option<String> {
        if self.busy() > SATURATED {
            return Some(format!("it worked for {:.0} % of the time", 100.0 * self.busy()));
        }
        if let Pace::Rate(rate) = pace {
            let (lag, latency) = (self.lag.quantile(0.5), self.latency.quantile(0.5));
            if lag > latency / 4 {
                return Some(format!(
                    "half of the requests were sent more than {:.1} us late",
                    lag.as_secs_f64() * 1e6
                ));
            }
            if self.throughput() < 0.9 * f64::from(rate) {
                return Some(format!("{:.0} requests/s were made in place of {rate}", self.throughput()));
            }
        }
        None
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "requests    {}", self.answered)?;
        writeln!(f, "errors      {}", self.errors)?;
        for text in &self.error_texts {
            writeln!(f, "            {text}")?;
        }
        writeln!(f, "elapsed     {:.3} s", self.elapsed.as_secs_f64())?;
        writeln!(
            f,
            "throughput  {:.0} requests/s, {:.1} MB/s of answers; the load worked for {:.0} % of the time",
            self.throughput(),
            self.bytes as f64 / self.elapsed.as_secs_f64().max(1e-9) / 1e6,
            100.0 * self.busy()
        )?;
        write!(f, "latency     ")?;
        quantiles(f, &self.latency)?;
        if self.lag.count() > 0 {
            write!(f, "\nsent late   ")?;
            quantiles(f, &self.lag)?;
        }
        Ok(())
    }
}

fn quantiles(f: &mut fmt::Formatter<'_>, histogram: &Histogram) -> fmt::Result {
    for (name, part) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
        write!(f, "{name} {:.1} us, ", micros(histogram.quantile(part)))?;
    }
    write!(f, "max {:.1} us", micros(histogram.max()))
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(latency_us: u64, lag_us: u64, working_ms: u64, answered: u64) -> Report {
        let mut report = Report::new();
        report.latency.record(Duration::from_micros(latency_us));
        report.lag.record(Duration::from_micros(lag_us));
        report.working = Duration::from_millis(working_ms);
        report.elapsed = Duration::from_secs(1);
        report.answered = answered;
        report
    }

    #[test]
    fn a_load_that_is_its_own_limit_says_so() {
        let (closed, open) = (Pace::Free, Pace::Rate(1000));
        assert_eq!(report(100, 0, 500, 1000).bottleneck(closed), None);
        assert_eq!(report(100, 10, 500, 1000).bottleneck(open), None);
        let text = |report: Report, pace| report.bottleneck(pace).unwrap();
        assert_eq!(text(report(100, 0, 950, 1000), closed), "it worked for 95 % of the time");
        assert!(text(report(100, 40, 500, 1000), open).contains("sent more than 40."));
        assert_eq!(text(report(100, 0, 500, 800), open), "800 requests/s were made in place of 1000");
    }
}
