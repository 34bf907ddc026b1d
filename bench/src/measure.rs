//! The method that every count here shares: a server is run twice with R1 and R2 requests over the same
//! connections, and what a request costs is the difference of the counts divided by R2 - R1. Start-up,
//! accepting, closing and shutdown are in both runs and cancel out.

use crate::Result;
use crate::args::Settings;
use crate::figure::Figure;
use crate::progress::{detail, skipped, step};
use crate::server::{Built, Running, Server, files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Counts by name.
pub type Counts = BTreeMap<String, u64>;

/// A tool that counts what a process does.
pub trait Counter {
    /// The command to put in front of the server's; its results go to files that begin with `stem`.
    fn command(&self, stem: &Path) -> Command;

    /// Reads the results when the process has ended.
    fn counts(&self, stem: &Path) -> Result<Counts>;
}

/// What one server did per request: one map for each round.
#[derive(Debug)]
pub struct PerRequest {
    pub server: &'static Server,
    /// What the files of its last short and its last long run begin with.
    pub stems: (PathBuf, PathBuf),
    rounds: Vec<BTreeMap<String, f64>>,
}

impl PerRequest {
    /// Every name counted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rounds.iter().flat_map(|round| round.keys()).map(String::as_str)
    }

    /// The sum over the names that `pick` chooses, per request.
    pub fn figure(&self, pick: impl Fn(&str) -> bool) -> Figure {
        let sum = |round: &BTreeMap<String, f64>| {
            round.iter().filter(|(name, _)| pick(name)).fold(0.0, |sum, (_, value)| sum + value)
        };
        Figure::of(self.rounds.iter().map(sum)).expect("there is at least one round")
    }
}

/// The servers that can be measured here, built, and what was left out.
#[derive(Debug, Default)]
pub struct Prepared {
    pub servers: Vec<(&'static Server, PathBuf)>,
    pub skipped: Vec<String>,
}

impl Prepared {
    /// What was left out, as lines under a table.
    pub fn notes(&self) -> String {
        self.skipped.iter().map(|text| format!("\n{text}\n")).collect()
    }
}

/// Builds every server that serves the case, and sees that it starts.
pub fn prepare(settings: &Settings) -> Result<Prepared> {
    let mut prepared = Prepared::default();
    for &server in settings.servers.iter().filter(|server| server.serves(settings.case)) {
        step(&format!("building {}", server.name));
        match server.build(settings.case, &settings.profile)? {
            Built::Missing(why) => prepared.skipped.push(skipped(server.name, &why)),
            Built::Program(program) => match Running::start(server, &program, None, settings.limit) {
                Ok(running) => {
                    running.end()?;
                    prepared.servers.push((server, program));
                }
                // A kernel may refuse io_uring, or memory for it.
                Err(error) if server.uses_uring() => prepared.skipped.push(skipped(server.name, &error)),
                Err(error) => return Err(error),
            },
        }
    }
    Ok(prepared)
}

/// Measures every server, round by round.
pub fn measure(settings: &Settings, counter: &impl Counter) -> Result<(Vec<PerRequest>, Prepared)> {
    let (rings, others): (Vec<_>, Vec<_>) = settings.servers.iter().partition(|server| server.uses_uring());
    let mut prepared = prepare(&Settings { servers: others, ..settings.clone() })?;
    for server in rings {
        prepared
            .skipped
            .push(skipped(server.name, "it has a ring for its I/O, which this tool does not follow"));
    }
    let (short, long) = settings.requests;
    let mut results = Vec::new();
    for (server, _) in &prepared.servers {
        let stems = (stem(settings, server, short)?, stem(settings, server, long)?);
        results.push(PerRequest { server, stems, rounds: Vec::new() });
    }
    for round in 1..=settings.rounds {
        for (result, (server, program)) in results.iter_mut().zip(&prepared.servers) {
            let label = format!("round {round}/{} {}", settings.rounds, server.name);
            let run = |stem, requests| {
                run(settings, counter, server, program, stem, requests, &label)
                    .map_err(|error| format!("{label}, {requests} requests: {error}"))
            };
            let before = run(&result.stems.0, short)?;
            let after = run(&result.stems.1, long)?;
            result.rounds.push(difference(&before, &after, long - short));
        }
    }
    step("");
    Ok((results, prepared))
}

fn run(
    settings: &Settings,
    counter: &impl Counter,
    server: &Server,
    program: &Path,
    stem: &Path,
    requests: u64,
    label: &str,
) -> Result<Counts> {
    step(&format!("{label}: {requests} requests"));
    let running = Running::start(server, program, Some(counter.command(stem)), settings.limit)?;
    load(settings, &running, requests, label, |_| ())?;
    running.end()?;
    counter.counts(stem)
}

/// Puts the load of a measurement on a server; an error unless every byte was right. `watch` is told now and then how
/// many requests are answered.
pub fn load(
    settings: &Settings,
    running: &Running,
    requests: u64,
    label: &str,
    mut watch: impl FnMut(u64),
) -> Result<load::Report> {
    let mut shown = 0;
    let hold = settings.hold.then_some(running.process());
    let report = load::run(&load::Config { hold, ..settings.load(running.addr, requests) }, |answered| {
        watch(answered);
        if answered >= shown {
            detail(&format!("{label}: {answered} of {requests} requests"));
            shown = answered + requests / 20;
        }
    })
    .map_err(|error| format!("the load does not run: {error}"))?;
    if report.errors != 0 || report.answered != requests {
        return Err(format!("the load failed\n{report}"));
    }
    Ok(report)
}

/// What the files of a run begin with.
fn stem(settings: &Settings, server: &Server, requests: u64) -> Result<PathBuf> {
    Ok(files()?.join(format!("{}-{}-{requests}", settings.case, server.name)))
}

/// What happened in the longer run and not in the shorter one, per request.
pub fn difference(before: &Counts, after: &Counts, requests: u64) -> BTreeMap<String, f64> {
    before
        .keys()
        .chain(after.keys())
        .map(|name| {
            let count = |counts: &Counts| counts.get(name).copied().unwrap_or(0) as f64;
            let per_request = (count(after) - count(before)) / requests as f64;
            (name.clone(), per_request)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_runs_have_in_common_cancels_out() {
        let counts = |pairs: &[(&str, u64)]| {
            pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect::<Counts>()
        };
        let before = counts(&[("start", 7), ("send", 100)]);
        let after = counts(&[("start", 7), ("send", 300), ("late", 50)]);
        let difference = difference(&before, &after, 200);
        assert_eq!(difference["start"], 0.0);
        assert_eq!(difference["send"], 1.0);
        assert_eq!(difference["late"], 0.25);
    }
}
