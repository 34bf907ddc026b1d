//! On-CPU time of the server per request, and latency, in rounds in which the servers take turns.
//!
//! Each server is started anew in each round: where its memory happens to lie is part of what varies. Of a run the
//! middle eight tenths are measured, so that connecting and closing are left out; the latencies are of all requests.

use crate::Result;
use crate::args::Settings;
use crate::figure::Figure;
use crate::measure::{Prepared, load, prepare};
use crate::on_cpu::on_cpu;
use crate::progress::step;
use crate::server::{Running, Server};
use crate::table::{Align, Table, number};
use crate::tool;
use load::Report;
use std::path::Path;
use std::time::{Duration, Instant};

/// One run of one server.
#[derive(Clone, Debug)]
pub struct Sample {
    /// On-CPU time per request, in microseconds.
    pub cpu: f64,
    /// The part of the time that the server was on a processor.
    pub busy: f64,
    /// Median, 99th and 99.9th percentile of the latency, in microseconds.
    pub latency: [f64; 3],
    pub throughput: f64,
    /// Why the load was its own limit, when it was.
    pub bottleneck: Option<String>,
}

/// What all rounds saw.
#[derive(Debug)]
pub struct Rounds {
    pub servers: Vec<&'static Server>,
    /// For each server one sample a round.
    samples: Vec<Vec<Sample>>,
    prepared: Prepared,
}

pub fn run(settings: &Settings) -> Result<String> {
    let rounds = measure(settings)?;
    Ok(format!(
        "On-CPU time and latency: {}.\n{}.\n\n{}{}",
        settings.describe(),
        tool::environment("schedstat"),
        rounds.table(),
        rounds.notes()
    ))
}

/// Runs all rounds.
pub fn measure(settings: &Settings) -> Result<Rounds> {
    let prepared = prepare(settings)?;
    let servers: Vec<_> = prepared.servers.iter().map(|(server, _)| *server).collect();
    let mut samples = vec![Vec::new(); servers.len()];
    for round in 0..settings.rounds {
        for turn in 0..servers.len() {
            let index = (round + turn) % servers.len();
            let (server, program) = &prepared.servers[index];
            let label = format!("round {}/{} {}, {}", round + 1, settings.rounds, server.name, settings.pace);
            let sample = sample(settings, server, program, &label);
            samples[index].push(sample.map_err(|error| format!("{label}: {error}"))?);
        }
    }
    step("");
    Ok(Rounds { servers, samples, prepared })
}

fn sample(settings: &Settings, server: &Server, program: &Path, label: &str) -> Result<Sample> {
    step(label);
    let running = Running::start(server, program, None, settings.limit)?;
    let requests = settings.requests.1;
    let mut window = Window { from: requests / 10, to: requests - requests / 10, marks: Vec::new() };
    let report = load(settings, &running, requests, label, |answered| window.watch(answered, running.pid()))?;
    running.end()?;
    let (cpu, elapsed, answered) = window.measured()?;
    let quantile = |part| report.latency.quantile(part).as_secs_f64() * 1e6;
    Ok(Sample {
        cpu: cpu.as_secs_f64() * 1e6 / answered as f64,
        busy: cpu.as_secs_f64() / elapsed.as_secs_f64(),
        latency: [quantile(0.5), quantile(0.99), quantile(0.999)],
        throughput: Report::throughput(&report),
        bottleneck: report.bottleneck(settings.pace),
    })
}

/// The part of a run that is measured.
struct Window {
    from: u64,
    to: u64,
    /// On-CPU time, time, and requests answered, at its beginning and at its end.
    marks: Vec<Result<(Duration, Instant, u64)>>,
}

impl Window {
    fn watch(&mut self, answered: u64, pid: i32) {
        let due = match self.marks.len() {
            0 => self.from,
            1 => self.to,
            _ => return,
        };
        if answered >= due {
            self.marks.push(on_cpu(pid).map(|cpu| (cpu, Instant::now(), answered)));
        }
    }

    fn measured(self) -> Result<(Duration, Duration, u64)> {
        let [begin, end] = <[_; 2]>::try_from(self.marks).map_err(|_| "the run was too short")?;
        let (begin, end) = (begin?, end?);
        if begin.2 == end.2 {
            return Err("the run was too short".to_owned());
        }
        Ok((end.0 - begin.0, end.1 - begin.1, end.2 - begin.2))
    }
}

impl Rounds {
    /// A figure of one server.
    pub fn figure(&self, index: usize, of: impl Fn(&Sample) -> f64) -> Figure {
        Figure::of(self.samples[index].iter().map(of)).expect("there is at least one round")
    }

