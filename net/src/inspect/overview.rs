//! The answer of `/overview`: a row for each loop.

use super::look::{Look, Rates, ShownLoop};
use super::tasks::StateCounts;
use egret_runtime::inspect::{Hint, Histogram, LoopState, QueueView, ThreadView};
use egret_runtime::runtime::Metrics;
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
pub(super) struct Overview {
    pub(super) program: String,
    pub(super) pid: u32,
    pub(super) loops: Vec<LoopRow>,
}

#[derive(Serialize)]
pub(super) struct LoopRow {
    index: usize,
    number: u16,
    thread: ThreadView,
    answered: bool,
    ended: bool,
    state: LoopState,
    age_ns: u64,
    look: LookRow,
    metrics: Option<Metrics>,
    rates: Option<Rates>,
    tasks: TaskTotals,
    sources: usize,
    timers: usize,
    jobs: JobSums,
    queue: QueueSums,
    hints: Vec<Hint>,
    histograms: Option<HistogramRows>,
}

#[derive(Serialize)]
struct LookRow {
    number: u64,
    age_ms: u128,
    held_loop_ns: u64,
    every_ms: u128,
}

#[derive(Serialize)]
struct TaskTotals {
    alive: usize,
    #[serde(flatten)]
    counts: StateCounts,
    bytes: usize,
}

#[derive(Serialize)]
struct JobSums {
    running: usize,
    queued: usize,
    threads: usize,
    max_threads: usize,
}

#[derive(Serialize)]
struct QueueSums {
    tasks: usize,
    letters: usize,
    errands: usize,
}

#[derive(Serialize)]
struct HistogramRows {
    poll: HistogramRow,
    delay: HistogramRow,
    turn: HistogramRow,
    lateness: HistogramRow,
}

#[derive(Serialize)]
struct HistogramRow {
    count: u64,
    p50_ns: u64,
    p99_ns: u64,
    max_ns: u64,
}

impl LoopRow {
    pub(super) fn of(index: usize, watched: &ShownLoop, look: &Look) -> LoopRow {
        let (dump, answered) = (&look.dump, &look.answered);
        let running = answered.blocking.jobs.iter().filter(|job| job.is_running).count();
        LoopRow {
            index,
            number: dump.runtime.number,
            thread: dump.runtime.thread.clone(),
            answered: look.has_answered(),
            ended: look.has_ended,
            state: dump.runtime.state.clone(),
            age_ns: dump.runtime.age_ns,
            look: LookRow {
                number: look.number,
                age_ms: look.age().as_millis(),
                held_loop_ns: answered.held_loop_ns,
                every_ms: look.every().max(Duration::from_secs(1)).as_millis(),
            },
            metrics: answered.runtime.metrics,
            rates: look.rates,
            tasks: TaskTotals {
                alive: answered.tasks.len(),
                counts: StateCounts::of(&answered.tasks),
                bytes: answered.tasks.iter().map(|task| task.size).sum(),
            },
            sources: answered.sources.len(),
            timers: answered.timers.len(),
            jobs: JobSums {
                running,
                queued: answered.blocking.jobs.len() - running,
                threads: answered.blocking.threads,
                max_threads: answered.blocking.max_threads,
            },
            queue: QueueSums::of(&answered.queue),
            hints: dump.hints.clone(),
            histograms: watched.feed.histograms().map(|histograms| HistogramRows {
                poll: HistogramRow::of(&histograms.poll),
                delay: HistogramRow::of(&histograms.delay),
                turn: HistogramRow::of(&histograms.turn),
                lateness: HistogramRow::of(&histograms.lateness),
            }),
        }
    }
}

impl QueueSums {
    fn of(queue: &QueueView) -> QueueSums {
        QueueSums { tasks: queue.tasks.len(), letters: queue.letters, errands: queue.errands }
    }
}

impl HistogramRow {
    fn of(histogram: &Histogram) -> HistogramRow {
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        HistogramRow {
            count: histogram.count(),
            p50_ns: ns(histogram.quantile(0.5)),
            p99_ns: ns(histogram.quantile(0.99)),
            max_ns: ns(histogram.max()),
        }
    }
}

/// Returns the file name of this program.
pub(super) fn program() -> String {
    let path = std::env::current_exe().ok();
    let name =
        path.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "egret".to_owned())
}
