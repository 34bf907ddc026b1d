//! Holds the rule for `#[inline]`: in the files that a program may use or not, every function has an `inline` attribute or is
//! `#[cold]`. Code is then generated in the program that calls it, and a compiled library holds none of what is not called:
//! docs/benchmarks/build.md has what that saves.
//!
//! The rooms that every program uses are left out (the loop itself, which is compiled once this way), and so are those of the
//! features `inspect`, `sim` and `test-util`.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders, and files without their extension.
const RULED: [&str; 12] = [
    "net/src",
    "runtime/src/cores",
    "runtime/src/executor/hooks",
    "runtime/src/executor/pool",
    "runtime/src/io",
    "runtime/src/process",
    "runtime/src/runtime",
    "runtime/src/service",
    "runtime/src/signal",
    "runtime/src/sys/linux",
    "runtime/src/task",
    "runtime/src/time",
];

/// Of a feature, or generic as a whole, which needs no mark.
const FREE: [&str; 6] = [
    "net/src/family",
    "net/src/inspect",
    "net/src/listener",
    "net/src/stream",
    "runtime/src/sys/linux/snapshot",
    "runtime/src/sys/linux/thread_state",
];

#[test]
fn what_a_program_may_not_use_is_inline() {
    let mut missing = Vec::new();
    let mut functions = 0;
    for file in files() {
        let source = fs::read_to_string(&file).unwrap();
        for (line, name, is_marked) in marks(&source) {
            functions += 1;
            if !is_marked {
                missing.push(format!("{}:{line}: `{name}`", file.display()));
            }
        }
    }
    assert!(functions >= 1500, "only {functions} functions were found");
    assert!(missing.is_empty(), "these functions need `#[inline]`, or `#[cold]`:\n{}", missing.join("\n"));
}

#[test]
fn a_mark_is_seen_above_other_attributes_and_documentation() {
    let source = "\
#[inline]
#[track_caller]
pub fn a() {
}
/// Not marked.
pub(crate) async fn b<F>(
    f: F,
) where F: Fn() {
}
trait T {
    fn without_a_body(&self);
    #[cold]
    fn c(&self) {}
}
extern \"C\" fn handler() {}
#[cfg(test)]
mod tests {
    fn d() {}
}
";
    let found = marks(source);
    assert_eq!(found, [(3, "a".to_owned(), true), (6, "b".to_owned(), false), (13, "c".to_owned(), true)]);
}

fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for place in RULED {
        collect(Path::new(place), &mut found);
        found.extend([PathBuf::from(format!("{place}.rs"))].into_iter().filter(|file| file.is_file()));
    }
    found.retain(|file| {
        !FREE.iter().any(|free| file.starts_with(free) || file.with_extension("") == Path::new(free))
    });
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("tests") {
            collect(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The functions with a body, before the tests in the same file: line, name, and whether each is marked.
fn marks(source: &str) -> Vec<(usize, String, bool)> {
    let lines: Vec<_> = source.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if line.starts_with("mod ") && line.ends_with("tests {") {
            break;
        }
        let Some(name) = function(line) else { continue };
        let ends = |line: &&&str| line.contains('{') || line.ends_with(';');
        if !lines[number..].iter().find(ends).is_some_and(|line| line.contains('{')) {
            continue; // of a trait, without a body
        }
        let above = lines[..number].iter().rev().map(|line| line.trim_start());
        let mut attributes =
            above.take_while(|line| ["#[", "//", ")]"].iter().any(|it| line.starts_with(it)));
        let is_marked = attributes.any(|line| line.starts_with("#[inline") || line.starts_with("#[cold"));
        found.push((number + 1, name.to_owned(), is_marked));
    }
    found
}

/// The name of the function that begins in this line; not of one with the ABI of C, whose address is what is used.
fn function(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    rest = rest.strip_prefix("pub").map_or(rest, |rest| match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    });
    rest = rest.trim_start();
    for word in ["const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    Some(&name[..name.find(|c: char| !c.is_alphanumeric() && c != '_')?])
}
