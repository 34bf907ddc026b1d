//! The method that every count here shares: a server is run twice with R1 and R2 requests over the same
//! connections, and what a request costs is the difference of the counts divided by R2 - R1. Start-up,
//! accepting, closing and shutdown are in both runs and cancel out.

use crate::Result;
use crate::args::Settings;
use crate::server::{Running, Server};
use load::Config;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
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
        let mut values: Vec<f64> = self
            .rounds
            .iter()
            .map(|round| round.iter().filter(|(name, _)| pick(name)).fold(0.0, |sum, (_, value)| sum + value))
            .collect();
        values.sort_by(f64::total_cmp);
        Figure { lowest: values[0], median: values[values.len() / 2], highest: values[values.len() - 1] }
    }
}

/// A figure over several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    pub lowest: f64,
    /// The upper one of the two in the middle, for an even number of rounds.
    pub median: f64,
    pub highest: f64,
}

/// Measures every server: builds them all first, then goes round by round.
pub fn measure(settings: &Settings, counter: &impl Counter) -> Result<Vec<PerRequest>> {
    let mut programs = Vec::new();
    for server in &settings.servers {
        step(&format!("building {}", server.name));
        programs.push(server.build(settings.case, &settings.profile)?);
    }
    let (short, long) = settings.requests;
    let mut results = Vec::new();
    for (server, program) in settings.servers.iter().zip(&programs) {
        let stems = (stem(settings, server, program, short)?, stem(settings, server, program, long)?);
        results.push(PerRequest { server, stems, rounds: Vec::new() });
    }
    for round in 1..=settings.rounds {
        for (result, program) in results.iter_mut().zip(&programs) {
            let label = format!("round {round}/{} {}", settings.rounds, result.server.name);
            let run = |stem, requests| {
                run(settings, counter, result.server, program, stem, requests, &label)
                    .map_err(|error| format!("{label}, {requests} requests: {error}"))
            };
            let before = run(&result.stems.0, short)?;
            let after = run(&result.stems.1, long)?;
            result.rounds.push(difference(&before, &after, long - short));
        }
    }
    step("");
    Ok(results)
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
    let running = Running::start(server, program, counter.command(stem), settings)?;
    let config = Config {
        addr: running.addr,
        case: settings.case,
        connections: settings.connections,
        idle: settings.idle,
        requests,
        size: settings.size,
        depth: settings.depth,
        pace: settings.pace,
        limit: settings.limit,
    };
    let mut shown = 0;
    let report = load::run(&config, |answered| {
        if answered >= shown {
            detail(&format!("{label}: {answered} of {requests} requests"));
            shown = answered + requests / 20;
        }
    })
    .map_err(|error| error.to_string())?;
    if report.errors != 0 || report.answered != requests {
        return Err(format!("the load failed\n{report}"));
    }
    running.end()?;
    counter.counts(stem)
}

/// Where the files of a run go: they stay there until the next run of the same kind.
fn stem(settings: &Settings, server: &Server, program: &Path, requests: u64) -> Result<PathBuf> {
    let target = program.parent().and_then(Path::parent);
    let directory = target.ok_or("the program has no directory")?.join("bench");
    std::fs::create_dir_all(&directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    Ok(directory.join(format!("{}-{}-{requests}", settings.case, server.name)))
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

/// Shows what begins: on a terminal in one line that is written over, elsewhere a line for each step.
fn step(text: &str) {
    if std::io::stderr().is_terminal() {
        detail(text);
    } else if !text.is_empty() {
        eprintln!("{text}");
    }
}

/// Shows how far it is, on a terminal only.
fn detail(text: &str) {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
    }
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

    #[test]
    fn a_figure_is_the_median_with_its_range() {
        let rounds =
            [3.0, 1.0, 2.0].map(|value| BTreeMap::from([("a".to_owned(), value), ("b".to_owned(), 100.0)]));
        let result =
            PerRequest { server: &Server::ALL[0], stems: Default::default(), rounds: rounds.to_vec() };
        let figure = result.figure(|name| name == "a");
        assert_eq!((figure.lowest, figure.median, figure.highest), (1.0, 2.0, 3.0));
    }
}