    /// The ratio of one server's value to another's in the same round.
    pub fn ratio(&self, index: usize, base: usize, of: impl Fn(&Sample) -> f64) -> Figure {
        let rounds = self.samples[index].iter().zip(&self.samples[base]);
        Figure::of(rounds.map(|(one, other)| of(one) / of(other))).expect("there is at least one round")
    }

    /// The place of the server of that name.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.name == name)
    }

    /// Compared with `floor` and `egret`; where neither is measured, with the first server that was named.
    pub fn table(&self) -> Table {
        let mut bases: Vec<_> =
            ["floor", "egret"].into_iter().filter_map(|name| Some((name, self.index(name)?))).collect();
        let first = self.servers.first().map(|server| (server.name, 0)).filter(|_| bases.is_empty());
        bases.extend(first);
        let mut table = Table::new();
        table.column("server", Align::Left);
        table.column("CPU us per request", Align::Right);
        for (name, _) in &bases {
            table.column(&format!("times {name}'s"), Align::Right);
        }
        for name in ["p50 us", "p99 us", "p99.9 us", "requests/s"] {
            table.column(name, Align::Right);
        }
        if let Some((name, _)) = first {
            table.column(&format!("times {name}'s"), Align::Right);
        }
        table.column("server on CPU", Align::Right);
        for (index, server) in self.servers.iter().enumerate() {
            let mut row = vec![server.title(), self.figure(index, |sample| sample.cpu).with_range(2)];
            for (_, base) in &bases {
                row.push(self.ratio(index, *base, |sample| sample.cpu).with_range(2));
            }
            for which in 0..3 {
                row.push(number(self.figure(index, |sample| sample.latency[which]).median, 1));
            }
            row.push(number(self.figure(index, |sample| sample.throughput).median, 0));
            if let Some((_, base)) = first {
                row.push(self.ratio(index, base, |sample| sample.throughput).with_range(2));
            }
            row.push(format!("{:.0} %", 100.0 * self.figure(index, |sample| sample.busy).median));
            table.row(row);
        }
        table
    }

    /// Which of the figures are the load's own, and what was left out.
    pub fn notes(&self) -> String {
        let mut limits = Vec::new();
        for (server, samples) in self.servers.iter().zip(&self.samples) {
            let reasons: Vec<_> = samples.iter().filter_map(|sample| sample.bottleneck.as_ref()).collect();
            if let Some(last) = reasons.last() {
                limits.push(format!(
                    "{} ({} of {} rounds: {last})",
                    server.name,
                    reasons.len(),
                    samples.len()
                ));
            }
        }
        let notes = match limits.is_empty() {
            true => String::new(),
            false => format!(
                "\nThe load was its own limit, so that latency and requests/s are not the server's, with {}.\n",
                limits.join(", ")
            ),
        };
        notes + &self.prepared.notes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu: f64) -> Sample {
        Sample { cpu, busy: 1.0, latency: [1.0; 3], throughput: 1.0, bottleneck: None }
    }

    #[test]
    fn a_ratio_is_made_within_a_round() {
        let rounds = Rounds {
            servers: vec![&Server::ALL[0], &Server::ALL[1]],
            samples: vec![[10.0, 20.0, 40.0].map(sample).to_vec(), [11.0, 24.0, 52.0].map(sample).to_vec()],
            prepared: Prepared::default(),
        };
        let ratio = rounds.ratio(1, 0, |sample| sample.cpu);
        assert_eq!((ratio.lowest, ratio.median, ratio.highest), (1.1, 1.2, 1.3));
        assert_eq!(rounds.index("floor"), Some(0));
        assert_eq!(rounds.index("nobody"), None);
    }

    #[test]
    fn servers_without_egret_and_the_floor_are_beside_the_first_of_them() {
        let columns = |names: [&str; 2]| {
            let servers: Vec<_> = names.iter().map(|name| Server::find(name).unwrap()).collect();
            let samples = vec![vec![sample(10.0)], vec![sample(5.0)]];
            let rounds = Rounds { servers, samples, prepared: Prepared::default() };
            rounds.table().to_string().lines().next().unwrap().matches("times ").count()
        };
        assert_eq!(columns(["hyper-tokio", "hyper-egret"]), 2); // of the CPU time, and of the requests a second
        assert_eq!(columns(["floor", "tokio"]), 1);
        assert_eq!(columns(["egret", "floor"]), 2);
    }

    #[test]
    fn what_is_measured_is_what_came_between_the_two_marks() {
        let pid = std::process::id() as i32;
        let mut window = Window { from: 10, to: 90, marks: Vec::new() };
        for answered in [0, 5, 12, 50, 95, 100] {
            window.watch(answered, pid);
        }
        assert_eq!(window.measured().unwrap().2, 95 - 12);
        let mut short = Window { from: 10, to: 90, marks: Vec::new() };
        short.watch(100, pid);
        assert!(short.measured().is_err());
    }
}
