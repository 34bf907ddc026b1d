//! Everything, as pages under docs/benchmarks/: each page has its command, the machine, tables, and charts.
//!
//! A page that fails says so in its place and does not stop the others.

use crate::Result;
use crate::args::{Command, Settings};
use crate::cpu;
use crate::plot::Chart;
use crate::progress::{skipped, step};
use crate::server::{Server, WORKSPACE};
use crate::table::{Align, Table};
use crate::{allocations, instructions, memory, park, syscalls, tool, tree};
use load::{Case, Pace};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Who is measured where there is a chart: a line for each.
const CHARTED: [&str; 6] = ["egret", "floor", "tokio", "smol", "monoio", "libuv"];

struct Page {
    name: &'static str,
    title: &'static str,
    write: fn(&Report) -> Result<String>,
}

const PAGES: [Page; 9] = [
    Page { name: "instructions", title: "Instructions of a request", write: Report::instructions },
    Page { name: "syscalls", title: "System calls and allocations of a request", write: Report::syscalls },
    Page { name: "cpu", title: "On-CPU time of a request", write: Report::cpu },
    Page { name: "sweeps", title: "By size, by connections, by idle connections", write: Report::sweeps },
    Page { name: "latency", title: "Latency at a fixed rate", write: Report::latency },
    Page { name: "park", title: "Ways to wait", write: Report::park },
    Page { name: "memory", title: "Memory of an idle connection", write: Report::memory },
    Page { name: "tasks", title: "Tasks, wakes, timers", write: Report::tasks },
    Page { name: "build", title: "Build time, size, crates", write: Report::build },
];

struct Report {
    quick: bool,
}

pub fn run(settings: &Settings) -> Result<String> {
    let report = Report { quick: settings.quick };
    let start = Instant::now();
    let mut done = String::new();
    let mut failed = Vec::new();
    for name in &settings.pages {
        if !PAGES.iter().any(|page| page.name == name) {
            let names: Vec<_> = PAGES.iter().map(|page| page.name).collect();
            return Err(format!("no page {name:?}; there are {}", names.join(", ")));
        }
    }
    let wanted =
        |page: &&Page| settings.pages.is_empty() || settings.pages.iter().any(|name| name == page.name);
    let count = PAGES.iter().filter(wanted).count();
    for (number, page) in PAGES.iter().filter(wanted).enumerate() {
        step(&format!("== {}/{count} {}, after {} s", number + 1, page.name, start.elapsed().as_secs()));
        let before = load_average();
        match (page.write)(&report) {
            Ok(text) => {
                let path = file(&format!("{}.md", page.name))?;
                let machine = machine(page.name, &report, &before);
                save(&path, &format!("# {}\n\n{machine}\n{}", page.title, tidy(&text)))?;
                done.push_str(&format!("{}\n", path.display()));
            }
            Err(error) => failed.push(skipped(page.name, &error)),
        }
    }
    if failed.is_empty() { Ok(done) } else { Err(format!("{done}{}", failed.join("\n"))) }
}

fn file(name: &str) -> Result<PathBuf> {
    let directory = Path::new(WORKSPACE).join("../docs/benchmarks");
    std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    Ok(directory.join(name))
}

fn save(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// How many threads of the whole machine wanted a processor in the last minute.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// How to make the page again, and what it was made on. On a machine that is busy with other things times mean little, and
/// a reader has to know.
fn machine(page: &str, report: &Report, before: &str) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, name)| name.trim());
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    let virtual_machine = if cpu.contains("hypervisor") { ", a virtual machine" } else { "" };
    let quick = if report.quick { " --quick" } else { "" };
    format!(
        "    cd bench && cargo run --release -p bench -- report --pages {page}{quick}\n\n{processors} processors ({}{virtual_machine}), load \
         average {before} before and {} after. [README.md](README.md) says what the figures mean and where they mislead.\n",
        model.unwrap_or("unknown"),
        load_average()
    )
}

/// One empty line between paragraphs, one newline at the end. A first line that is indented, as code is, stays so.
fn tidy(text: &str) -> String {
    let mut tidy = text.trim_start_matches('\n').trim_end().replace("\n\n\n", "\n\n");
    tidy.push('\n');
    tidy
}

