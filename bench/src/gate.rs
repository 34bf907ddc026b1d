//! Instruction counts that must not grow: for CI.
//!
//! `bench/gate.txt` has a line for each figure: its name, the count, and by how many percent it may be higher. A count that
//! has become lower by more than that is no failure, but is said, so that the line is brought down with it.

use crate::Result;
use crate::args::{Command, Settings};
use crate::instructions;
use crate::progress::step;
use crate::server::{Server, WORKSPACE};
use crate::table::{Align, Table, number};
use crate::tool;
use load::Case;
use std::path::{Path, PathBuf};

/// The figures: cases of a server, and of `micro`. `hyper` is hyper's hello, `parked-bytes` are the bytes of a parked task
/// besides its future. `inspect` is an echo with feature `inspect` and its flight recorder,
/// `no-rec` one with the feature and without the recorder.
const FIGURES: [&str; 14] = [
    "echo",
    "inspect",
    "no-rec",
    "http",
    "hyper",
    "spawn",
    "spawn-many",
    "yield",
    "sleep",
    "random-timers",
    "tcp-timed",
    "unix-echo",
    "coalesced-busy",
    "parked-bytes",
];

/// What a new line allows, in percent. With the server held while a wave is sent a request repeats to 0.2 instructions, on a
/// machine that is busy and on one that is not; timers at random move by 1.3 %; what else has no sockets repeats to the
/// instruction.
const TOLERANCE: f64 = 2.0;

#[derive(Clone, Debug, PartialEq)]
struct Line {
    figure: String,
    count: f64,
    percent: f64,
}

pub fn run(settings: &Settings) -> Result<String> {
    let path = Path::new(WORKSPACE).join("gate.txt");
    let version = tool::check("valgrind")?;
    let lines = if settings.update { Vec::new() } else { parse(&tool::read(&path)?)? };
    let line = |figure| lines.iter().find(|line| line.figure == figure);
    let mut counts = Vec::new();
    for figure in FIGURES {
        counts.push(least(|| count(settings, figure), line(figure))?);
    }
    if settings.update {
        return update(&path, &counts);
    }
    let mut table = Table::new();
    for (name, align) in [("figure", Align::Left), ("instructions", Align::Right), ("expected", Align::Right)]
    {
        table.column(name, align);
    }
    table.column("tolerance", Align::Right);
    table.column("", Align::Left);
    let mut grown = Vec::new();
    for (figure, count) in FIGURES.into_iter().zip(counts) {
        let line = line(figure).ok_or_else(|| format!("no line for {figure} in {}", path.display()))?;
        let verdict = judge(line, count);
        if verdict == GROWN {
            grown.push(format!("{figure}: {count:.1} instructions, {:.1} expected", line.count));
        }
        let expected = number(line.count, 1);
        let row = [
            figure.to_owned(),
            number(count, 1),
            expected,
            format!("{} %", line.percent),
            verdict.to_owned(),
        ];
        table.row(row.to_vec());
    }
    if grown.is_empty() {
        return Ok(format!("{}.\n\n{table}", tool::environment(&version)));
    }
    Err(format!("{table}\nGROWN: {}\nWith a good reason: bench gate --update", grown.join("; ")))
}

/// The least of up to three counts: another one only where all before have grown. A machine that is busy elsewhere adds to
/// a count and never takes from it: with `inspect`, a turn in which the server was not run for 10 ms is summed up poll by
/// poll.
fn least(count: impl Fn() -> Result<f64>, line: Option<&Line>) -> Result<f64> {
    let mut least = count()?;
    for _ in 0..2 {
        if line.is_some_and(|line| judge(line, least) == GROWN) {
            least = least.min(count()?);
        }
    }
    Ok(least)
}

fn count(settings: &Settings, figure: &str) -> Result<f64> {
    step(&format!("counting {figure}"));
    match figure {
        "echo" => served(settings, "egret", Case::Echo),
        "inspect" => served(settings, "egret-inspect", Case::Echo),
        "no-rec" => served(settings, "egret-inspect-no-recorder", Case::Echo),
        "http" => served(settings, "egret", Case::Http),
        "hyper" => served(settings, "hyper-egret", Case::Http),
        "parked-bytes" => parked(),
        _ => in_process(figure),
    }
}

const GROWN: &str = "GROWN";

fn judge(line: &Line, count: f64) -> &'static str {
    let part = line.percent / 100.0;
    if count > line.count * (1.0 + part) {
        GROWN
    } else if count < line.count * (1.0 - part) {
        "lower: bring the line down, with --update"
    } else {
        "ok"
    }
}

/// A request on 64 connections, all of which the server finds at once.
fn served(settings: &Settings, server: &str, case: Case) -> Result<f64> {
    let servers = vec![Server::find(server)?];
    let profile = settings.profile.clone();
    let settings =
        Settings { case, servers, rounds: 1, hold: true, profile, ..Settings::new(Command::Instructions) };
    instructions::median(&settings)
}

