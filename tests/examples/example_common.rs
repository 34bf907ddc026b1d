//! Examples as the programs that they are.

#[cfg(feature = "test-util")]
#[path = "../../runtime/tests/support/descriptors_at_exit.rs"]
mod descriptors_at_exit;

use std::fs;
use std::path::Path;
use std::process::Command;

/// `target/<profile>/examples/<name>`. `cargo test` of everything builds it; one test alone does not, so it may be
/// missing, or older than its sources.
pub fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests are in <profile>/deps");
    let path = profile.join("examples").join(name);
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let built = modified(&path);
    let sources = fs::read_to_string(path.with_extension("d")).unwrap_or_default();
    let is_stale = sources.split_whitespace().skip(1).any(|source| modified(source.as_ref()) > built);
    assert!(built.is_some() && !is_stale, "{} is to be made by `cargo build --examples`", path.display());
    Command::new(path)
}