impl Report {
    fn rounds(&self, rounds: usize) -> usize {
        if self.quick { 1 } else { rounds }
    }

    fn settings(&self, command: Command) -> Settings {
        let settings = Settings::new(command);
        Settings { rounds: self.rounds(settings.rounds), ..settings }
    }

    fn instructions(&self) -> Result<String> {
        let base = self.settings(Command::Instructions);
        let once = Settings { rounds: 1, ..base.clone() };
        let held = Settings { hold: true, ..base };
        let cases = [
            held.clone(),
            Settings { case: Case::Http, ..held.clone() },
            Settings { case: Case::Http, depth: 16, requests: (2_048, 12_288), rounds: 1, ..held },
            Settings { connections: 1, ..once.clone() },
            Settings { pace: Pace::Churn, connections: 16, requests: (500, 3_000), ..once },
        ];
        join(cases.iter().map(instructions::run))
    }

    fn syscalls(&self) -> Result<String> {
        let echo = Settings { rounds: 1, ..self.settings(Command::Syscalls) };
        let http = Settings { case: Case::Http, ..echo.clone() };
        let churn = Settings { pace: Pace::Churn, connections: 16, requests: (500, 3_000), ..echo.clone() };
        let counted = [&echo, &http, &churn].map(syscalls::run);
        let allocated = [&echo, &http, &churn].map(allocations::run);
        join(counted.into_iter().chain(allocated))
    }

    fn cpu(&self) -> Result<String> {
        // Half a second or more for each run: of a tenth of that the scheduler decides too much.
        let base = Settings { requests: (0, 100_000), ..self.settings(Command::Cpu) };
        let http = Settings { case: Case::Http, ..base.clone() };
        let cases = [
            base.clone(),
            http.clone(),
            Settings { depth: 16, requests: (0, 1_000_000), ..http },
            Settings { pace: Pace::Churn, connections: 16, requests: (0, 20_000), ..base.clone() },
            Settings { size: 1 << 20, connections: 4, requests: (0, 1_000), ..base },
        ];
        join(cases.iter().map(cpu::run))
    }

    fn sweeps(&self) -> Result<String> {
        let base = Settings { servers: charted()?, rounds: self.rounds(3), ..self.settings(Command::Cpu) };
        let sizes = [64, 512, 4_096, 16_384, 65_536].map(|size| {
            let requests = (0, if size > 10_000 { 10_000 } else { 30_000 });
            (size, Settings { size, requests, ..base.clone() })
        });
        let connections = [1, 8, 64, 1_000, 10_000].map(|connections| {
            let requests = (0, if connections < 8 { 10_000 } else { 40_000 });
            (connections, Settings { connections, requests, ..base.clone() })
        });
        let idle = [0, 1_000, 5_000, 15_000]
            .map(|idle| (idle, Settings { idle, requests: (0, 30_000), ..base.clone() }));
        join([
            sweep("Echo by size of the message", "bytes", "size", &sizes),
            sweep("Echo by number of connections", "connections", "connections", &connections),
            sweep("Echo with idle connections", "idle connections", "idle", &idle),
        ])
    }

    fn latency(&self) -> Result<String> {
        let servers = charted()?;
        let mut text = String::new();
        let mut charts = [0.5, 0.99].map(|part: f64| {
            let percent = 100.0 * part;
            let title = format!("Open loop on 64 connections, {percent} % of answers came within");
            Chart::new(&title, "requests a second", "us")
        });
        for (rate, requests) in
            [(1_000, 2_000), (5_000, 10_000), (10_000, 20_000), (20_000, 40_000), (50_000, 80_000)]
        {
            let settings = Settings {
                servers: servers.clone(),
                rounds: self.rounds(5),
                pace: Pace::Rate(rate),
                requests: (0, requests),
                spin: true,
                ..self.settings(Command::Cpu)
            };
            let rounds = cpu::measure(&settings)?;
            for (which, chart) in charts.iter_mut().enumerate() {
                for (index, server) in rounds.servers.iter().enumerate() {
                    let figure = rounds.figure(index, |sample| sample.latency[which]);
                    chart.point(server.name, f64::from(rate), figure.median);
                }
            }
            text.push_str(&format!("{}.\n\n{}{}\n", settings.describe(), rounds.table(), rounds.notes()));
        }
        let mut pictures = String::new();
        for (chart, name) in charts.iter().zip(["latency-p50.svg", "latency-p99.svg"]) {
            pictures.push_str(&picture(chart, name)?);
        }
        Ok(format!("{pictures}\n{}.\n\n{text}", tool::environment("schedstat")))
    }

