//! Keeps the rooms of `egret-runtime` in their order: the table at the head of `runtime/src/lib.rs` lists them, lowest
//! first, and no file names a room that is higher than its own. Tests may: they build a runtime to look at a part of it.
//! And each door, of `egret-net` too, says what is behind it.

use std::fs;
use std::path::Path;

const SOURCES: &str = "runtime/src";

#[test]
fn no_room_of_the_runtime_names_one_that_is_higher() {
    let (rooms, sources) = (rooms(), sources(SOURCES));
    let macros: Vec<_> = sources.iter().flat_map(|(_, source)| macros(source)).collect();
    let mut upward = Vec::new();
    let mut files = 0;
    for (file, source) in &sources {
        let room = room_of(file);
        if room == "lib" || file.ends_with("tests.rs") {
            continue;
        }
        let depth = file.trim_end_matches("/mod.rs").split('/').count();
        let own = rooms.iter().position(|other| other == room);
        let own = own.unwrap_or_else(|| panic!("the room of {file} is not in the table of {SOURCES}/lib.rs"));
        files += 1;
        for (line, name) in names(source, depth) {
            if macros.contains(&&*name) {
                continue; // one that is exported is named by the root of the crate
            }
            let named = rooms.iter().position(|other| *other == name);
            if named.is_none_or(|named| named > own) {
                upward.push(format!("{SOURCES}/{file}:{line}: `{room}` names `{name}`"));
            }
        }
    }
    assert!(files >= 100, "only {files} files were found");
    assert!(
        upward.is_empty(),
        "a room may name those above it in the table of {SOURCES}/lib.rs only:\n{}",
        upward.join("\n")
    );
}

#[test]
fn the_table_of_rooms_is_what_lies_at_the_top_of_the_runtime() {
    let mut listed = rooms();
    listed.sort();
    let files = sources(SOURCES).into_iter().map(|(file, _)| room_of(&file).to_owned());
    let mut there: Vec<_> = files.filter(|name| name != "lib").collect();
    there.sort();
    there.dedup();
    assert_eq!(listed, there);
}

#[test]
fn a_file_of_many_modules_says_what_is_in_each() {
    let mut silent = Vec::new();
    for folder in [SOURCES, "net/src"] {
        for (file, source) in sources(folder) {
            silent.extend(unsigned(&source).into_iter().map(|name| format!("{folder}/{file}: {name}")));
        }
    }
    assert!(
        silent.is_empty(),
        "say what is in it, behind `mod` or in the comment of the file:\n{}",
        silent.join("\n")
    );
}

#[test]
fn a_module_is_signed_behind_its_name_or_in_the_comment_of_the_file() {
    let few = "mod a;\nmod b;\nmod c;\n";
    let many =
        format!("//! `d.rs` and `e`\n{few}pub(crate) mod d;\npub mod e;\nmod f; // signed\nmod tests;\n");
    assert_eq!(unsigned(few), [""; 0]);
    assert_eq!(unsigned(&many), ["a", "b", "c"]);
}

/// The modules of a file of four or more of which it does not say what they are. `kind` is two files behind one name,
/// by a feature.
fn unsigned(source: &str) -> Vec<&str> {
    let head: String = source.lines().take_while(|line| line.starts_with("//!")).collect();
    let modules = source.lines().filter_map(|line| {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let (visibility, name) = code.trim_end().strip_suffix(';')?.split_once("mod ")?;
        let declares = visibility.is_empty() || visibility.starts_with("pub");
        (declares && !["tests", "kind"].contains(&name)).then_some((name, comment))
    });
    let modules: Vec<_> = modules.collect();
    if modules.len() < 4 {
        return Vec::new();
    }
    let is_in_head = |name: &str| {
        [format!("`{name}`"), format!("{name}.rs"), format!("{name}/")].iter().any(|sign| head.contains(sign))
    };
    modules
        .into_iter()
        .filter(|(name, comment)| comment.is_empty() && !is_in_head(name))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn a_name_is_found_in_code_and_not_in_comments_macros_or_tests() {
    let source = "\
//! See [`crate::a`].
use crate::b::Thing; // not crate::c
use crate::{d, e::Thing};
use super::super::f;
macro_rules! m { () => { $crate::g::x() } }
fn f() { crate::h::call(\"http://i\"); mycrate::j::call() }

#[cfg(test)]
mod tests {
    use crate::k;
}

use crate::l;
";
    let found: Vec<_> = names(source, 2);
    let expected =
        [(2, "b"), (3, "d"), (3, "e"), (4, "the root of the crate by `super`"), (6, "h"), (13, "l")];
    assert_eq!(found, expected.map(|(line, name)| (line, name.to_owned())));
}

/// What a source names of the root of the crate, each with its line: rooms, or what `lib.rs` re-exports, which no room may
/// use.
fn names(source: &str, depth: usize) -> Vec<(usize, String)> {
    let (mut found, mut before, mut in_tests) = (Vec::new(), "", false);
    for (number, line) in source.lines().enumerate() {
        in_tests |= before == "#[cfg(test)]" && line.starts_with("mod ") && line.ends_with('{');
        in_tests &= before != "}";
        before = line;
        if in_tests {
            continue;
        }
        let line = line.split("//").next().unwrap();
        for (at, _) in line.match_indices("crate::") {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|before| before == '$' || before == '_' || before.is_alphanumeric()) {
                continue;
            }
            let path = &line[at + "crate::".len()..];
            let several: Vec<_> = match path.strip_prefix('{') {
                Some(list) => list.split(',').collect(),
                None => vec![path],
            };
            let of = |path: &str| {
                path.trim().split(|c: char| c != '_' && !c.is_alphanumeric()).next().unwrap().to_owned()
            };
            found.extend(several.into_iter().map(|path| (number + 1, of(path))));
        }
        // A module within a file is indented, and its `super` is the file.
        if line.starts_with(|c: char| !c.is_whitespace()) && line.matches("super::").count() >= depth {
            found.push((number + 1, "the root of the crate by `super`".to_owned()));
        }
    }
    found
}

/// The macros that a source declares.
fn macros(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| line.trim().strip_prefix("macro_rules! ")?.split(' ').next())
}

/// In the order of the table.
fn rooms() -> Vec<String> {
    let source = fs::read_to_string(root().join(SOURCES).join("lib.rs")).unwrap();
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

/// `wake/queue.rs` is of the room `wake`, and so is `wake.rs`.
fn room_of(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Every file of a folder and of those in it, with its path in the folder.
fn sources(folder: &str) -> Vec<(String, String)> {
    let (root, mut found) = (root().join(folder), Vec::new());
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((file, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
