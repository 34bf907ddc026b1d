//! Checks the Markdown pages: the program in the README is the example,
//! links lead to existing files and headings, and a link named after a test or a function leads
//! to its file.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page below `docs/`, and those that stand elsewhere.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<_> =
        ["README.md", "CHANGELOG.md", "bench/README.md"].map(|page| root().join(page)).into();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if is_page(&path) {
                pages.push(path);
            }
        }
    }
    pages
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "md")
}

/// A page without its blocks of code, in which a `#` is no heading and a bracket no link.
fn prose(path: &Path) -> String {
    let page = fs::read_to_string(path).unwrap();
    let mut is_code = false;
    let lines = page.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        is_code ^= fence;
        !is_code && !fence && !line.starts_with("    ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors of a page's headings, by GitHub's rule: lower case, only letters, digits, `-` and `_`,
/// with `-` for each space, and with a number after a repeated one.
fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for line in page.lines() {
        let heading = line.trim_start_matches('#');
        if !(1..=6).contains(&(line.len() - heading.len())) || !heading.starts_with(' ') {
            continue;
        }
        let heading = without_targets(heading).trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let numbered = (1..).map(|n| format!("{anchor}-{n}"));
        let mut names = std::iter::once(anchor.clone()).chain(numbered);
        anchors.push(names.find(|name| !anchors.contains(name)).unwrap());
    }
    anchors
}

/// Links by their text alone.
fn without_targets(text: &str) -> String {
    let mut parts = text.split("](");
    let mut kept = parts.next().unwrap().to_owned();
    parts.for_each(|part| kept.push_str(part.split_once(')').map_or(part, |(_target, rest)| rest)));
    kept
}

/// The links of a page as text and target, and its definitions of links as label and target, but for those to other sites.
fn links(page: &str) -> Vec<(&str, &str)> {
    let mut links = Vec::new();
    for (at, _) in page.match_indices("](") {
        let target = page[at + 2..].split(')').next().unwrap();
        let text = page[..at].rsplit('[').next().unwrap();
        if !target.contains("://") {
            links.push((text, target));
        }
    }
    links.extend(page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")));
    links
}

/// The blocks of Rust of a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```rust\n").skip(1).map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn the_readme_shows_the_server_of_the_front_page() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let front = fs::read_to_string(root().join("egret.rs")).unwrap();
    let front: Vec<_> = front.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let front =
        front.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n");
    let block = *blocks(&readme).first().expect("a block of Rust in README.md");
    let shown = front.split("```no_run\n").nth(1).expect("a block in egret.rs").split("```").next().unwrap();
    assert_eq!(block, shown, "the block in README.md against that in egret.rs");
}

#[test]
fn the_guide_shows_the_http_example_as_it_is() {
    let page = fs::read_to_string(root().join("docs/guide/8-http.md")).unwrap();
    let example = fs::read_to_string(root().join("examples/hello_http.rs")).unwrap();
    let shown = page.split("```rust,no_run\n").nth(1).expect("a block of Rust").split("```").next().unwrap();
    assert_eq!(shown, example, "the block in docs/guide/8-http.md against examples/hello_http.rs");
}

#[test]
fn the_page_on_testing_shows_its_tests_as_they_are_and_all_of_them() {
    let page = fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let tests = fs::read_to_string(root().join("tests/testing.rs")).unwrap();
    let (_comment, tests) = tests.split_once("\n\n").unwrap();
    let blocks = blocks(page.split(MOVED).next().unwrap());
    assert_eq!(blocks.join("\n"), tests, "docs/testing.md, block after block, against tests/testing.rs");
    let examples = blocks.iter().filter(|block| block.starts_with("#[test]\n")).count();
    assert_eq!(examples, tests.matches("#[test]\n").count(), "an example to a block");
    assert!(examples >= 6, "{examples} examples");
}

/// The chapter of docs/testing.md with tests before and after.
const MOVED: &str = "## Moving from tokio-test and futures-test";

#[test]
fn the_page_on_testing_shows_ten_tests_before_and_after_as_they_are() {
    let page = fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let blocks = blocks(page.split(MOVED).nth(1).expect("the chapter"));
    assert_eq!(blocks.len(), 2 * 11, "what they use, and ten tests, each before and after");
    for (name, first) in [("kit_before.rs", 0), ("kit_after.rs", 1)] {
        let tests = fs::read_to_string(root().join("tests-ecosystem/tests").join(name)).unwrap();
        let (_comment, tests) = tests.split_once("\n\n").unwrap();
        let shown: Vec<_> = blocks.iter().skip(first).step_by(2).copied().collect();
        assert_eq!(shown.join("\n"), tests, "docs/testing.md against {name}");
    }
}

#[test]
fn links_within_the_repository_lead_to_files_and_headings() {
    let (mut links_seen, mut anchors_seen) = (0, 0);
    for path in pages() {
        let page = prose(&path);
        for (text, target) in links(&page) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let leads_to = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(leads_to.exists(), "{}: [{text}]({target}) leads nowhere", path.display());
            links_seen += 1;
            if anchor.is_empty() {
                continue;
            }
            assert!(is_page(&leads_to), "{}: [{text}]({target}): only a page has headings", path.display());
            let anchors = anchors(&prose(&leads_to));
            let is_there = anchors.iter().any(|there| there == anchor);
            assert!(is_there, "{}: [{text}]({target}): the headings are {anchors:?}", path.display());
            anchors_seen += 1;
        }
    }
    assert!(links_seen > 100 && anchors_seen > 0, "{links_seen} links, {anchors_seen} of them to headings");
}

#[test]
fn headings_have_the_anchors_that_github_gives_them() {
    let page = "# One byte, one event\n## `Runtime::turn` and [a *link*](to.md)\n## One byte, one event\n#none\ntext # none\n\
        ### K1 to K13: snake_case, 50 % - half\n####### none\n# One byte, one event";
    assert_eq!(
        anchors(page),
        [
            "one-byte-one-event",
            "runtimeturn-and-a-link",
            "one-byte-one-event-1",
            "k1-to-k13-snake_case-50----half",
            "one-byte-one-event-2",
        ]
    );
}

#[test]
fn what_a_page_links_to_by_name_is_in_the_file() {
    let mut named = 0;
    for path in pages() {
        let page = prose(&path);
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
