//! Children that end on request, and their state in `/proc`.

use crate::support::HANG;
use egret_runtime::process::Command;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

pub fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A child that ends when the other side of its standard input is closed, and that side. Its output is no pipe: busybox's
/// `cat` has `sendfile` copy from the socket, and a pipe behind it is locked meanwhile (K14).
pub fn waits() -> (Command, UnixStream) {
    let (ours, its) = UnixStream::pair().unwrap();
    let mut command = Command::new("cat");
    command.stdin(OwnedFd::from(its)).stdout(Stdio::null());
    (command, ours)
}

pub fn proc_of(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// The state in `/proc`: `Z` is a zombie. `None` when no process has the number.
pub fn state_of(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(proc_of(pid).join("stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

#[track_caller]
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANG, "not so within {HANG:?}: {what}");
        std::thread::yield_now();
    }
}

#[track_caller]
pub fn wait_until_gone(pid: u32) {
    wait_until("the process is gone, and no zombie", || !proc_of(pid).exists());
}
