//! The tables.

use crate::args::Settings;
use crate::cases::Case;
use crate::figure::Figure;
use crate::lateness::Lateness;
use crate::measure::Rounds;
use crate::memory::Each;
use crate::runtimes::Name;
use crate::table::{Align, Table, number};
use crate::tool;

/// What was measured, with which versions, on what.
pub fn heading(settings: &Settings) -> String {
    let versions: Vec<_> = settings
        .runtimes
        .iter()
        .map(|runtime| format!("{} {}", runtime.as_str(), version(*runtime)))
        .collect();
    let build = if cfg!(debug_assertions) { ", NOT OPTIMISED: build with --release" } else { "" };
    let rounds = match settings.rounds {
        1 => "1 round".to_owned(),
        rounds => format!("{rounds} rounds, medians (lowest to highest)"),
    };
    format!("{}. {rounds}{build}.", tool::environment(&versions.join(", ")))
}

/// The version in the lock file that this was built with.
fn version(runtime: Name) -> &'static str {
    let name = format!("name = \"{}\"", runtime.as_str());
    let mut lines = include_str!("../../Cargo.lock").lines().skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.unwrap_or("of unknown version")
}

pub fn times(settings: &Settings, results: &[(Case, Rounds)]) -> Table {
    let mut table = Table::new();
    table.column("ns per operation", Align::Left);
    for runtime in &settings.runtimes {
        table.column(runtime.as_str(), Align::Right);
    }
    table.column("egret / best peer", Align::Right);
    for (case, rounds) in results {
        let mut row = vec![case.title().to_owned()];
        row.extend(settings.runtimes.iter().map(|&runtime| cell(rounds.figure(runtime), 1)));
        row.push(cell(rounds.ratio_to_best_peer(), 2));
        table.row(row);
    }
    table
}

pub fn lateness(all: &[Lateness], means: &Rounds) -> Table {
    let mut table = Table::new();
    table.column("lateness of sleeps, us", Align::Left);
    for name in ["mean", "mean of a round", "median", "p99", "worst", "early", "of"] {
        table.column(name, Align::Right);
    }
    for lateness in all {
        table.row(vec![
            lateness.runtime.as_str().to_owned(),
            number(lateness.mean(), 1),
            cell(means.figure(lateness.runtime), 1),
            number(lateness.percentile(50), 1),
            number(lateness.percentile(99), 1),
            number(lateness.worst(), 1),
            lateness.early().to_string(),
            lateness.count().to_string(),
        ]);
    }
    table
}

/// `what` was measured, and `future` is what the size in the second column is of.
pub fn memory<'a>(what: &str, future: &str, results: impl Iterator<Item = &'a Each>) -> Table {
    let mut table = Table::new();
    table.column(what, Align::Left);
    table.column(&format!("size of {future}"), Align::Right);
    table.column("bytes besides", Align::Right);
    table.column("with malloc's own", Align::Right);
    table.column("allocations", Align::Right);
    for each in results {
        table.row(vec![
            each.runtime.as_str().to_owned(),
            each.future.to_string(),
            number(each.requested(), 1),
            number(each.taken(), 1),
            number(each.allocations(), 2),
        ]);
    }
    table
}

/// "12.3 (12.1 to 14.0)", or a dash.
fn cell(figure: Option<Figure>, decimals: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.with_range(decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_known() {
        for runtime in Name::ALL {
            assert!(version(runtime).starts_with(|first: char| first.is_ascii_digit()), "{runtime:?}");
        }
    }

    #[test]
    fn a_cell_has_the_spread() {
        let figure = Figure { lowest: 1.0, median: 2.25, highest: 3.0 };
        assert_eq!(cell(Some(figure), 1), "2.2 (1.0 to 3.0)");
        assert_eq!(cell(None, 1), "-");
    }
}
