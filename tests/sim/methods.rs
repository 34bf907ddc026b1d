//! The table of docs/sim.md: what each public method of egret is in a simulation.
//!
//! * `methods.txt` has an answer for each method, by type. [`public_methods`] finds those that the source has: a method
//!   without an answer fails the test, and so does an answer without a method.
//! * The table groups the methods of a module by their answer. `BLESS=1` writes it.
//! * `methods/refused.rs` calls each method that the list calls refused, and `methods/options.rs` each that sets an
//!   option: neither can forget one.

mod options;
mod refused;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const LIST: &str = include_str!("methods.txt");
const COMMAND: &str = "BLESS=1 cargo test --features sim --test sim methods::";

struct Answer {
    name: &'static str,
    what: &'static str,
    how: &'static str,
}

/// Some types of the same methods, or the functions of a module.
struct Section {
    /// Empty when it is not in the table.
    label: &'static str,
    /// Folder or file, and type; `-` for functions and `*` for everything.
    sources: Vec<(&'static str, &'static str)>,
    /// Each method with the name of its answer.
    methods: BTreeMap<&'static str, &'static str>,
}

fn list() -> (Vec<Answer>, Vec<Section>) {
    let (mut answers, mut sections) = (Vec::new(), Vec::<Section>::new());
    let mut answer = "";
    for line in LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((label, sources)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            let sources = sources.split(',').map(|source| source.trim().split_once(' ').unwrap()).collect();
            sections.push(Section { label, sources, methods: BTreeMap::new() });
        } else if let [name, what, how] = line.split(" | ").collect::<Vec<_>>()[..] {
            answers.push(Answer { name, what, how });
        } else {
            let names = match line.split_once(": ") {
                Some((name, names)) => {
                    answer = name;
                    names
                }
                None => line,
            };
            assert!(answers.iter().any(|known| known.name == answer), "no answer has the name {answer}");
            let section = sections.last_mut().expect("a section before its methods");
            for name in names.split_whitespace() {
                let twice = section.methods.insert(name, answer);
                assert_eq!(twice, None, "{}::{name} has two answers", section.label);
            }
        }
    }
    (answers, sections)
}

