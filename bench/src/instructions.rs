//! User-space instructions per request, counted by callgrind. The same run logs its system calls, so that the
//! table can say how many requests shared an `epoll_wait`: that decides how the fixed cost of a turn is spread.

use crate::Result;
use crate::args::Settings;
use crate::measure::{Counter, Counts, PerRequest, difference, measure};
use crate::profile::Profile;
use crate::table::{Align, Table, number, range};
use crate::tool;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name under which instructions are among the counts; the others are system calls.
const INSTRUCTIONS: &str = "instructions";

/// Instructions per request below which a place is not printed.
const NOTHING: f64 = 0.05;

pub fn run(settings: &Settings) -> Result<String> {
    let version = tool::check("valgrind")?;
    let (results, prepared) = measure(settings, &Callgrind)?;

    let instructions =
        results.iter().map(|result| result.figure(|name| name == INSTRUCTIONS)).collect::<Vec<_>>();
    let floor = results
        .iter()
        .position(|result| result.server.name == "floor")
        .map(|index| instructions[index].median);

    let mut table = Table::new();
    table.column("server", Align::Left);
    table.column("instructions per request", Align::Right);
    table.column("range", Align::Right);
    if floor.is_some() {
        table.column("times floor", Align::Right);
    }
    table.column("system calls per request", Align::Right);
    table.column("requests per epoll_wait", Align::Right);
    for (result, figure) in results.iter().zip(&instructions) {
        let calls = result.figure(|name| name != INSTRUCTIONS).median;
        let waits = result.figure(is_epoll_wait).median;
        let mut row = vec![result.server.title(), number(figure.median, 0), range(*figure, 0)];
        if let Some(floor) = floor {
            row.push(number(figure.median / floor, 2));
        }
        row.push(number(calls, 2));
        row.push(if waits > 0.0 { number(1.0 / waits, 1) } else { "-".to_owned() });
        table.row(row);
    }
    let mut text = format!(
        "User-space instructions: {}.\n{}.\n\n{table}{}",
        settings.describe(),
        tool::environment(&version),
        prepared.notes()
    );
    if settings.places > 0 {
        for result in &results {
            text.push_str(&places(settings, result)?);
        }
    }
    for (server, most) in &settings.at_most {
        let index = results.iter().position(|result| result.server == *server);
        let median = index.map_or(f64::INFINITY, |index| instructions[index].median);
        if median > *most {
            return Err(format!(
                "{}: {median:.0} instructions per request, at most {most} are allowed",
                server.name
            ));
        }
    }
    Ok(text)
}

/// The instructions per request of the one server that is measured.
pub fn median(settings: &Settings) -> Result<f64> {
    tool::check("valgrind")?;
    let (results, _) = measure(settings, &Callgrind)?;
    let result = results.first().ok_or("nothing was measured")?;
    Ok(result.figure(|name| name == INSTRUCTIONS).median)
}

/// Where the instructions of the last round were spent.
fn places(settings: &Settings, result: &PerRequest) -> Result<String> {
    let mut text = String::new();
    let read = |stem: &Path| {
        let path = profile(stem);
        Profile::parse(&tool::read(&path)?).ok_or_else(|| format!("cannot parse {}", path.display()))
    };
    let (before, after) = (read(&result.stems.0)?, read(&result.stems.1)?);
    let requests = settings.requests.1 - settings.requests.0;
    for (what, before, after) in [
        ("file", before.files(), after.files()),
        ("function", before.functions, after.functions),
        ("line", before.lines, after.lines),
    ] {
        let mut places: Vec<_> = difference(&before, &after, requests).into_iter().collect();
        places.retain(|(_, value)| *value >= NOTHING);
        places.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut table = Table::new();
        table.column("instructions", Align::Right);
        table.column(&format!("{}, by {what}", result.server.name), Align::Left);
        for (place, value) in places.into_iter().take(settings.places) {
            table.row(vec![number(value, 1), place]);
        }
        text.push_str(&format!("\n{table}"));
    }
    Ok(text)
}

fn is_epoll_wait(name: &str) -> bool {
    matches!(name, "epoll_wait" | "epoll_pwait" | "epoll_pwait2")
}

struct Callgrind;

impl Counter for Callgrind {
    fn command(&self, stem: &Path) -> Command {
        let option = |name: &str, path: PathBuf| {
            let mut option = std::ffi::OsString::from(name);
            option.push(path);
            option
        };
        let mut command = Command::new("valgrind");
        command
            .args(["--tool=callgrind", "--trace-syscalls=yes"])
            .arg(option("--callgrind-out-file=", profile(stem)))
            .arg(option("--log-file=", log(stem)));
        command
    }

    fn counts(&self, stem: &Path) -> Result<Counts> {
        let mut counts = system_calls(&tool::read(&log(stem))?);
        let profile = profile(stem);
        let total =
            total(&tool::read(&profile)?).ok_or_else(|| format!("no totals in {}", profile.display()))?;
        counts.insert(INSTRUCTIONS.to_owned(), total);
        Ok(counts)
    }
}

fn profile(stem: &Path) -> PathBuf {
    stem.with_extension("callgrind")
}

fn log(stem: &Path) -> PathBuf {
    stem.with_extension("valgrind.log")
}

/// The first number of the line "totals:" is the instructions of all threads.
fn total(profile: &str) -> Option<u64> {
    let line = profile.lines().find_map(|line| line.strip_prefix("totals:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Counts the lines with which valgrind reports the start of a system call:
/// `SYSCALL[PID,THREAD](NUMBER) sys_NAME ( ...`. A second line, for the end of a call that may block, has
/// `... [async]` in the place of the name.
fn system_calls(log: &str) -> Counts {
    let mut counts = Counts::new();
    for line in log.lines() {
        let Some((_, rest)) = line.strip_prefix("SYSCALL[").and_then(|rest| rest.split_once('(')) else {
            continue;
        };
        let Some((number, rest)) = rest.split_once(')') else {
            continue;
        };
        let word = rest.split_whitespace().next().unwrap_or_default();
        if word == "..." {
            continue;
        }
        let name = match word.strip_prefix("sys_") {
            Some(name) => name.to_owned(),
            None => format!("number {}", number.trim()),
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_call_is_counted_once_even_when_it_has_two_lines() {
        let counts = system_calls(
            "==7== Callgrind\n\
             SYSCALL[7,1](45) sys_recvfrom ( 7, 0x4036ab0, 16384, 0, 0x0, 0x0 ) --> [async] ... \n\
             SYSCALL[7,1](45) ... [async] --> Success(0x0) \n\
             SYSCALL[7,1](  3) sys_close ( 7 )[sync] --> Success(0x0) \n\
             SYSCALL[7,1](441) unhandled\n",
        );
        let expected = [("close", 1), ("number 441", 1), ("recvfrom", 1)];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    }

    #[test]
    fn the_total_is_the_first_number_of_its_line() {
        assert_eq!(total("events: Ir\nsummary: 5\n\ntotals: 646585 3\n"), Some(646_585));
        assert_eq!(total("events: Ir\n"), None);
    }
}
