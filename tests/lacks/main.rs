//! A server without what an older kernel, a sandbox or a container lacks: it works, or gets an error that says so.
//!
//! Each test runs itself again in a process of its own (`support::child`), in which a filter refuses a system call
//! (`filter.rs`) or whose namespaces lack something (`namespaces.rs`). There `everyday.rs` does the work of a server, and
//! asserts its results. The filter also counts the calls: a call that egret no longer makes
//! would leave its test without meaning.

#![cfg(not(miri))] // which has no kernel

#[path = "../../runtime/tests/support/mod.rs"]
mod support;

use std::process::Output;

mod cgroup;
mod container;
mod everyday;
mod filter;
mod namespaces;
mod no_threads;
mod older_kernels;
mod pid_1;
#[cfg(feature = "inspect")]
mod stalled_look_up;

/// Says past the harness, which keeps what a test prints, that a test could not be made here.
fn skipped(test: &str, why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {why}");
}

/// Runs a test in a process of its own, and passes on that it could not be made there.
fn alone(body: impl FnOnce() + Send + 'static) {
    if let Some(child) = support::child::alone(body) {
        pass_on(&child);
    }
}

/// Asserts that the test called `name` has passed in another process, and passes on that it could not be made there.
fn passed(name: &str, child: &Output) {
    let (out, err) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && out.contains("1 passed"), "{name}: {}\n{out}\n{err}", child.status);
    pass_on(child);
}

fn pass_on(child: &Output) {
    let stderr = String::from_utf8_lossy(&child.stderr);
    let skipped = stderr.lines().filter_map(|line| line.strip_prefix("SKIPPED: ")?.split_once(": "));
    skipped.for_each(|(test, why)| self::skipped(test, why));
}
