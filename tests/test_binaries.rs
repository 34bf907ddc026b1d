//! Each test binary checks at its end that it has left no descriptor open: it names `descriptors_at_exit.rs`, by itself or by
//! a module that it shares with others.

use std::fs;
use std::path::{Path, PathBuf};

const CHECK: &str = "mod descriptors_at_exit;";

/// Binaries that open nothing but files that they read, and one that has a check of its own.
const WITHOUT: [&str; 6] = [
    "runtime/tests/mailbox_loom.rs", // under loom, which runs the same code thousands of times
    "tests/readme.rs",
    "tests/safety_page.rs",
    "tests/sim/main.rs", // after each scenario the simulated kernel is asked
    "tests/sim_page.rs", // nor have its descriptors anything to do with Linux
    "tests/test_binaries.rs",
];

/// `tests/name.rs` and `tests/name/main.rs`, as cargo finds them.
fn binaries(tests: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(tests).unwrap().map(|entry| entry.unwrap().path());
    let roots = entries.map(|path| if path.is_dir() { path.join("main.rs") } else { path });
    roots.filter(|path| path.extension().is_some_and(|end| end == "rs") && path.exists()).collect()
}

/// The shared modules that a root names, which are all in folders.
fn shared(root: &Path) -> Vec<PathBuf> {
    let (source, folder) = (fs::read_to_string(root).unwrap(), root.parent().unwrap());
    let by_name = source.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let by_name = by_name.map(|name| format!("{name}/mod.rs"));
    let by_path = source.lines().filter_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    let all = by_name.chain(by_path.map(str::to_owned)).map(|module| folder.join(module));
    all.filter(|path| path.ends_with("mod.rs") && path.exists()).collect()
}

#[test]
fn each_test_binary_checks_that_it_has_left_no_descriptor_open() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut with, mut missing) = (0, Vec::new());
    for tests in ["runtime/tests", "net/tests", "tests"] {
        for binary in binaries(&root.join(tests)) {
            let name = binary.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let mut sources = shared(&binary);
            sources.push(binary);
            let has = sources
                .iter()
                .any(|source| fs::read_to_string(source).unwrap().lines().any(|line| line == CHECK));
            assert!(!has || !WITHOUT.contains(&&*name), "{name} has the check, and is listed as without");
            if has {
                with += 1;
            } else if !WITHOUT.contains(&&*name) {
                missing.push(name);
            }
        }
    }
    assert!(
        missing.is_empty(),
        "without the check, which comes with `mod support;` or by its path: {missing:?}"
    );
    assert!(with >= 15, "{with} with it");
}
