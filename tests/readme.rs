//! Keeps `README.md` and `docs/` true where a machine can tell: the program that the README shows is the example,
//! links lead somewhere, and a link that is called by the name of a test or of a function leads to its file.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.push(root().join("README.md"));
    pages
}

/// The links of a page as text and target, but for those to other sites.
fn links(page: &str) -> Vec<(&str, &str)> {
    let mut links = Vec::new();
    for (at, _) in page.match_indices("](") {
        let target = page[at + 2..].split(')').next().unwrap();
        let text = page[..at].rsplit('[').next().unwrap();
        if !target.contains("://") {
            links.push((text, target));
        }
    }
    links
}

/// The blocks of Rust of a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```rust\n").skip(1).map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn the_readme_shows_the_first_example_as_it_is() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let example = fs::read_to_string(root().join("examples/hello_http.rs")).unwrap();
    let block = *blocks(&readme).first().expect("a block of Rust in README.md");
    assert_eq!(block, example, "the block in README.md against examples/hello_http.rs");
}

#[test]
fn the_page_on_testing_shows_its_tests_as_they_are_and_all_of_them() {
    let page = fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let tests = fs::read_to_string(root().join("tests/testing.rs")).unwrap();
    let (_comment, tests) = tests.split_once("\n\n").unwrap();
    let blocks = blocks(&page);
    assert_eq!(blocks.join("\n"), tests, "docs/testing.md, block after block, against tests/testing.rs");
    let examples = blocks.iter().filter(|block| block.starts_with("#[test]\n")).count();
    assert_eq!(examples, tests.matches("#[test]\n").count(), "an example to a block");
    assert!(examples >= 6, "{examples} examples");
}

#[test]
fn links_within_the_repository_lead_to_files() {
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for (text, target) in links(&page) {
            let file = target.split('#').next().unwrap();
            let leads = path.parent().unwrap().join(file).exists();
            assert!(leads, "{}: [{text}]({target}) leads nowhere", path.display());
        }
    }
}

#[test]
fn what_a_page_links_to_by_name_is_in_the_file() {
    let mut named = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for (text, target) in links(&page) {
            let name = text.trim_matches('`').rsplit("::").next().unwrap();
            let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if !target.ends_with(".rs") || !text.starts_with('`') || !is_name {
                continue;
            }
            let source = fs::read_to_string(path.parent().unwrap().join(target)).unwrap();
            let kinds = ["fn", "struct", "enum", "trait", "const", "static", "mod"];
            let has = kinds.iter().any(|kind| {
                let item = format!("{kind} {name}");
                let rest = source.split(&item).skip(1);
                rest.into_iter().any(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            assert!(has, "{}: {target} has no `{name}`", path.display());
            named += 1;
        }
    }
    assert_ne!(named, 0, "the pages name tests");
}
