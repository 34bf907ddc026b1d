//! The text of `/metrics`, in the format of OpenMetrics 1.0.
//!
//! It is not written by `prometheus-client`: the counts are copies of one moment, and the registry of that crate has to
//! own the counters.

use super::look::ShownLoop;
use super::pulse::PulseReading;
use egret_runtime::inspect::{GroupHistograms, Histogram, Histograms};
use egret_runtime::runtime::Metrics;
use std::fmt::Write;
use std::time::Duration;

/// The upper ends of the buckets in nanoseconds: 1, 2.5 and 5 of each power of ten from 1 µs to 10 s.
const BUCKETS: [u64; 22] = {
    let mut buckets = [0; 22];
    let (mut i, mut power) = (0, 1000);
    while i < 22 {
        buckets[i] = match i % 3 {
            0 => power,
            1 => power * 5 / 2,
            _ => power * 5,
        };
        power = if i % 3 == 2 { power * 10 } else { power };
        i += 1;
    }
    buckets
};

type CounterOf = fn(&Metrics) -> u64;

const COUNTERS: [(&str, &str, CounterOf); 15] = [
    ("egret_turns", "Turns of the loop.", |m| m.turns),
    ("egret_polls", "Polls of tasks and of the future of block_on.", |m| m.polls),
    ("egret_local_wakes", "Wakes on the thread of the loop that queued a task.", |m| m.local_wakes),
    ("egret_remote_wakes", "Wakes from elsewhere that queued a task.", |m| m.remote_wakes),
    ("egret_coalesced_wakes", "Wakes of a task that was queued already.", |m| m.coalesced_wakes),
    ("egret_stale_generations", "Wakes of tasks and events of sources that were gone.", |m| {
        m.stale_generations
    }),
    ("egret_epoll_waits", "Calls of epoll_wait.", |m| m.epoll_waits),
    ("egret_spins", "Waits that the loop spent polling.", |m| m.spins),
    ("egret_events", "Events that epoll_wait reported.", |m| m.events),
    ("egret_epoll_ctls", "Calls of epoll_ctl.", |m| m.epoll_ctls),
    ("egret_epoll_ctl_errors", "Registrations that the kernel no longer had.", |m| m.epoll_ctl_errors),
    ("egret_eventfd_writes", "Writes to the eventfd of the loop.", |m| m.eventfd_writes),
    ("egret_timers_fired", "Timers that fired.", |m| m.timers_fired),
    ("egret_blocking_threads_started", "Threads started for blocking jobs.", |m| m.blocking_threads_started),
    ("egret_long_polls", "Polls over the limit of a long poll.", |m| m.long_polls),
];

const GAUGES: [(&str, &str, CounterOf); 5] = [
    ("egret_tasks", "Tasks that are spawned and not finished.", |m| m.tasks_alive as u64),
    ("egret_timers", "Timers that are set.", |m| m.timers_alive as u64),
    ("egret_sources", "Descriptors that are registered.", |m| m.sources_alive as u64),
    ("egret_blocking_jobs", "Blocking jobs that are queued or run.", |m| m.blocking_jobs as u64),
    ("egret_blocking_threads", "Threads for blocking jobs.", |m| m.blocking_threads as u64),
];

type HistogramOf = fn(&Histograms) -> &Histogram;

const HISTOGRAMS: [(&str, &str, HistogramOf); 4] = [
    ("egret_poll_seconds", "Time of polls.", |h| &h.poll),
    ("egret_wake_delay_seconds", "Time from a wake to the poll.", |h| &h.delay),
    ("egret_turn_seconds", "Time of turns of the loop, without its waits.", |h| &h.turn),
    ("egret_timer_lateness_seconds", "How late timers fire.", |h| &h.lateness),
];

type OfGroup = fn(&GroupHistograms) -> &Histogram;

const GROUPS: [(&str, &str, OfGroup); 2] = [
    ("egret_named_poll_seconds", "Time of polls of the tasks of a name.", |g| &g.poll),
    ("egret_named_wake_delay_seconds", "Time from a wake to the poll, of the tasks of a name.", |g| &g.delay),
];

