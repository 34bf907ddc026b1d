//! A test that leaves a descriptor open is found and named: each test here is the failing one of a process of its own.
//! A separate program, because it is run again as a whole and its final output is compared.

#![allow(missing_docs)]
#![cfg(all(not(miri), target_env = "gnu"))] // as what it tests

mod support;

use egret_runtime::runtime::Runtime;
use std::process::{Command, Output};

/// Set to make a test leak a descriptor.
const LEAVES: &str = "EGRET_TEST_LEAVES_A_DESCRIPTOR";

/// The result of this binary when the tests whose names contain `filter` leak a descriptor.
fn run_with_leaks(filter: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(filter).env(LEAVES, "1").output().unwrap()
}

fn is_to_leave_some() -> bool {
    std::env::var_os(LEAVES).is_some()
}

#[test]
fn leaves_a_socket() {
    if is_to_leave_some() {
        std::mem::forget(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    }
}

#[test]
fn leaves_a_runtime() {
    if is_to_leave_some() {
        std::mem::forget(Runtime::new().unwrap());
    }
}

#[test]
fn leaves_nothing_but_the_eventfd_that_is_kept() {
    Runtime::new().unwrap().block_on(async {});
}

#[test]
fn what_is_left_open_fails_the_binary_and_names_the_test() {
    if is_to_leave_some() {
        return;
    }
    let ended = run_with_leaks("leaves_a");
    let (stdout, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(stdout.contains("2 passed; 0 failed"), "{stdout}");
    assert_eq!(ended.status.code(), Some(86), "{stderr}");
    assert_eq!(stderr.matches(": socket:[").count(), 1, "{stderr}");
    assert_eq!(stderr.matches(": anon_inode:[eventpoll]").count(), 1, "{stderr}");
    assert!(stderr.ends_with("left by:\n  leaves_a_runtime\n  leaves_a_socket\n"), "{stderr}");
}

#[test]
fn what_is_closed_is_not_left_open() {
    if is_to_leave_some() {
        return;
    }
    let ended = run_with_leaks("leaves_nothing");
    assert_eq!((ended.status.code(), &ended.stderr[..]), (Some(0), &b""[..]));
}
