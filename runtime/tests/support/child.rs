//! A test in a process of its own: for its output on standard error, and for its descriptors, which
//! other tests of the same binary open and close in parallel.

use std::process::{Command, Output};

const CHILD: &str = "EGRET_TEST_IN_CHILD";

/// In a test: runs this binary again with that test only, and there `body`.
///
/// `None` in the child, which has nothing more to do. In the parent what became of the child, which has not
/// failed. Which test it is, `body` knows: a closure is named after the function that it stands in.
pub fn alone<F: FnOnce() + Send + 'static>(body: F) -> Option<Output> {
    let name = test_of(&body);
    run(name, body)
}

/// As [`alone`], for the test called `name`.
pub fn run(name: &str, body: impl FnOnce() + Send + 'static) -> Option<Output> {
    if std::env::var_os(CHILD).is_some() {
        super::bounded(body);
        return None;
    }
    let child = again(name).env(CHILD, "1").env_remove("RUST_BACKTRACE").output();
    let child = child.expect("this binary runs again");
    let (stdout, stderr) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "{}\n{stdout}\n{stderr}", child.status);
    assert!(stdout.contains("1 passed"), "no test is called {name}\n{stdout}");
    Some(child)
}

/// This binary with one test.
pub fn again(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this binary"));
    command.args(["--exact", name, "--nocapture", "--test-threads", "1"]);
    command
}

/// The name of the test in which a closure stands, as the harness has it: without that of the crate.
pub fn test_of<F>(_closure: &F) -> &'static str {
    let path = std::any::type_name::<F>();
    let (_crate, path) = path.split_once("::").expect("a path");
    path.split("::{{closure}}").next().expect("one part at the least")
}

/// How many descriptors this process has open.
pub fn open_descriptors() -> usize {
    // The listing itself has one open, in every call alike.
    std::fs::read_dir("/proc/self/fd").expect("/proc is mounted").count()
}