/// One loop, read.
struct Sample {
    labels: String,
    metrics: Metrics,
    histograms: Option<Histograms>,
    is_stuck: bool,
    stuck: f64,
}

pub(super) fn write<'a>(loops: impl Iterator<Item = &'a ShownLoop>) -> String {
    let asked: Vec<_> = loops.map(|watched| (watched, watched.ask_pulse())).collect();
    let samples = asked.into_iter().filter_map(|(watched, pulse)| Some(Sample::of(watched, &*pulse()?)));
    let samples: Vec<_> = samples.collect();
    let mut out = String::with_capacity(16 * 1024);
    for (name, help, count) in COUNTERS {
        family(&mut out, name, "counter", help);
        for sample in &samples {
            line(&mut out, format_args!("{name}_total{{{}}} {}", sample.labels, count(&sample.metrics)));
        }
    }
    for (name, help, count) in GAUGES {
        family(&mut out, name, "gauge", help);
        for sample in &samples {
            line(&mut out, format_args!("{name}{{{}}} {}", sample.labels, count(&sample.metrics)));
        }
    }
    family(
        &mut out,
        "egret_loop_answers",
        "gauge",
        "Whether the loop answered; if not, the counts are of before.",
    );
    for sample in &samples {
        let answers = u8::from(!sample.is_stuck);
        line(&mut out, format_args!("egret_loop_answers{{{}}} {answers}", sample.labels));
    }
    family(&mut out, "egret_stuck_seconds", "gauge", "How long the poll takes that the loop is stuck in.");
    unit(&mut out, "egret_stuck_seconds");
    for sample in &samples {
        line(&mut out, format_args!("egret_stuck_seconds{{{}}} {}", sample.labels, sample.stuck));
    }
    for (name, help, of) in HISTOGRAMS {
        family(&mut out, name, "histogram", help);
        unit(&mut out, name);
        for sample in &samples {
            if let Some(histograms) = &sample.histograms {
                histogram(&mut out, name, &sample.labels, of(histograms));
            }
        }
    }
    for (name, help, of) in GROUPS {
        family(&mut out, name, "histogram", help);
        unit(&mut out, name);
        for sample in &samples {
            for group in sample.histograms.iter().flat_map(|histograms| &histograms.groups) {
                let labels = format!("{},name=\"{}\"", sample.labels, escape(&group.name));
                histogram(&mut out, name, &labels, of(group));
            }
        }
    }
    out.push_str("# EOF\n");
    out
}

impl Sample {
    fn of(watched: &ShownLoop, pulse: &PulseReading) -> Sample {
        let (number, thread) = (pulse.view.number, escape(&pulse.view.thread.name));
        Sample {
            labels: format!("loop=\"{number}\",thread=\"{thread}\""),
            metrics: pulse.metrics,
            histograms: watched.feed.histograms(),
            is_stuck: !pulse.has_answered(),
            stuck: pulse.stuck().as_secs_f64(),
        }
    }
}

fn histogram(out: &mut String, name: &str, labels: &str, histogram: &Histogram) {
    for bucket in BUCKETS {
        let limit = Duration::from_nanos(bucket);
        let (le, count) = (limit.as_secs_f64(), histogram.count_up_to(limit));
        let le = format!("{le:?}").replace("e-", "e-0"); // as Go writes it: 1e-06
        line(out, format_args!("{name}_bucket{{{labels},le=\"{le}\"}} {count}"));
    }
    line(out, format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {}", histogram.count()));
    line(out, format_args!("{name}_count{{{labels}}} {}", histogram.count()));
    line(out, format_args!("{name}_sum{{{labels}}} {}", histogram.sum().as_secs_f64()));
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    line(out, format_args!("# TYPE {name} {kind}"));
    line(out, format_args!("# HELP {name} {help}"));
}

fn unit(out: &mut String, name: &str) {
    line(out, format_args!("# UNIT {name} seconds"));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{text}"); // a String takes everything
}

/// Returns a label value: backslash, quote and line end are escaped.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
