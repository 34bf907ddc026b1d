//! What a dependency on a runtime brings with it: build time from clean, size of the program, crates, lines with `unsafe`.
//!
//! The program is `http-NAME`, the hello server, alone in a target folder of its own.

use crate::Result;
use crate::args::Settings;
use crate::figure::Figure;
use crate::progress::{skipped, step};
use crate::server::{Server, WORKSPACE, files};
use crate::table::{Align, Table, number};
use crate::tool;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Crates that declare what the kernel or the C library has, and do nothing: their lines are not counted.
const DECLARATIONS: [&str; 2] = ["libc", "linux-raw-sys"];

#[derive(Debug)]
struct Cost {
    server: &'static Server,
    /// Seconds by the clock, and on all processors.
    wall: Vec<f64>,
    cpu: Vec<f64>,
    size: u64,
    stripped: Option<u64>,
    crates: usize,
    unsafe_lines: usize,
}

pub fn run(settings: &Settings) -> Result<String> {
    let mut costs = Vec::new();
    for &server in settings.servers.iter().filter(|server| server.package().is_some()) {
        if costs.iter().any(|cost: &Cost| cost.server.package() == server.package()) {
            continue; // another flavour of the same program
        }
        let (crates, unsafe_lines) = tree(server)?;
        costs.push(Cost {
            server,
            wall: Vec::new(),
            cpu: Vec::new(),
            size: 0,
            stripped: None,
            crates,
            unsafe_lines,
        });
    }
    for round in 1..=settings.rounds {
        for cost in &mut costs {
            step(&format!("round {round}/{} {}: building from clean", settings.rounds, cost.server.name));
            build(cost, &settings.profile)?;
        }
    }
    let mut table = Table::new();
    table.column("hello server", Align::Left);
    for name in ["build, s", "build, CPU s", "program, KiB", "stripped, KiB", "crates", "lines with unsafe"] {
        table.column(name, Align::Right);
    }
    let kilobytes = |bytes: u64| number(bytes as f64 / 1024.0, 0);
    for cost in &costs {
        let figure =
            |values: &[f64]| Figure::of(values.iter().copied()).map_or("-".to_owned(), |f| f.with_range(1));
        table.row(vec![
            cost.server.title(),
            figure(&cost.wall),
            figure(&cost.cpu),
            kilobytes(cost.size),
            cost.stripped.map_or_else(|| "-".to_owned(), kilobytes),
            cost.crates.to_string(),
            cost.unsafe_lines.to_string(),
        ]);
    }
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    Ok(format!(
        "`cargo build --release` of `http-NAME` from clean, with what all of them share (httparse, lexopt, libc); median of {} \
         (lowest to highest); {processors} processors. Crates and lines are of the whole tree but for the server itself; \
         lines of {} are not counted.\n{}.\n\n{table}",
        settings.rounds,
        DECLARATIONS.join(" and "),
        tool::environment(&tool::check("cargo")?),
    ))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(WORKSPACE).args(arguments).stdin(Stdio::null());
    command
}

fn build(cost: &mut Cost, profile: &str) -> Result<()> {
    let package = cost.server.package().ok_or("not Rust")?;
    let target = files()?.join("clean");
    let _ = std::fs::remove_dir_all(&target);
    let program = format!("http-{package}");
    let server = format!("server-{package}");
    let (start, before) = (Instant::now(), children_cpu()?);
    let status = cargo(&["build", "--quiet", "--profile", profile, "--package", &server, "--bin", &program])
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTC_WRAPPER", "") // a cache of compiled crates would be measured in place of the compiler
        .status();
    if !status.is_ok_and(|status| status.success()) {
        return Err(format!("{program} does not build"));
    }
    cost.wall.push(start.elapsed().as_secs_f64());
    cost.cpu.push(children_cpu()? - before);
    let program = target.join(profile).join(program);
    cost.size = size(&program)?;
    cost.stripped = stripped(&program);
    let _ = std::fs::remove_dir_all(&target);
    Ok(())
}

/// Processor seconds of all children that have ended, and of theirs.
fn children_cpu() -> Result<f64> {
    /// Ticks a second, on every Linux that Rust runs on.
    const TICKS: f64 = 100.0;
    let stat = tool::read(Path::new("/proc/self/stat"))?;
    // After the name, which is in parentheses and may hold anything: cutime and cstime are fields 16 and 17.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).ok_or("no stat")?;
    let ticks: f64 = fields.skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS)
}

