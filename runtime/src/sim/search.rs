//! Runs the seeds on all cores, and finds the smallest one that fails.
//!
//! A simulation and its hosts belong to one thread, so each thread takes one seed after another, in order. After a failure only
//! smaller seeds are finished: which one is reported does not depend on the threads.

use super::check::run;
use super::compare::difference;
use super::corpus::{Corpus, Edges, edges};
use super::seeds::Replay;
use super::{Failure, Seeds, Sim, Smaller};
use crate::sys::sim::Sighting;
use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// One seed in this many is run twice: both runs must be the same.
const TWICE: u64 = 16;

/// So many seeds are many: in fewer, a condition of `sometimes!` may never hold.
const MANY: u64 = 100;

/// A seed that does not pass.
pub(super) struct FailingSeed {
    pub(super) seed: u64,
    pub(super) what: Finding,
}

pub(super) enum Finding {
    Failure(Failure),
    /// Two runs differ, by what this says.
    TwoWays(String),
    /// All seeds have passed, and a condition of `sometimes!` held in none.
    Never(String),
}

/// Returns the first seed that does not pass: of a corpus, then the smallest.
pub(super) fn search(
    seeds: &Seeds,
    corpus: Option<Corpus>,
    scenario: &(impl Fn(&Sim) + Sync),
) -> Option<FailingSeed> {
    let (range, time) = seeds.limits();
    let until = time.map(|time| Instant::now() + time);
    let before = corpus.as_ref().map_or_else(Vec::new, |corpus| corpus.before.clone());
    let count = (before.len() as u64).saturating_add(range.end.saturating_sub(range.start));
    let seed_at = |place: u64| match before.get(place as usize) {
        Some(seed) => *seed,
        None => range.start + (place - before.len() as u64),
    };
    let next = AtomicU64::new(0);
    // Places from here on are not run.
    let end = AtomicU64::new(count);
    let found = Mutex::new(None);
    let seen = Mutex::new(BTreeMap::new());
    let corpus = corpus.map(Mutex::new);
    let work = || {
        while until.is_none_or(|until| Instant::now() < until) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= end.load(Ordering::Relaxed) {
                break;
            }
            let seed = seed_at(place);
            let (what, edges) = examine(seed, scenario, &seen, corpus.is_some());
            if let (Some(corpus), Some(edges)) = (&corpus, edges) {
                corpus.lock().unwrap_or_else(PoisonError::into_inner).add(place, seed, edges);
            }
            let Some(what) = what else { continue };
            end.fetch_min(place, Ordering::Relaxed);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            if found.as_ref().is_none_or(|(first, _)| place < *first) {
                *found = Some((place, FailingSeed { seed, what }));
            }
        }
    };
    let others = threads().min(count).saturating_sub(1);
    thread::scope(|scope| {
        (0..others).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner).map(|(_, found)| found);
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let run = next.into_inner().min(count);
    if time.is_some() {
        eprintln!("{run} seeds were run");
    }
    if let Some(corpus) = corpus {
        eprintln!("{}", corpus.into_inner().unwrap_or_else(PoisonError::into_inner).keep());
    }
    found.or_else(|| never(&seen, run))
}

/// Returns the conditions that did not hold in any of `run` seeds.
fn never(seen: &BTreeMap<Sighting, bool>, run: u64) -> Option<FailingSeed> {
    let never = seen.iter().filter(|(_, held)| !**held && run >= MANY);
    let lines = never.map(|((file, line, condition), _)| {
        format!("sometimes!({condition}) at {file}:{line} was reached, and held in none of {run} seeds\n")
    });
    let report: String = lines.collect();
    (!report.is_empty()).then_some(FailingSeed { seed: 0, what: Finding::Never(report) })
}

fn threads() -> u64 {
    match env::var("EGRET_THREADS") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("EGRET_THREADS={text}: a number of threads")),
        Err(_) => thread::available_parallelism().map_or(1, |count| count.get() as u64),
    }
}

/// Runs a seed; its edges, if they are wanted.
fn examine(
    seed: u64,
    scenario: &(impl Fn(&Sim) + Sync),
    seen: &Mutex<BTreeMap<Sighting, bool>>,
    wants_edges: bool,
) -> (Option<Finding>, Option<Edges>) {
    let replay = Replay { seed, smaller: Smaller::default() };
    let ran = run(&replay, scenario);
    let edges = wants_edges.then(|| edges(&ran.trace));
    if let Some(failure) = ran.failure {
        return (Some(Finding::Failure(failure)), edges);
    }
    if !ran.seen.is_empty() {
        let mut all = seen.lock().unwrap_or_else(PoisonError::into_inner);
        ran.seen.iter().for_each(|(place, held)| *all.entry(*place).or_default() |= held);
    }
    if seed % TWICE != 0 {
        return (None, edges);
    }
    let again = run(&replay, scenario);
    let what = (!again.is_same(&ran)).then(|| Finding::TwoWays(difference(&ran.trace, &again.trace)));
    (what, edges)
}
