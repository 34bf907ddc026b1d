//! Wrong uses of the attributes: each is an error of compilation that says what to write.
//!
//! The compiler is called on each with the macros of this build, which refuse it before anything else is looked up,
//! so nothing but them is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library of the macros that was built last: it is next to this test or, where cargo was given a target, in the folder of
/// what runs while it builds.
fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let (beside, profile) = (test.parent().unwrap(), test.ancestors().nth(2).unwrap());
    let of_the_host = profile.join("../..").join(profile.file_name().unwrap()).join("deps");
    let folders = [beside, &of_the_host].into_iter().filter_map(|folder| fs::read_dir(folder).ok());
    let files = folders.flatten().map(|entry| entry.unwrap().path());
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libegret_macros-") && name.ends_with(".so")
    };
    files
        .filter(is_ours)
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .expect("it was built")
}

/// An empty directory of that name.
fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// The compiler, which writes to `directory`.
fn rustc(directory: &Path) -> Command {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.args(["--edition", "2024", "--color", "never", "--out-dir"]).arg(directory);
    rustc
}

/// The messages of the compiler's errors about `source`, which has some.
fn errors(library: &Path, directory: &Path, source: &str) -> Vec<String> {
    let file = directory.join("source.rs");
    fs::write(&file, source).unwrap();
    let output = rustc(directory)
        .args(["--emit", "metadata", "--test", "--extern"])
        .arg(format!("egret={}", library.display()))
        .arg(&file)
        .output()
        .expect("the compiler that built this is there");
    assert!(!output.status.success(), "this compiles:\n{source}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let errors = stderr.lines().filter_map(|line| line.strip_prefix("error: "));
    errors.filter(|line| !line.starts_with("aborting due to")).map(str::to_owned).collect()
}

const TIMEOUT: &str = "write a whole number of `ms`, `s` or `min`, as in `timeout = \"5s\"`";
const USAGE: &str = "#[egret::test] takes `timeout = \"5s\"`, `start_paused = true`, `unhandled_panic = \"ignore\"`, \
     `name = \"..\"`, `flavor = \"current_thread\"` and `crate = \"..\"`, with a comma between them";
const MAIN: &str = "#[egret::main] takes `cores = 4`, or `start_paused = true`, `unhandled_panic = \"ignore\"`, \
     `name = \"..\"`, `flavor = \"current_thread\"` and `crate = \"..\"`, with a comma between them. To set something else, write `fn main` \
     without the attribute and use `egret::runtime::Builder`";
const ONE_THREAD: &str = "a runtime of egret has one thread: write `flavor = \"current_thread\"` or leave it out. For a runtime \
     on each of several threads write `#[egret::main(cores = 4)]`, and see docs/cores.md";
const ONE_THREAD_IN_A_TEST: &str = "a runtime of egret has one thread: write `flavor = \"current_thread\"` or leave it out. A \
     test of several is a `#[test]` that calls `egret::cores::Builder::new().count(2).run(..)`";
const POLICY: &str = "write `unhandled_panic = \"ignore\"`, `\"report\"` or `\"shutdown_runtime\"`";
const CRATE: &str = "write the path by which egret is reached here, as in `crate = \"server::egret\"`";
const NAME: &str = "the name of a runtime is a string that is not empty: write `name = \"front\"`";
const CORES: &str = "write `cores = 4`, or `cores = \"all\"` for as many as the process may use";

#[test]
fn each_misuse_is_one_error_that_says_what_to_write() {
    let usage = |what: &str| format!("{what}: {USAGE}");
    let timeout = |what: &str| format!("{what}: {TIMEOUT}");
    let no_count = || format!("this is no number of cores: {CORES}");
    let one_literal = || format!("the number of cores is one literal: {CORES}");
    let no_function =
        |name: &str| format!("#[egret::{name}] goes on a function: write `async fn {name}() {{ .. }}`");
    let cases: Vec<(&str, String)> = vec![
        ("#[egret::test] fn a() {}", "#[egret::test] goes on an `async fn`: write `async fn a`".into()),
        ("#[egret::main] fn main() {}", "#[egret::main] goes on an `async fn`: write `async fn main`".into()),
        ("#[egret::test] struct A;", no_function("test")),
        ("#[egret::main] struct A;", no_function("main")),
        (
            "#[egret::test] async unsafe fn a() {}",
            "#[egret::test] goes on an `async fn` that is not `unsafe`".into(),
        ),
        (
            "#[egret::test] async fn a(x: u32) {}",
            "#[egret::test] calls the function itself: it can have no parameters".into(),
        ),
        (
            "#[egret::main] async fn main(core: egret::cores::Core) {}",
            "#[egret::main] calls the function itself: it can have no parameters, or with \
             `#[egret::main(cores = 4)]` the one `core: egret::cores::Core`"
                .into(),
        ),
        (
            "#[egret::main(cores = 4)] async fn main() {}",
            "#[egret::main] calls the function itself: each core is given to it, so write \
             `async fn main(core: egret::cores::Core)`"
                .into(),
        ),
        (
            "#[egret::main(cores = 4)] async fn main(core: egret::cores::Core, x: u32) {}",
            "#[egret::main] calls the function itself: its one parameter is `core: egret::cores::Core`".into(),
        ),
        ("#[egret::main(cores)] async fn main(core: C) {}", format!("how many cores? {CORES}")),
        ("#[egret::main(cores = )] async fn main(core: C) {}", format!("how many cores? {CORES}")),
        ("#[egret::main(cores = 0)] async fn main(core: C) {}", format!("no core would run: {CORES}")),
        ("#[egret::main(cores = many)] async fn main(core: C) {}", no_count()),
        ("#[egret::main(cores = \"4\")] async fn main(core: C) {}", no_count()),
        ("#[egret::main(cores = 1.5)] async fn main(core: C) {}", no_count()),
        ("#[egret::main(cores = -1)] async fn main(core: C) {}", one_literal()),
        ("#[egret::main(cores = 2 * 2)] async fn main(core: C) {}", one_literal()),
        (
            "#[egret::test(cores = 2)] async fn a(core: egret::cores::Core) {}",
            "a test runs on one core: write a `#[test]` that calls `egret::cores::Builder::new().count(2).run(..)`"
                .into(),
        ),
        (
            "#[egret::test] async fn a<T>() {}",
            "#[egret::test] calls the function itself: it can have no generic parameters".into(),
        ),
        (
            "#[egret::test] #[test] async fn a() {}",
            "#[egret::test] says that it is a test: remove `#[test]`".into(),
        ),
        (
            "#[egret::main(threads = 4)] async fn main() {}",
            format!("there is no argument `threads`: {MAIN}"),
        ),
        ("#[egret::main(timeout = \"5s\")] async fn main() {}", format!("there is no argument `timeout`: {MAIN}")),
        ("#[egret::main(flavor = \"multi_thread\")] async fn main() {}", ONE_THREAD.into()),
        ("#[egret::main(flavor = \"multi_thread\", worker_threads = 4)] async fn main() {}", ONE_THREAD.into()),
        ("#[egret::main(worker_threads = 4)] async fn main() {}", ONE_THREAD.into()),
        ("#[egret::main(flavor)] async fn main() {}", MAIN.into()),
        (
            "#[egret::main(name = \"a\", cores = 4)] async fn main() {}",
            "`cores` goes alone: the runtimes are set by `egret::cores::Builder`".into(),
        ),
        ("#[egret::main(unhandled_panic = \"abort\")] async fn main() {}", POLICY.into()),
        ("#[egret::main(name = 1)] async fn main() {}", NAME.into()),
        ("#[egret::main(crate = egret)] async fn main() {}", CRATE.into()),
        ("#[egret::main(crate = \"\")] async fn main() {}", CRATE.into()),
        ("#[egret::main(crate = \"a::2b\")] async fn main() {}", CRATE.into()),
        ("#[egret::test(crate = \"a b\")] async fn a() {}", CRATE.into()),
        ("#[egret::main(name = \" \")] async fn main() {}", NAME.into()),
        ("#[egret::test(flavor = \"multi_thread\", worker_threads = 1)] async fn a() {}", ONE_THREAD_IN_A_TEST.into()),
        ("#[egret::test(worker_threads = 1)] async fn a() {}", ONE_THREAD_IN_A_TEST.into()),
        ("#[egret::test(patience = 1)] async fn a() {}", usage("there is no argument `patience`")),
        ("#[egret::test(timeout)] async fn a() {}", USAGE.into()),
        ("#[egret::test(timeout: \"5s\")] async fn a() {}", USAGE.into()),
        ("#[egret::test(timeout = \"5s\" start_paused = true)] async fn a() {}", USAGE.into()),
        ("#[egret::test(timeout = 5)] async fn a() {}", timeout("a time limit is a string with a unit")),
        ("#[egret::test(timeout = \"5\")] async fn a() {}", timeout("this is no time limit")),
        ("#[egret::test(timeout = \"s\")] async fn a() {}", timeout("this is no time limit")),
        ("#[egret::test(timeout = \"1.5s\")] async fn a() {}", timeout("this is no time limit")),
        ("#[egret::test(timeout = \"0s\")] async fn a() {}", timeout("no test is done in no time")),
        (
            "#[egret::test(timeout = \"999999999999999999min\")] async fn a() {}",
            timeout("this time limit is too long"),
        ),
        (
            "#[egret::test(timeout = \"1s\", timeout = \"2s\")] async fn a() {}",
            "`timeout` is said already: say it once".into(),
        ),
        (
            "#[egret::test(start_paused = 1)] async fn a() {}",
            "write `start_paused = true`, or leave it out".into(),
        ),
    ];
    let (library, directory) = (library(), directory("misuse"));
    for (source, expected) in cases {
        assert_eq!(errors(&library, &directory, source), [expected], "{source}");
    }
}

#[test]
fn a_paused_start_without_the_feature_says_which_to_turn_on() {
    // The library of this build has the feature, so here is one without.
    let directory = directory("no-clock");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs");
    let built = rustc(&directory)
        .args(["--crate-name", "egret_macros", "--crate-type", "proc-macro", source])
        .args(["--extern", "proc_macro", "--check-cfg", "cfg(feature, values(\"test-util\"))"])
        .status();
    assert!(built.unwrap().success());
    let library = directory.join("libegret_macros.so");
    let errors = errors(&library, &directory, "#[egret::test(start_paused = true)] async fn a() {}");
    let expected = "`start_paused` needs a clock that can be paused: write `features = [\"macros\", \"test-util\"]` \
                    for egret in the [dev-dependencies] of Cargo.toml";
    assert_eq!(errors, [expected]);
}
