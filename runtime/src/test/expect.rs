//! The common part of the steps of the peers: they wait for at most [`PATIENCE`], and their panics show the bytes.
//!
//! `put` and `take` write to and read from the peer's descriptor. Those of a blocking TCP socket time out after
//! [`PATIENCE`]; the others do not block, and are tried again.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

/// How long a step may take before the test fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Writes all of `bytes`.
#[track_caller]
pub(super) fn send(put: impl Fn(&[u8]) -> io::Result<usize>, bytes: &[u8]) {
    let mut sent = 0;
    while sent < bytes.len() {
        match retried(|| put(&bytes[sent..])) {
            Ok(n) => sent += n,
            Err(error) => panic!("send: {}, after {sent} of {} bytes", why(&error), bytes.len()),
        }
    }
}

/// Reads exactly `count` bytes.
#[track_caller]
pub(super) fn receive(take: impl Fn(&mut [u8]) -> io::Result<usize>, count: usize) -> Vec<u8> {
    let mut got = vec![0; count];
    let mut len = 0;
    while len < count {
        let problem = match retried(|| take(&mut got[len..])) {
            Ok(0) => "the stream has ended".to_owned(),
            Ok(n) => {
                len += n;
                continue;
            }
            Err(error) => why(&error),
        };
        let came = excerpt(&got[..len], len);
        panic!("expect: {problem}, after {len} of {count} bytes\n      got {came}");
    }
    got
}

/// Asserts that these are the bytes.
#[track_caller]
pub(super) fn same(got: &[u8], expected: &[u8]) {
    if got.len() != expected.len() {
        let (count, n) = (got.len(), expected.len());
        let (expected, got) = (excerpt(expected, 0), excerpt(got, 0));
        panic!("expect: {count} bytes instead of {n}\n expected {expected}\n      got {got}");
    }
    let at = got.iter().zip(expected).position(|(got, expected)| got != expected);
    if let Some(at) = at {
        let n = expected.len();
        let (expected, got) = (excerpt(expected, at), excerpt(got, at));
        panic!("expect: byte {at} of {n} is another\n expected {expected}\n      got {got}");
    }
}

/// Asserts that nothing is queued. `take` does not block; where the kernel has no peek, it takes a byte.
#[track_caller]
pub(super) fn nothing(take: impl FnOnce(&mut [u8]) -> io::Result<usize>) {
    match take(&mut [0; 1]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => panic!("expect_nothing: {}", why(&error)),
        Ok(0) => panic!("expect_nothing: the stream has ended"),
        Ok(_) => panic!("expect_nothing: there are bytes"),
    }
}

/// Asserts that the other end has ended its direction.
#[track_caller]
pub(super) fn eof(take: impl Fn(&mut [u8]) -> io::Result<usize>) {
    match retried(|| take(&mut [0; 1])) {
        Ok(0) => {}
        Ok(_) => panic!("expect_eof: there are bytes before the end of the stream"),
        Err(error) => panic!("expect_eof: {}", why(&error)),
    }
}

/// Calls `attempt` until it does something else than block, for up to [`PATIENCE`].
pub(super) fn retried<R>(mut attempt: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::WouldBlock && start.elapsed() < PATIENCE => {
                thread::yield_now();
            }
            outcome => return outcome,
        }
    }
}

/// Waits for the kernel; over the loopback device it has usually finished before the system call returned.
#[track_caller]
pub(super) fn wait(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what} within {PATIENCE:?}");
        thread::yield_now();
    }
}

pub(super) fn why(error: &io::Error) -> String {
    match error.kind() {
        // The result of a blocking socket's timeout, or the last of the tries.
        ErrorKind::WouldBlock => format!("nothing happened for {PATIENCE:?}"),
        _ => error.to_string(),
    }
}

/// Returns the bytes around this position as text.
pub(super) fn excerpt(bytes: &[u8], at: usize) -> String {
    let (from, to) = (at.saturating_sub(32), bytes.len().min(at + 32));
    let (before, after) = (if from > 0 { "..." } else { "" }, if to < bytes.len() { "..." } else { "" });
    format!("{before}\"{}\"{after}", bytes[from..to].escape_ascii())
}
