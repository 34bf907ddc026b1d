//! [`EgretCollector`]: the counts and histograms of loops for a registry of `prometheus-client`.
//!
//! A scrape asks each loop for a copy of its counters, which takes a turn of it, and reads the histograms without it. The
//! thread that scrapes is blocked for so long: in a server that is a job of `spawn_blocking`.

use egret::inspect::{Histogram, Histograms, LoopState};
use egret::runtime::{Handle, Metrics};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::time::Duration;

/// Shows these loops, each by its number in the label `loop`.
#[derive(Debug)]
pub struct EgretCollector(pub Vec<Handle>);

/// A loop at the time of a scrape.
struct Sample {
    labels: [(&'static str, String); 1],
    /// `None` while the loop is stuck: there is no sample then, and not an old one.
    metrics: Option<Metrics>,
    stuck: Duration,
    histograms: Histograms,
}

type Count = fn(&Metrics) -> u64;

const COUNTERS: [(&str, &str, Count); 7] = [
    ("egret_turns", "Turns of the loop", |counts| counts.turns),
    ("egret_polls", "Polls of tasks", |counts| counts.polls),
    ("egret_long_polls", "Polls over the limit of a long poll", |counts| counts.long_polls),
    ("egret_local_wakes", "Wakes on the thread of the loop", |counts| counts.local_wakes),
    ("egret_remote_wakes", "Wakes from elsewhere", |counts| counts.remote_wakes),
    ("egret_events", "Events that epoll_wait reported", |counts| counts.events),
    ("egret_timers_fired", "Timers that fired", |counts| counts.timers_fired),
];

const GAUGES: [(&str, &str, Count); 4] = [
    ("egret_tasks", "Tasks that have not ended", |counts| counts.tasks_alive as u64),
    ("egret_timers", "Timers that are set", |counts| counts.timers_alive as u64),
    ("egret_sources", "Descriptors that are registered", |counts| counts.sources_alive as u64),
    ("egret_blocking_jobs", "Blocking jobs that are queued or run", |counts| counts.blocking_jobs as u64),
];

type Of = fn(&Histograms) -> &Histogram;

const HISTOGRAMS: [(&str, &str, Of); 4] = [
    ("egret_poll", "Time of polls", |all| &all.poll),
    ("egret_wake_delay", "Time from a wake to the poll", |all| &all.delay),
    ("egret_turn", "Time of turns of the loop, without its waits", |all| &all.turn),
    ("egret_timer_lateness", "How late timers fire", |all| &all.lateness),
];

/// The upper ends of the buckets in microseconds; the last bucket has no end.
const BUCKETS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

impl Sample {
    /// `None` when the runtime has ended.
    fn of(handle: &Handle) -> Option<Sample> {
        let (view, histograms) = (handle.dump_loop().ok()?, handle.histograms()?);
        let stuck = match &view.state {
            LoopState::InPoll(poll) => Duration::from_nanos(poll.since_ns),
            _ => Duration::ZERO,
        };
        Some(Sample { labels: [("loop", view.number.to_string())], metrics: view.metrics, stuck, histograms })
    }
}

impl Collector for EgretCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let samples: Vec<_> = self.0.iter().filter_map(Sample::of).collect();
        for (name, help, count) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (sample, metrics) in answered(&samples) {
                let mut of_loop = family.encode_family(&sample.labels)?;
                of_loop.encode_counter::<NoLabelSet, _, u64>(&count(metrics), None)?;
            }
        }
        for (name, help, count) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (sample, metrics) in answered(&samples) {
                family.encode_family(&sample.labels)?.encode_gauge(&(count(metrics) as i64))?;
            }
        }
        let (name, help) = ("egret_stuck", "How long the poll takes that the loop is stuck in");
        let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for sample in &samples {
            family.encode_family(&sample.labels)?.encode_gauge(&sample.stuck.as_secs_f64())?;
        }
        for (name, help, of) in HISTOGRAMS {
            let mut family =
                encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
            for sample in &samples {
                let (histogram, mut below) = (of(&sample.histograms), 0);
                // The encoder adds the buckets up.
                let mut more = |up_to: u64| up_to - std::mem::replace(&mut below, up_to);
                let mut buckets: Vec<_> = BUCKETS
                    .map(Duration::from_micros)
                    .map(|end| (end.as_secs_f64(), more(histogram.count_up_to(end))))
                    .to_vec();
                buckets.push((f64::MAX, more(histogram.count())));
                let (sum, count) = (histogram.sum().as_secs_f64(), histogram.count());
                let mut of_loop = family.encode_family(&sample.labels)?;
                of_loop.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
        Ok(())
    }
}

/// The loops that are not stuck.
fn answered(samples: &[Sample]) -> impl Iterator<Item = (&Sample, &Metrics)> {
    samples.iter().filter_map(|sample| Some((sample, sample.metrics.as_ref()?)))
}
