//! `docs/pitfalls.md` compared with the comments of the tests: each code in a comment is a row, and each row names files
//! that contain its code, or says why it has no test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files whose comments use codes of other lists: the clearing rules C1 to C5 of `docs/edge-triggered.md`.
const RULES: [&str; 5] = ["C1", "C2", "C3", "C4", "C5"];

/// Letters of the codes in `docs/pitfalls.md`.
const LETTERS: &str = "KLFWRPTABXSDNHM";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each row's code with its last cell.
fn rows() -> BTreeMap<String, String> {
    let page = fs::read_to_string(root().join("docs/pitfalls.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.map(|row| row.split(" | ").collect::<Vec<_>>()).filter(|cells| cells.len() == 3);
    rows.map(|cells| (cells[0].to_owned(), cells[2].to_owned())).filter(|(code, _)| is_code(code)).collect()
}

/// A letter of the list and one or two digits.
fn is_code(word: &str) -> bool {
    let Some((letter, number)) = word.split_at_checked(1) else { return false };
    LETTERS.contains(letter) && matches!(number.len(), 1 | 2) && number.bytes().all(|c| c.is_ascii_digit())
}

/// The codes in the comments of a source.
fn codes(source: &str) -> Vec<String> {
    let comments = source.lines().filter_map(|line| line.split_once("//")).map(|(_, comment)| comment);
    let words = comments.flat_map(|comment| comment.split(|c: char| !c.is_alphanumeric()));
    words.filter(|word| is_code(word) && !RULES.contains(word)).map(str::to_owned).collect()
}

/// The files of the tests: those of the folders `tests`, and `tests.rs` below `src`.
fn tests() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = ["runtime/tests", "runtime/src", "net/tests", "net/src", "tests"]
        .map(|name| root().join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn each_code_in_a_comment_is_a_row() {
    let rows = rows();
    let mut seen = 0;
    for file in tests() {
        for code in codes(&fs::read_to_string(&file).unwrap()) {
            assert!(rows.contains_key(&code), "{code} in {} is no row of docs/pitfalls.md", file.display());
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen} codes were found");
}

#[test]
fn each_row_names_tests_that_name_it_or_says_why_there_is_none() {
    let rows = rows();
    assert!(rows.len() > 100, "{} rows were found", rows.len());
    for (code, cell) in rows {
        let links: Vec<_> = cell.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
        let tests: Vec<_> = links.iter().filter_map(|link| link.strip_prefix("../")).collect();
        assert!(!tests.is_empty() || cell.contains(' '), "{code} has neither a test nor a reason");
        for test in tests {
            let source = fs::read_to_string(root().join(test)).unwrap();
            assert!(codes(&source).contains(&code), "{test} does not name {code}");
        }
    }
}
