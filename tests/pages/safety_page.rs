//! Writes the table of `docs/safety.md` from the sources and fails when it is out of date: each file with unsafe code, and
//! the count of each function. Keywords in comments and strings do not count.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/safety.md";

/// The header of the table.
const HEADING: &str = "| file | `unsafe` | in |\n|---|---:|---|\n";

/// How often `unsafe` stands in each function of each file.
type Found = BTreeMap<String, BTreeMap<String, usize>>;

#[test]
fn the_table_on_the_page_is_that_of_the_sources() {
    let found = unsafe_code_of_the_tree();
    assert!(found.len() > 30, "{} files with unsafe code", found.len());
    let page = page();
    let (head, _) = page.split_once(HEADING).expect("the heading of the table");
    let rows: String = found.iter().map(|(file, functions)| row(file, functions)).collect();
    let expected = format!("{head}{HEADING}{rows}");
    if std::env::var_os("BLESS").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE), &expected).unwrap();
    }
    assert!(
        page == expected,
        "`BLESS=1 cargo test -p egret --test pages safety` writes the table of {PAGE} anew"
    );
}

#[test]
fn the_crates_that_need_no_unsafe_code_forbid_it() {
    for root in
        ["egret.rs", "net/src/lib.rs", "macros/src/lib.rs", "bench/src/main.rs", "bench/load/src/lib.rs"]
    {
        assert!(read(root).contains("#![forbid(unsafe_code)]"), "{root}");
        assert!(page().contains(&format!("`{root}`")), "{root} is to be on the page");
    }
}

/// `| file | count | functions |`, where a function that has more than one says how many.
fn row(file: &str, functions: &BTreeMap<String, usize>) -> String {
    let count: usize = functions.values().sum();
    let names = functions.iter().map(|(name, count)| match (name.as_str(), count) {
        ("", _) => "outside functions".to_owned(),
        (name, 1) => format!("`{name}`"),
        (name, count) => format!("`{name}` ({count})"),
    });
    format!("| `{file}` | {count} | {} |\n", names.collect::<Vec<_>>().join(", "))
}

fn page() -> String {
    read(PAGE)
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn unsafe_code_of_the_tree() -> Found {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Found::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    directories.push(path);
                }
            } else if name.ends_with(".rs") {
                let functions = unsafe_code(&fs::read_to_string(&path).unwrap());
                if !functions.is_empty() {
                    let file = path.strip_prefix(root).unwrap().to_str().unwrap();
                    found.insert(file.to_owned(), functions);
                }
            }
        }
    }
    found
}

/// Counts the keyword in each function of a source.
fn unsafe_code(source: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    // The functions that the token is in, each with the depth of braces at which it began.
    let mut inside: Vec<(usize, String)> = Vec::new();
    let mut declared = None;
    let (mut braces, mut brackets) = (0, 0);
    let tokens = tokens(source);
    for (at, token) in tokens.iter().enumerate() {
        let next = |n| tokens.get(at + n).map_or("", String::as_str);
        match token.as_str() {
            "fn" if is_name(next(1)) => declared = Some(next(1).to_owned()),
            "unsafe" => {
                let of = if next(1) == "fn" { next(2) } else { inside.last().map_or("", |(_, name)| name) };
                *counts.entry(of.to_owned()).or_default() += 1;
            }
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets -= 1,
            ";" if brackets == 0 => declared = None, // of a trait, with no body
            "{" => {
                if let Some(name) = declared.take_if(|_| brackets == 0) {
                    inside.push((braces, name));
                }
                braces += 1;
            }
            "}" => {
                braces -= 1;
                if inside.last().is_some_and(|(began, _)| *began == braces) {
                    inside.pop();
                }
            }
            _ => {}
        }
    }
    counts
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, and single characters for all else, without comments, strings and characters in quotes.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let raw =
            rest.strip_prefix('r').map(|after| after.trim_start_matches('#')).filter(|s| s.starts_with('"'));
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").unwrap() + 2
        } else if let Some(body) = raw {
            let hashes = rest.len() - body.len() - 1;
            let start = hashes + 2;
            start + rest[start..].find(&format!("\"{}", "#".repeat(hashes))).unwrap() + 1 + hashes
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' && is_character(rest) {
            quoted(rest, '\'')
        } else if is_name(rest) {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let token = &rest[..len];
        if is_name(token) && raw.is_none() || token.len() == 1 && !first.is_whitespace() {
            tokens.push(token.to_owned());
        }
        rest = &rest[len..];
    }
    tokens
}

/// How long the literal at the start of `rest` is.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    panic!("a literal that does not end");
}

/// Whether a character in quotes stands here, and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

#[test]
fn the_count_is_of_code_and_names_the_function() {
    let source = r##"
        //! unsafe
        trait T { fn declared(&self) -> [u8; 4]; }
        impl<'a> S<'a> {
            /* unsafe */
            fn outer() {
                let text = ("unsafe \" unsafe", 'u', '\'', '{', r#"unsafe " {"#, b"unsafe");
                fn inner() { unsafe { f() } }
                let closure = || unsafe { g({ 1 }) };
            }
            pub(super) unsafe fn contract(f: impl Fn([u8; { 1 }]) -> u8) {}
        }
        #![forbid(unsafe_code)]
        unsafe impl Send for S<'_> {}
    "##;
    let expected = [("", 1), ("contract", 1), ("inner", 1), ("outer", 1)];
    assert_eq!(unsafe_code(source), expected.map(|(name, count)| (name.to_owned(), count)).into());
}
