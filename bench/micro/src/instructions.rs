//! Instructions per operation, counted by callgrind: this program is run twice with one case on one runtime,
//! once with more operations, and the difference of the counts is divided by the difference of the operations.
//! Start-up, warm-up and shutdown are in both runs and cancel out.

use crate::Result;
use crate::args::Settings;
use crate::cases::{Case, MILLION, TIMERS};
use crate::many::SET;
use crate::measure::progress;
use crate::profile::Profile;
use crate::runtimes::Name;
use crate::table::{Align, Table, number};
use crate::tool;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Instructions per operation below which a place is not printed.
const NOTHING: f64 = 0.05;

/// Operations of the short and of the long run.
fn operations(case: Case) -> (u64, u64) {
    match case {
        Case::LiveTimers | Case::RandomTimers => (TIMERS, 2 * TIMERS),
        Case::SpawnMillion => (MILLION, 2 * MILLION),
        Case::JoinSet => (SET, 3 * SET),
        _ => (2_000, 22_000),
    }
}

pub fn run(settings: &Settings) -> Result<()> {
    let version = tool::check("valgrind")?;
    let mut table = Table::new();
    table.column("instructions per operation", Align::Left);
    for runtime in &settings.runtimes {
        table.column(runtime.as_str(), Align::Right);
    }
    let mut places = Vec::new();
    for &case in settings.cases.iter().filter(|case| !case.is_remote()) {
        let mut row = vec![case.title().to_owned()];
        for &runtime in &settings.runtimes {
            if !case.is_possible_on(runtime) {
                row.push("-".to_owned());
                continue;
            }
            progress(&format!("callgrind: {} on {}", case.name(), runtime.as_str()));
            let (short, long) = operations(case);
            let (before, after) = (profile(case, runtime, short)?, profile(case, runtime, long)?);
            let total = difference(&before.functions, &after.functions, long - short).values().sum();
            row.push(number(total, 1));
            for (kind, before, after) in [
                ("file", before.files(), after.files()),
                ("function", before.functions, after.functions),
                ("line", before.lines, after.lines),
            ] {
                let heading = format!("{}, {}, by {kind}", runtime.as_str(), case.name());
                let spent = difference(&before, &after, long - short);
                places.push(table_of_places(&heading, spent, settings.places));
            }
        }
        table.row(row);
    }
    progress("");
    println!("{}.\n\n{table}", tool::environment(&version));
    if settings.places > 0 {
        places.iter().for_each(|table| println!("{table}"));
    }
    Ok(())
}

fn profile(case: Case, runtime: Name, operations: u64) -> Result<Profile> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = program.parent().and_then(Path::parent).ok_or("the program has no directory")?;
    let directory = target.join("bench");
    std::fs::create_dir_all(&directory)
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    let name = format!("micro-{}-{}-{operations}.callgrind", case.name(), runtime.as_str());
    let path = directory.join(name);
    let mut option = std::ffi::OsString::from("--callgrind-out-file=");
    option.push(&path);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(option)
        .arg(program)
        .args(["--case", case.name(), "--runtimes", runtime.as_str()])
        .args(["--operations", &operations.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} on {} failed under valgrind: {text}", case.name(), runtime.as_str()));
    }
    Profile::parse(&tool::read(&path)?).ok_or_else(|| format!("cannot parse {}", path.display()))
}

/// What happened in the longer run and not in the shorter one, per operation.
fn difference(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
    operations: u64,
) -> BTreeMap<String, f64> {
    let mut difference = BTreeMap::new();
    for (counts, sign) in [(before, -1.0), (after, 1.0)] {
        for (place, count) in counts {
            *difference.entry(place.clone()).or_default() += sign * *count as f64 / operations as f64;
        }
    }
    difference
}

fn table_of_places(heading: &str, places: BTreeMap<String, f64>, most: usize) -> Table {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(PathBuf::from);
    let mut places: Vec<_> = places.into_iter().filter(|(_, value)| *value >= NOTHING).collect();
    places.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut table = Table::new();
    table.column("instructions", Align::Right);
    table.column(heading, Align::Left);
    for (place, value) in places.into_iter().take(most) {
        let inside = repository.as_ref().and_then(|root| Path::new(&place).strip_prefix(root).ok());
        let place = inside.map_or_else(|| place.clone(), |inside| inside.display().to_string());
        table.row(vec![number(value, 1), place]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_runs_have_in_common_cancels_out() {
        let counts = |pairs: &[(&str, u64)]| {
            pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect::<BTreeMap<_, _>>()
        };
        let before = counts(&[("start", 7), ("poll", 100)]);
        let after = counts(&[("start", 7), ("poll", 300), ("late", 50)]);
        let difference = difference(&before, &after, 200);
        assert_eq!(difference.into_values().collect::<Vec<_>>(), [0.25, 1.0, 0.0]);
    }
}
