//! Each test program checks at its end that it has leaked no descriptor: it includes `descriptors_at_exit.rs`, directly or
//! by one of its modules.

use std::fs;
use std::path::{Path, PathBuf};

const CHECK: &str = "mod descriptors_at_exit;";

/// Programs that open nothing but files that they read, and one that has a check of its own.
const WITHOUT: [&str; 3] = [
    "runtime/tests/mailbox_loom.rs", // under loom, which runs the same code thousands of times
    "tests/pages/main.rs",
    "tests/sim/main.rs", // after each scenario the simulated kernel is asked
];

/// `tests/name.rs` and `tests/name/main.rs`, as cargo finds them.
fn binaries(tests: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(tests).unwrap().map(|entry| entry.unwrap().path());
    let roots = entries.map(|path| if path.is_dir() { path.join("main.rs") } else { path });
    roots.filter(|path| path.extension().is_some_and(|end| end == "rs") && path.exists()).collect()
}

/// The files of the modules that a root names.
fn modules(root: &Path) -> Vec<PathBuf> {
    let (source, folder) = (fs::read_to_string(root).unwrap(), root.parent().unwrap());
    let by_name = source.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let by_name = by_name.flat_map(|name| [format!("{name}.rs"), format!("{name}/mod.rs")]);
    let by_path = source.lines().filter_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    let all = by_name.chain(by_path.map(str::to_owned)).map(|module| folder.join(module));
    all.filter(|path| path.exists()).collect()
}

#[test]
fn each_test_binary_checks_that_it_has_left_no_descriptor_open() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut with, mut missing) = (0, Vec::new());
    for tests in ["runtime/tests", "net/tests", "tests"] {
        for binary in binaries(&root.join(tests)) {
            let name = binary.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let mut sources = modules(&binary);
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
    assert!(with >= 12, "{with} with it");
}
