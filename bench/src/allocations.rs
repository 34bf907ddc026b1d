//! Allocations per request, counted by valgrind's memcheck: every call of the allocator, whatever language made it.

use crate::Result;
use crate::args::Settings;
use crate::measure::{Counter, Counts, measure};
use crate::table::{Align, Table, number, range};
use crate::tool;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The names of the counts.
pub const ALLOCATIONS: &str = "allocations";
pub const BYTES: &str = "bytes";
/// What was allocated and not freed when the server was ended.
pub const HELD: &str = "held";

pub fn run(settings: &Settings) -> Result<String> {
    let version = tool::check("valgrind")?;
    let (results, prepared) = measure(settings, &Memcheck)?;
    let mut table = Table::new();
    table.column("server", Align::Left);
    table.column("allocations per request", Align::Right);
    table.column("range", Align::Right);
    table.column("bytes per request", Align::Right);
    for result in &results {
        let allocations = result.figure(|name| name == ALLOCATIONS);
        table.row(vec![
            result.server.title(),
            number(allocations.median, 3),
            range(allocations, 3),
            number(result.figure(|name| name == BYTES).median, 1),
        ]);
    }
    Ok(format!(
        "Allocations: {}.\n{}.\n\n{table}{}",
        settings.describe(),
        tool::environment(&version),
        prepared.notes()
    ))
}

/// Counts what the whole process allocates.
pub struct Memcheck;

impl Counter for Memcheck {
    fn command(&self, stem: &Path) -> Command {
        let mut option = std::ffi::OsString::from("--log-file=");
        option.push(log(stem));
        let mut command = Command::new("valgrind");
        // Only the sum is wanted: no search for leaks, and no tracking of what is initialised.
        command.args(["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"]).arg(option);
        command
    }

    fn counts(&self, stem: &Path) -> Result<Counts> {
        let path = log(stem);
        parse(&tool::read(&path)?).ok_or_else(|| format!("no heap summary in {}", path.display()))
    }
}

fn log(stem: &Path) -> PathBuf {
    stem.with_extension("memcheck.log")
}

/// Reads "in use at exit: 1,024 bytes in 2 blocks" and "total heap usage: 7 allocs, 5 frees, 9,000 bytes allocated".
fn parse(log: &str) -> Option<Counts> {
    let number_after = |text: &str, words: &str| {
        let rest = text.split_once(words)?.1.trim_start();
        let digits: String = rest.chars().take_while(|c| *c != ' ').filter(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let total = log.lines().find(|line| line.contains("total heap usage:"))?;
    let counts = [
        (HELD, number_after(log, "in use at exit:")?),
        (ALLOCATIONS, number_after(total, "total heap usage:")?),
        (BYTES, number_after(total, "frees,")?),
    ];
    Some(counts.map(|(name, count)| (name.to_owned(), count)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_summary_is_read_with_its_commas() {
        let counts = parse(
            "==7== HEAP SUMMARY:\n==7==     in use at exit: 1,024 bytes in 2 blocks\n\
             ==7==   total heap usage: 1,007 allocs, 5 frees, 9,000,001 bytes allocated\n",
        );
        let expected = [(HELD, 1_024), (ALLOCATIONS, 1_007), (BYTES, 9_000_001)];
        assert_eq!(counts, Some(expected.map(|(name, count)| (name.to_owned(), count)).into()));
        assert_eq!(parse("==7== nothing\n"), None);
    }
}