fn size(path: &Path) -> Result<u64> {
    let metadata = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(metadata.len())
}

fn stripped(program: &Path) -> Option<u64> {
    let out = program.with_extension("stripped");
    let status = Command::new("strip").arg("-o").arg(&out).arg(program).status();
    if status.is_ok_and(|status| status.success()) {
        return size(&out).ok();
    }
    skipped("size without symbols", "strip does not run; on Debian and Ubuntu: apt-get install binutils");
    None
}

/// How many crates there are in the tree of a server, itself left out, and how many of their lines say `unsafe`.
fn tree(server: &Server) -> Result<(usize, usize)> {
    let package = format!("server-{}", server.package().ok_or("not Rust")?);
    let output =
        cargo(&["tree", "--package", &package, "--edges", "normal,build", "--prefix", "none", "--no-dedupe"])
            .output()
            .map_err(|error| format!("cannot run cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let crates: BTreeSet<_> = text.lines().filter_map(parse_crate).collect();
    let mut lines = 0;
    let mut count = 0;
    for (name, version, path) in crates.iter().filter(|(name, ..)| !name.starts_with("server-")) {
        count += 1;
        if DECLARATIONS.contains(&name.as_str()) {
            continue;
        }
        let source = match path {
            Some(path) => path.clone(),
            None => registry_source(name, version)?,
        };
        lines += unsafe_lines(&source);
    }
    Ok((count, lines))
}

/// Reads "name v1.2.3", with " (proc-macro)" or " (/a/path)" after it.
fn parse_crate(line: &str) -> Option<(String, String, Option<PathBuf>)> {
    let mut words = line.split_whitespace();
    let name = words.next()?.to_owned();
    let version = words.next()?.strip_prefix('v')?.to_owned();
    let path = words
        .find_map(|word| word.strip_prefix("(/")?.strip_suffix(')').map(|path| format!("/{path}").into()));
    Some((name, version, path))
}

fn registry_source(name: &str, version: &str) -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))).ok_or("no HOME")?;
    let registries = std::fs::read_dir(home.join("registry/src")).map_err(|error| error.to_string())?;
    let found = registries
        .flatten()
        .map(|entry| entry.path().join(format!("{name}-{version}")))
        .find(|path| path.is_dir());
    found.ok_or_else(|| format!("the source of {name} {version} is not in cargo's registry"))
}

/// Lines of code with the word `unsafe` in the library's sources: `src`, or the facade's one file next to its manifest.
fn unsafe_lines(package: &Path) -> usize {
    let source = package.join("src");
    if source.is_dir() {
        return count_in(&source);
    }
    // A facade of one file; what is below it belongs to others.
    let files = std::fs::read_dir(package).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "rs")).map(|path| count_file(&path)).sum()
}

fn count_in(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .map(|path| match path.extension().map(OsString::from) {
            _ if path.is_dir() => count_in(&path),
            Some(end) if end == "rs" => count_file(&path),
            _ => 0,
        })
        .sum()
}

fn count_file(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| count_text(&text))
}

fn count_text(text: &str) -> usize {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let word = |c: char| c.is_alphanumeric() || c == '_';
    code.filter(|line| line.split(|c| !word(c)).any(|token| token == "unsafe")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_tree_is_read() {
        let crate_of = |line| parse_crate(line).map(|(name, version, path)| (name, version, path.is_some()));
        assert_eq!(crate_of("slab v0.4.11"), Some(("slab".to_owned(), "0.4.11".to_owned(), false)));
        assert_eq!(crate_of("quote v1.0.0 (proc-macro)").map(|found| found.2), Some(false));
        assert_eq!(parse_crate("egret v0.1.0 (/w/e)").and_then(|found| found.2), Some(PathBuf::from("/w/e")));
        assert_eq!(parse_crate(""), None);
    }

    #[test]
    fn only_the_word_in_code_counts() {
        assert_eq!(
            count_text("unsafe { a() } // unsafe\n// unsafe\n#![deny(unsafe_code)]\nunsafe fn b() {}\n"),
            2
        );
    }
}