    fn park(&self) -> Result<String> {
        park::run(&self.settings(Command::Park))
    }

    fn memory(&self) -> Result<String> {
        memory::run(&self.settings(Command::Memory))
    }

    /// `micro` is a program of its own, for it has the runtimes in it.
    fn tasks(&self) -> Result<String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let rounds = self.rounds(9).to_string();
        let mut text = String::new();
        for arguments in [vec!["--rounds", &rounds], vec!["--instructions"]] {
            let output = std::process::Command::new(&cargo)
                .current_dir(WORKSPACE)
                .args(["run", "--quiet", "--release", "--package", "micro", "--"])
                .args(&arguments)
                .stderr(std::process::Stdio::inherit())
                .output()
                .map_err(|error| format!("cannot run cargo: {error}"))?;
            if !output.status.success() {
                return Err(format!("micro {} failed", arguments.join(" ")));
            }
            text.push_str(&format!("    cargo run --release -p micro -- {}\n\n", arguments.join(" ")));
            text.push_str(&String::from_utf8_lossy(&output.stdout));
            text.push('\n');
        }
        Ok(text)
    }

    fn build(&self) -> Result<String> {
        tree::run(&Settings { rounds: self.rounds(3), ..self.settings(Command::Build) })
    }
}

fn charted() -> Result<Vec<&'static Server>> {
    CHARTED.iter().map(|name| Server::find(name)).collect()
}

/// Measures one series and draws it: CPU time per request, with a table of the same figures.
fn sweep(title: &str, across: &str, name: &str, points: &[(usize, Settings)]) -> Result<String> {
    let mut chart = Chart::new(title, across, "CPU us per request");
    let mut table = Table::new();
    let mut notes = String::new();
    table.column(across, Align::Right);
    for server in charted()? {
        table.column(server.name, Align::Right);
    }
    table.column("egret / floor", Align::Right);
    table.column("egret / tokio", Align::Right);
    for (x, settings) in points {
        let rounds = cpu::measure(settings)?;
        let mut row = vec![x.to_string()];
        for server in charted()? {
            row.push(match rounds.index(server.name) {
                Some(index) => {
                    let figure = rounds.figure(index, |sample| sample.cpu);
                    chart.point(server.name, *x as f64, figure.median);
                    figure.with_range(2)
                }
                None => "-".to_owned(),
            });
        }
        for other in ["floor", "tokio"] {
            let pair = rounds.index("egret").zip(rounds.index(other));
            row.push(pair.map_or("-".to_owned(), |(egret, other)| {
                rounds.ratio(egret, other, |sample| sample.cpu).with_range(2)
            }));
        }
        table.row(row);
        let lines = rounds.notes();
        lines.lines().filter(|line| !line.is_empty()).for_each(|line| {
            notes.push_str(&format!("\n{x} {across}: {line}\n"));
        });
    }
    let picture = picture(&chart, &format!("cpu-by-{name}.svg"))?;
    let settings = &points[0].1;
    Ok(format!(
        "## {title}\n\n{picture}\n{} connections and messages of {} bytes unless the table says otherwise; CPU us per request, \
         median of {} rounds (lowest to highest).\n\n{table}\n{notes}",
        Settings::new(Command::Cpu).connections,
        Settings::new(Command::Cpu).size,
        settings.rounds,
    ))
}

fn picture(chart: &Chart, name: &str) -> Result<String> {
    save(&file(name)?, &chart.svg())?;
    Ok(format!("![{}]({name})\n", chart.title))
}

fn join(texts: impl IntoIterator<Item = Result<String>>) -> Result<String> {
    Ok(texts.into_iter().collect::<Result<Vec<_>>>()?.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_begins_with_a_command_keeps_its_indentation() {
        assert_eq!(tidy("\n    cargo run\n\n\n| table |\n\n"), "    cargo run\n\n| table |\n");
    }
}
