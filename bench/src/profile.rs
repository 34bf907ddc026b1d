//! Reads callgrind's profile: which function and which source line spent how many instructions itself.
//!
//! The format is described in valgrind's manual ("Callgrind Format Specification"). Names are written out once
//! and referred to by number later; line numbers may be relative to the line before.

use std::collections::BTreeMap;
use std::path::Path;

/// Instructions of a program by where they were spent, callees not included.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// By function; what was inlined into a function counts as its own.
    pub functions: BTreeMap<String, u64>,
    /// By "file:line"; what was inlined counts where it is written.
    pub lines: BTreeMap<String, u64>,
}

impl Profile {
    /// `None` when a line of costs makes no sense.
    pub fn parse(text: &str) -> Option<Profile> {
        let mut profile = Profile::default();
        let mut files = Names::default();
        let mut functions = Names::default();
        let (mut file, mut function) = (String::new(), String::new());
        let mut position = 0;
        // The line after "calls=" is what the callee spent.
        let mut skip = false;
        for line in text.lines() {
            if let Some((key, value)) = line.split_once('=') {
                match key {
                    "fl" | "fi" | "fe" => file = files.resolve(value)?,
                    "fn" => function = functions.resolve(value)?,
                    // Names of callees: wanted only because they may be referred to later.
                    "cfi" | "cfl" => drop(files.resolve(value)?),
                    "cfn" => drop(functions.resolve(value)?),
                    "calls" => skip = true,
                    _ => {}
                }
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let (at, costs) = line.split_once(' ').unwrap_or((line, "0"));
                position = match at.as_bytes()[0] {
                    b'*' => position,
                    b'+' => position + at[1..].parse::<i64>().ok()?,
                    b'-' => position - at[1..].parse::<i64>().ok()?,
                    _ => at.parse().ok()?,
                };
                if !std::mem::take(&mut skip) {
                    let cost: u64 = costs.split_whitespace().next().unwrap_or("0").parse().ok()?;
                    *profile.functions.entry(function.clone()).or_default() += cost;
                    *profile.lines.entry(format!("{}:{position}", shorten(&file))).or_default() += cost;
                }
            }
        }
        Some(profile)
    }

    /// By file; what was inlined counts where it is written.
    pub fn files(&self) -> BTreeMap<String, u64> {
        let mut files = BTreeMap::new();
        for (line, cost) in &self.lines {
            let file = line.rsplit_once(':').map_or(line.as_str(), |(file, _)| file);
            *files.entry(file.to_owned()).or_default() += cost;
        }
        files
    }
}

/// A path as a reader wants it: from the crate's or the repository's directory on.
fn shorten(path: &str) -> &str {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    if let Some(rest) = repository.and_then(|repository| Path::new(path).strip_prefix(repository).ok()) {
        return rest.to_str().unwrap_or(path);
    }
    // "/rustc/HASH/library/core/..." and ".../registry/src/INDEX/tokio-1.0.0/...".
    for (mark, directories) in [("/rustc/", 2), ("/registry/src/", 1)] {
        if let Some((_, rest)) = path.split_once(mark) {
            return rest.splitn(directories + 1, '/').last().unwrap_or(path);
        }
    }
    path
}

/// "(7) name" defines number 7, "(7)" refers to it.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn resolve(&mut self, text: &str) -> Option<String> {
        let Some((number, name)) = text.strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
            return Some(text.to_owned());
        };
        let name = name.trim_start();
        if !name.is_empty() {
            self.0.insert(number.to_owned(), name.to_owned());
        }
        self.0.get(number).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_go_to_the_function_and_to_the_line_they_are_written_on() {
        let profile = Profile::parse(
            "version: 1\npositions: line\nevents: Ir\n\n\
             fl=(1) a.rs\nfn=(1) outer\n16 400\n+2 1\n* 2\n\
             cfi=(2) b.rs\ncfn=(2) inner\ncalls=3 50\n-2 1000\n\
             fi=(2)\n7 30\nfe=(1)\n19 4\n\
             fl=(2)\nfn=(2)\n50 1000\n\ntotals: 1437\n",
        )
        .unwrap();
        let expected = [("inner", 1000), ("outer", 437)];
        assert_eq!(profile.functions, expected.map(|(name, cost)| (name.to_owned(), cost)).into());
        let expected = [("a.rs:16", 400), ("a.rs:18", 3), ("a.rs:19", 4), ("b.rs:50", 1000), ("b.rs:7", 30)];
        assert_eq!(profile.lines, expected.map(|(name, cost)| (name.to_owned(), cost)).into());
        let expected = [("a.rs", 407), ("b.rs", 1030)];
        assert_eq!(profile.files(), expected.map(|(name, cost)| (name.to_owned(), cost)).into());
    }

    #[test]
    fn a_path_is_told_from_its_crate_on() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src/main.rs");
        assert!(shorten(here).ends_with("/src/main.rs") && !shorten(here).starts_with('/'));
        assert_eq!(shorten("/rustc/5980/library/core/src/cell.rs"), "core/src/cell.rs");
        assert_eq!(shorten("/home/.cargo/registry/src/index-1/mio-1.2.4/src/lib.rs"), "mio-1.2.4/src/lib.rs");
        assert_eq!(shorten("./socket/recv.c"), "./socket/recv.c");
    }

    #[test]
    fn a_reference_to_an_unknown_name_is_refused() {
        assert_eq!(Profile::parse("fn=(3)\n1 1\n"), None);
    }
}