/// An operation of `micro`, whose table has the figure in its last line: "| title | 123.4 |".
fn in_process(case: &str) -> Result<f64> {
    let text = micro(&["--instructions", "--case", case])?;
    let figure = text.lines().rev().find_map(last_cell);
    figure.ok_or_else(|| format!("micro says nothing of {case}: {text}"))
}

/// Bytes of a parked task besides its future: "| egret | 64 | 55.2 | 63.2 | 1.00 |" in the table of tasks.
fn parked() -> Result<f64> {
    let text = micro(&["--case", "memory"])?;
    let rows = text.lines().skip_while(|line| !line.contains("a parked task"));
    let figure = rows.filter(|line| line.starts_with("| egret")).find_map(|line| cell(line, 3));
    figure.ok_or_else(|| format!("micro says nothing of parked tasks: {text}"))
}

/// What `micro` says of egret.
fn micro(arguments: &[&str]) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .current_dir(WORKSPACE)
        .args(["run", "--quiet", "--release", "--package", "micro", "--"])
        .args(["--runtimes", "egret"])
        .args(arguments)
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("micro: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number in a column of a row.
fn cell(line: &str, column: usize) -> Option<f64> {
    line.split('|').nth(column)?.trim().parse().ok()
}

fn last_cell(line: &str) -> Option<f64> {
    line.trim().strip_prefix('|')?.strip_suffix('|')?.rsplit('|').next()?.trim().parse().ok()
}

/// Lines of "figure count percent"; what follows a # is a comment.
fn parse(text: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()) {
        let fields: Vec<_> = line.split_whitespace().collect();
        match fields[..] {
            [] => {}
            [figure, count, percent] => match (count.parse(), percent.trim_end_matches('%').parse()) {
                (Ok(count), Ok(percent)) => lines.push(Line { figure: figure.to_owned(), count, percent }),
                _ => return Err(format!("gate.txt: not numbers: {line:?}")),
            },
            _ => return Err(format!("gate.txt: not \"figure count percent%\": {line:?}")),
        }
    }
    Ok(lines)
}

fn update(path: &PathBuf, counts: &[f64]) -> Result<String> {
    let mut text = String::from(
        "# User-space instructions by callgrind: of a request on 64 connections, which all arrive before the server looks (echo,\n\
         # http; inspect and no-rec are an echo with feature `inspect`, with and without its recorder; hyper's hello), of an\n\
         # operation of the case of `micro` with the name; and bytes of a parked task besides its future.\n\
         # `bench gate` fails when one is higher by more than its tolerance.\n",
    );
    for (figure, count) in FIGURES.into_iter().zip(counts) {
        text.push_str(&format!("{figure:<14} {count:>7.1} {TOLERANCE:>3}%\n"));
    }
    std::fs::write(path, &text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_judged_by_its_own_tolerance() {
        let line = Line { figure: "echo".to_owned(), count: 100.0, percent: 5.0 };
        assert_eq!([95.0, 100.0, 105.0].map(|count| judge(&line, count)), ["ok"; 3]);
        assert_eq!(judge(&line, 105.1), GROWN);
        assert!(judge(&line, 94.9).starts_with("lower"));
    }

    #[test]
    fn a_count_that_has_grown_is_taken_again_at_most_twice_and_the_least_counts() {
        let line = Line { figure: "echo".to_owned(), count: 100.0, percent: 2.0 };
        let counted = |counts: [f64; 3], line| {
            let taken = std::cell::Cell::new(0);
            let next = || Ok(counts[taken.replace(taken.get() + 1)]);
            (least(next, line).unwrap(), taken.get())
        };
        assert_eq!(counted([101.0, 0.0, 0.0], Some(&line)), (101.0, 1));
        assert_eq!(counted([105.0, 101.0, 0.0], Some(&line)), (101.0, 2));
        assert_eq!(counted([105.0, 104.0, 106.0], Some(&line)), (104.0, 3));
        assert_eq!(counted([105.0, 0.0, 0.0], None), (105.0, 1));
    }

    #[test]
    fn lines_are_read_and_what_is_none_is_refused() {
        let lines = parse("# a comment\n\necho 307.0 5% # and more\nyield 95 2%\n").unwrap();
        assert_eq!((lines.len(), lines[0].count, lines[1].percent), (2, 307.0, 2.0));
        assert!(parse("echo 307\n").is_err() && parse("echo much 5%\n").is_err());
        assert_eq!(last_cell("| yield_now, one task | 95.2 |"), Some(95.2));
        assert_eq!(last_cell("|---|---:|"), None);
        assert_eq!(cell("| egret         |     64 |          55.2 |  63.2 |", 3), Some(55.2));
    }

    #[test]
    fn the_file_has_every_figure() {
        let lines = parse(include_str!("../gate.txt")).unwrap();
        assert_eq!(lines.iter().map(|line| line.figure.as_str()).collect::<Vec<_>>(), FIGURES);
    }
}
