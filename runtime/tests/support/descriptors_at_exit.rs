//! A test binary fails when it exits with more descriptors than it started with.
//!
//! Tests of one binary run in parallel, so none of them can compare the descriptors of the process. At exit no test
//! runs, and a descriptor that is still open was leaked by one of them. To find which, each test runs again in a process of
//! its own, where this check covers that test alone; this costs nothing unless a descriptor was leaked. The comparison is
//! `LeakGuard::process`, which knows the eventfds that egret keeps.
//!
//! Include this file as a module: with `mod support;` in this directory, with `#[path]` in other
//! packages. It starts before `main` and ends after it, because no test is the first or the last. A binary that has failed
//! is not checked, because a test that was cut short leaves its descriptors open.

#![cfg(all(not(miri), target_env = "gnu"))] // Miri has no /proc, and other C libraries have no `on_exit`

use egret_runtime::test::{LeakGuard, Leaks};
use std::ffi::{c_int, c_void};
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// The exit code of the binary after a leak. A failed test makes it 101.
const LEFT_OPEN: c_int = 86;
/// How long a thread that outlives its test, such as one of a blocking job, may take to close its descriptors; one that runs,
/// or waits for a processor, until the second of these times.
const ENDING: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

unsafe extern "C" {
    fn on_exit(call: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    safe fn _exit(status: c_int) -> !;
}

// SAFETY: the C library calls each entry of this section once, on the first thread and before `main`. What is called uses
// of std the heap and `/proc` only, which need none of what `main` sets up.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = begin;

extern "C" fn begin() {
    let at_start = Box::into_raw(Box::new(LeakGuard::process()));
    // SAFETY: `end` takes back the box that goes with it, and is called once.
    assert_eq!(unsafe { on_exit(end, at_start.cast()) }, 0, "no room for another function at exit");
}

extern "C" fn end(status: c_int, at_start: *mut c_void) {
    // SAFETY: the pointer that `begin` passed with this function, made from a box of this type; there is no copy of it.
    let at_start = unsafe { Box::from_raw(at_start.cast::<LeakGuard<'static>>()) };
    let left = if status == 0 { left_open(&at_start) } else { None };
    // Its drop would check once more, and panic.
    std::mem::forget(at_start);
    let Some(leaks) = left else { return };
    eprintln!("\nafter the last test of this binary, {leaks}");
    // A process that runs a named test has no other to blame.
    if !std::env::args().any(|argument| argument == "--exact") {
        eprintln!("left by:");
        for name in tests_that_leave_some() {
            eprintln!("  {name}");
        }
    }
    _exit(LEFT_OPEN);
}

/// The leaked descriptors, after the threads that are about to end have ended.
fn left_open(at_start: &LeakGuard<'_>) -> Option<Leaks> {
    let start = Instant::now();
    loop {
        let time = start.elapsed();
        // Before the check: a thread may close its descriptor and end in between.
        let is_over = time > ENDING[1] || time > ENDING[0] && !others_run();
        let leaks = at_start.check().err()?;
        if is_over {
            return Some(leaks);
        }
        thread::yield_now();
    }
}

/// Whether another thread of this process runs or waits for a processor.
fn others_run() -> bool {
    let this = fs::read_link("/proc/thread-self").expect("/proc is mounted");
    let threads = fs::read_dir("/proc/self/task").expect("/proc is mounted").flatten();
    threads.filter(|thread| Some(&*thread.file_name()) != this.file_name()).any(|thread| {
        // The state follows the name in brackets. A thread that has ended meanwhile has none.
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('R'))
    })
}

/// Runs each test alone, to find the one that leaks.
fn tests_that_leave_some() -> Vec<String> {
    let this = || Command::new(std::env::current_exe().expect("the path of this binary"));
    let list = this().args(["--list", "--format", "terse"]).output().expect("this binary runs again");
    let list = String::from_utf8_lossy(&list.stdout);
    let mut names: Vec<_> =
        list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect();
    names.retain(|name| {
        let alone = this().args(["--exact", name, "--test-threads", "1"]).output();
        alone.expect("this binary runs again").status.code() == Some(LEFT_OPEN)
    });
    if names.is_empty() { vec!["none of them when it runs alone".to_owned()] } else { names }
}
