//! Shared by the tests of UDP and Unix sockets: a run that fails instead of hanging, unique names,
//! and the kernel's state of a descriptor.

#![allow(dead_code, missing_docs, unused_imports, reason = "each test binary uses a part of it")]

#[path = "../../../runtime/tests/support/descriptors_at_exit.rs"]
mod descriptors_at_exit;

#[path = "../../../runtime/tests/support/next_turn.rs"]
mod next_turn;

use egret_runtime::runtime::Runtime;
pub use egret_runtime::test::settle;
pub use next_turn::{HANG, next_turn};
use std::future::Future;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Runs `future` as a task. Panics when it is not done and the loop is idle: a wake-up was lost.
#[track_caller]
pub fn run<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
    let rt = Runtime::new().unwrap();
    let task = rt.spawn(future);
    finish(&rt, task)
}

/// Turns the loop until the task is done.
#[track_caller]
pub fn finish<T: 'static>(rt: &Runtime, task: egret_runtime::task::JoinHandle<T>) -> T {
    while !task.is_finished() {
        next_turn(rt);
    }
    rt.block_on(task).unwrap()
}

fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A unique abstract name, with the zero byte before it.
pub fn name() -> String {
    format!("\0egret-test-{}-{}", std::process::id(), number())
}

/// A directory that is removed with its contents.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Directory {
        let path = std::env::temp_dir().join(format!("egret-test-{}-{}", std::process::id(), number()));
        std::fs::create_dir(&path).unwrap();
        Directory(path)
    }

    /// A path in it with so many bytes.
    pub fn path_of_len(&self, len: usize) -> PathBuf {
        let rest = len.checked_sub(self.0.as_os_str().len() + 1).expect("a directory with a short name");
        self.0.join("p".repeat(rest))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const CHILD: &str = "EGRET_TEST_IN_CHILD";

/// In a test: runs this program again with that test only, and there `body`. For a test that counts its descriptors, which
/// the other tests of the program open and close in parallel. A closure is named after the function that it stands in.
pub fn in_child<F: FnOnce()>(body: F) {
    if std::env::var_os(CHILD).is_some() {
        return body();
    }
    let name = test_of(&body);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(CHILD, "1")
        .output()
        .expect("this program runs again");
    let (stdout, stderr) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "{}\n{stdout}\n{stderr}", child.status);
    assert!(stdout.contains("1 passed"), "no test is called {name}\n{stdout}");
    // The child prints what it skips on standard error.
    eprint!("{stderr}");
}

/// The name of the test in which a closure stands, as the harness has it: without that of the crate.
pub fn test_of<F>(_closure: &F) -> &'static str {
    let (_crate, path) = std::any::type_name::<F>().split_once("::").expect("a path");
    path.split("::{{closure}}").next().expect("one part at the least")
}

/// How many descriptors this process has open.
pub fn open_descriptors() -> usize {
    // The listing itself has one open, in every call alike.
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// `O_NONBLOCK` and `O_CLOEXEC` of a descriptor, as the kernel has them.
pub fn flags(fd: &impl AsRawFd) -> (bool, bool) {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
    (flags & 0o4000 != 0, flags & 0o2000000 != 0)
}
