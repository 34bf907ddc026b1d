//! Checks the signposts: the picture of an event names functions of the files it names, `Type::function` on a page is
//! still there, and so is each file that a comment of the libraries names.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources of the two libraries, with their paths.
fn sources() -> Vec<(PathBuf, String)> {
    let files = ["runtime/src", "net/src"].into_iter().flat_map(|folder| files(&root().join(folder)));
    files.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Every file of Rust below a folder, without what cargo has built.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}

#[test]
fn the_picture_of_an_event_names_functions_of_the_files_that_it_names() {
    let picture = fs::read_to_string(root().join("docs/pictures/event.svg")).unwrap();
    let texts = picture.split("<text class=\"").skip(1).map(|text| {
        let (class, rest) = text.split_once('"').unwrap();
        let words = rest.split_once('>').unwrap().1.split_once('<').unwrap().0;
        (class, words)
    });
    let (mut source, mut functions) = (None, 0);
    for (class, words) in texts {
        match class {
            "name" => {
                let file = words.rsplit(' ').next().unwrap();
                let path = root().join("runtime/src").join(file);
                source = file.ends_with(".rs").then(|| fs::read_to_string(&path).expect(file));
            }
            "code" => {
                let name = words.rsplit("::").next().unwrap();
                let source = source.as_ref().expect("a function stands below a file");
                assert!(
                    source.contains(&format!("fn {name}(")) || source.contains(&format!("fn {name}<")),
                    "{words}"
                );
                functions += 1;
            }
            _ => {}
        }
    }
    assert!(functions >= 6, "{functions} functions");
}

#[test]
fn what_the_pages_call_a_method_of_a_type_is_there() {
    // What these two list is of other libraries, and is missing here.
    const OTHERS: [&str; 2] = ["coming-from-tokio.md", "ecosystem.md"];
    let sources = sources();
    let (mut seen, mut stale) = (0, Vec::new());
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        let page = path.file_name().unwrap().to_str().unwrap();
        if !page.ends_with(".md") || OTHERS.contains(&page) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            let Some((item, method)) = name.split_once("::") else { continue };
            if !item.starts_with(char::is_uppercase)
                || !method.chars().all(is_word)
                || !item.chars().all(is_word)
            {
                continue;
            }
            let declares = |source: &str| {
                ["struct", "enum", "trait", "type"]
                    .iter()
                    .any(|kind| has_word(source, &format!("{kind} {item}")))
            };
            let of_it: Vec<_> = sources.iter().filter(|(_, source)| has_word(source, item)).collect();
            if of_it.iter().any(|(_, source)| declares(source)) {
                seen += 1;
                if !of_it.iter().any(|(_, source)| has_word(source, method)) {
                    stale.push(format!("{page}: `{name}`"));
                }
            }
        }
    }
    assert!(stale.is_empty(), "what is not there:\n{}", stale.join("\n"));
    assert!(seen > 50, "only {seen} names");
}

#[test]
fn the_files_that_comments_of_the_libraries_name_are_there() {
    let there: Vec<_> = ["runtime", "net", "macros", "tests", "examples"]
        .into_iter()
        .flat_map(|folder| files(&root().join(folder)))
        .collect();
    let (mut seen, mut stale) = (0, Vec::new());
    for (path, source) in sources() {
        let comments = source.lines().filter_map(|line| line.split_once("//"));
        for name in comments.flat_map(|(_, comment)| comment.split('`').skip(1).step_by(2)) {
            if !name.ends_with(".rs") || !name.chars().all(|c| is_word(c) || "./-".contains(c)) {
                continue;
            }
            seen += 1;
            if !there.iter().any(|file| file.ends_with(name)) {
                stale.push(format!("{}: `{name}`", path.display()));
            }
        }
    }
    assert!(stale.is_empty(), "what is not there:\n{}", stale.join("\n"));
    assert!(seen > 50, "only {seen} names");
}
