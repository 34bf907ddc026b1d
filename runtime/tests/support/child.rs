//! A test in a process of its own: for what it writes to standard error, and for its descriptors, which the
//! other tests of the same binary open and close beside it.

use std::process::{Command, Output};

const CHILD: &str = "EGRET_TEST_IN_CHILD";

/// In the test called `name`: runs this binary again with that test only, and there `body`.
///
/// `None` in the child, which has nothing more to do. In the parent what became of the child, which has not
/// failed.
pub fn run(name: &str, body: impl FnOnce() + Send + 'static) -> Option<Output> {
    if std::env::var_os(CHILD).is_some() {
        super::bounded(body);
        return None;
    }
    let program = std::env::current_exe().expect("the path of this binary");
    let child = Command::new(program)
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(CHILD, "1")
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("this binary runs again");
    let (stdout, stderr) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "{}\n{stdout}\n{stderr}", child.status);
    assert!(stdout.contains("1 passed"), "no test is called {name}\n{stdout}");
    Some(child)
}

/// How many descriptors this process has open.
pub fn open_descriptors() -> usize {
    // The listing itself has one open, in every call alike.
    std::fs::read_dir("/proc/self/fd").expect("/proc is mounted").count()
}