/// The methods of the list with this answer, each as `type::method`.
fn with_answer(answer: &str) -> BTreeSet<String> {
    let (_, sections) = list();
    let of = |section: &Section| {
        let named = section.methods.iter().filter(|(_, has)| **has == answer);
        named.map(|(method, _)| format!("{}::{method}", section.label)).collect::<Vec<_>>()
    };
    sections.iter().flat_map(of).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Each public method of the two crates, outside of the seam: file, type (`-` for a function) and name. The source is
/// formatted: an `impl` begins and ends without indentation, and its methods are one step in.
fn public_methods() -> Vec<(String, String, String)> {
    let (mut files, mut methods) = (Vec::new(), Vec::new());
    ["net/src", "runtime/src"].iter().for_each(|folder| sources(&root().join(folder), &mut files));
    for file in files {
        let path = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if path.contains("/sys/") || path.contains("tests") {
            continue;
        }
        let (mut of, mut is_hidden) = (None, false);
        for line in fs::read_to_string(&file).unwrap().lines() {
            let code = line.trim_start();
            if line.starts_with("impl") {
                of = Some(implemented(line));
            } else if line.starts_with('}') {
                of = None;
            }
            if let Some(name) = public_function(code).filter(|_| !is_hidden) {
                match (line.len() - code.len(), &of) {
                    (0, None) => methods.push((path.clone(), "-".to_owned(), name.to_owned())),
                    (4, Some(of)) => methods.push((path.clone(), of.clone(), name.to_owned())),
                    _ => {}
                }
            }
            is_hidden = code.starts_with("#[doc(hidden)") || is_hidden && code.starts_with(['#', '/']);
        }
    }
    methods
}

/// The type of `impl<T: Bound<U>> some::Type<T> {`.
fn implemented(line: &str) -> String {
    let mut rest = &line["impl".len()..];
    let mut depth = 0;
    if let Some(end) = rest.starts_with('<').then(|| {
        rest.char_indices().find(|(_, c)| {
            depth += i32::from(*c == '<') - i32::from(*c == '>');
            depth == 0
        })
    }) {
        rest = &rest[end.expect("generics end").0 + 1..];
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let name = rest.trim_start();
    name[..name.find(|c| !is_part(c)).unwrap_or(name.len())].to_owned()
}

fn public_function(code: &str) -> Option<&str> {
    let mut rest = code.strip_prefix("pub ")?;
    for word in ["const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// The section with the longest path to this file among those of this type.
fn section_of(sections: &[Section], file: &str, of: &str) -> Option<usize> {
    let fits = |(path, kind): &(&str, &str)| {
        let below = file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (below && [of, "*"].contains(kind)).then_some(path.len())
    };
    let longest = |section: &Section| section.sources.iter().filter_map(fits).max();
    (0..sections.len()).filter_map(|at| Some((longest(&sections[at])?, at))).max().map(|(_, at)| at)
}

#[test]
fn each_public_method_has_one_answer_and_each_answer_a_method() {
    let (_, sections) = list();
    let mut wrong = Vec::new();
    let mut found = vec![BTreeSet::new(); sections.len()];
    let methods = public_methods();
    assert!(methods.len() >= 900, "only {} methods were found", methods.len());
    for (file, of, name) in methods {
        let Some(at) = section_of(&sections, &file, &of) else {
            wrong.push(format!("{file}: `{of}` with `{name}` has no section"));
            continue;
        };
        let section = &sections[at];
        if !section.label.is_empty() && !section.methods.contains_key(&*name) {
            wrong.push(format!("{file}: {}::{name} has no answer", section.label));
        }
        found[at].insert(name);
    }
    for (section, found) in sections.iter().zip(&found) {
        let gone = section.methods.keys().filter(|name| !found.contains(**name));
        wrong.extend(gone.map(|name| format!("{}::{name} has an answer, and is no method", section.label)));
    }
    assert!(wrong.is_empty(), "in tests/sim/methods.txt:\n{}", wrong.join("\n"));
}

/// Two tables: the answers, and for each module which of its methods have which answer.
fn tables() -> String {
    let (answers, sections) = list();
    let shown: Vec<_> = sections.iter().filter(|section| !section.label.is_empty()).collect();
    let modules: BTreeSet<_> = shown.iter().map(|section| module(section)).collect();
    let mut text = String::from("| answer | in a simulation | what that means |\n|---|---|---|\n");
    for Answer { name, what, how } in &answers {
        assert!(!with_answer(name).is_empty(), "no method has the answer {name}");
        writeln!(text, "| {name} | {what} | {how} |").unwrap();
    }
    text += "\n| module | answer | methods |\n|---|---|---|\n";
    for of in modules {
        for answer in &answers {
            let sections = shown.iter().filter(|section| module(section) == of);
            let parts: Vec<_> = sections.filter_map(|section| having(section, answer.name)).collect();
            if !parts.is_empty() {
                writeln!(text, "| {of} | {} | {} |", answer.name, parts.join("; ")).unwrap();
            }
        }
    }
    let count: usize = shown.iter().map(|section| section.methods.len()).sum();
    writeln!(text, "\nThese are {count} methods and functions; those that several types share count once.")
        .unwrap();
    text
}

fn module(section: &Section) -> &'static str {
    section.label.split("::").next().unwrap()
}

/// The methods of a section that have this answer: all, the rest, or by name.
fn having(section: &Section, answer: &str) -> Option<String> {
    let of = |answer: &str| -> Vec<&str> {
        section.methods.iter().filter(|(_, has)| **has == answer).map(|(name, _)| *name).collect()
    };
    let names = of(answer);
    let most = section.methods.values().max_by_key(|answer| (of(answer).len(), **answer));
    let label = section.label;
    match names.len() {
        0 => None,
        n if n == section.methods.len() => Some(format!("`{label}`: all {n}")),
        n if most == Some(&answer) && n > 3 => Some(format!("`{label}`: the other {n}")),
        _ => Some(format!("`{label}`: {}", by_name(&names))),
    }
}

/// The names, with `ttl` and `set_ttl` as one.
fn by_name(names: &[&str]) -> String {
    let mut shown = Vec::new();
    for name in names {
        match name.strip_prefix("set_").filter(|read| names.contains(read)) {
            Some(_) => {}
            None if names.iter().any(|other| other.strip_prefix("set_") == Some(name)) => {
                shown.push(format!("`(set_){name}`"));
            }
            None => shown.push(format!("`{name}`")),
        }
    }
    shown.join(", ")
}

#[test]
fn the_page_has_the_tables_of_the_list() {
    const BEGIN: &str = "<!-- methods: the tables below are written by `";
    const END: &str = "<!-- methods end -->";
    let path = root().join("docs/sim.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the place of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let made = format!("{before}{BEGIN}{COMMAND}` -->\n\n{}\n{END}{after}", tables());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, made).unwrap();
    } else {
        assert!(page == made, "docs/sim.md has other tables than tests/sim/methods.txt: {COMMAND}");
    }
}
