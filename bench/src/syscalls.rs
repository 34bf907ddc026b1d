//! System calls per request by name, counted by `strace -c`.

use crate::Result;
use crate::args::Settings;
use crate::measure::{Counter, Counts, measure};
use crate::table::{Align, Table, number, range};
use crate::tool;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Calls that are rarer than this per request, in every round of every server, get no column.
const RARE: f64 = 0.002;

pub fn run(settings: &Settings) -> Result<String> {
    let version = tool::check("strace")?;
    let (results, prepared) = measure(settings, &Strace)?;

    let mut names = BTreeSet::new();
    for result in &results {
        names.extend(result.names().filter(|name| result.figure(|other| other == *name).highest >= RARE));
    }
    let mut table = Table::new();
    table.column("server", Align::Left);
    table.column("all", Align::Right);
    table.column("range", Align::Right);
    for name in &names {
        table.column(name, Align::Right);
    }
    for result in &results {
        let all = result.figure(|_| true);
        let mut row = vec![result.server.title(), number(all.median, 3), range(all, 3)];
        for name in &names {
            row.push(number(result.figure(|other| other == *name).median, 3));
        }
        table.row(row);
    }
    Ok(format!(
        "System calls per request: {}.\n{}.\n\n{table}{}",
        settings.describe(),
        tool::environment(&version),
        prepared.notes()
    ))
}

struct Strace;

impl Counter for Strace {
    fn command(&self, stem: &Path) -> Command {
        let mut command = Command::new("strace");
        command.args(["-f", "-c", "-o"]).arg(summary(stem));
        command
    }

    fn counts(&self, stem: &Path) -> Result<Counts> {
        let path = summary(stem);
        let counts = parse(&tool::read(&path)?);
        if counts.is_empty() {
            return Err(format!("no counts in {}", path.display()));
        }
        Ok(counts)
    }
}

fn summary(stem: &Path) -> PathBuf {
    stem.with_extension("strace")
}

/// Reads lines of "% time, seconds, usecs/call, calls, errors (or nothing), syscall"; the head, the rules and the total
/// are left out.
fn parse(summary: &str) -> Counts {
    let mut counts = Counts::new();
    for line in summary.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (Some(calls), Some(name)) = (fields.get(3), fields.last()) else {
            continue;
        };
        if let (Ok(calls), true) = (calls.parse(), *name != "total") {
            counts.insert((*name).to_owned(), calls);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read_with_and_without_errors() {
        let counts = parse(
            "% time     seconds  usecs/call     calls    errors syscall\n\
             ------ ----------- ----------- --------- --------- ----------------\n \
             50.00    0.010000           5      2000           sendto\n \
             50.00    0.010000           5      2064        64 recvfrom\n\
             ------ ----------- ----------- --------- --------- ----------------\n\
             100.00    0.020000           5      4064        64 total\n",
        );
        let expected = [("recvfrom", 2064), ("sendto", 2000)];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    }
}
