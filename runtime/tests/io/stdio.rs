//! Standard input, output and error over every kind of file: waits, cancellation, and unchanged flags.
//!
//! Each test runs in a process of its own, where it may replace descriptors 0 and 1.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has neither `dup2` nor `/proc`

mod input;
mod output;

use crate::support::fds::{fill, pipe, raw_terminal};
use crate::support::{child, poll_once};
use egret_runtime::block_on;
use egret_runtime::io::{AsyncRead, AsyncWrite, copy, stderr, stdin, stdout};
use std::fs::File;
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::task::Poll;

/// Flags of an open file description, and of the descriptor.
fn flags(number: i32) -> String {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
    info.lines().find(|line| line.starts_with("flags:")).unwrap().to_owned()
}

/// In the parent, whose output is seen.
fn has_terminals() -> bool {
    let has = raw_terminal().is_some();
    if !has {
        eprintln!("SKIPPED: there is no devpts here");
    }
    has
}

/// Clears `O_NONBLOCK`, which the constructors in `support` set, and duplicates `fd` to `number`. Returns its flags.
fn install(number: i32, fd: impl AsFd) -> String {
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: the call takes no pointer.
    assert_eq!(unsafe { libc::fcntl(raw, libc::F_SETFL, 0) }, 0);
    // SAFETY: the call takes no pointer. What had the number is not used by this process, which has one test.
    assert_eq!(unsafe { libc::dup2(raw, number) }, number);
    flags(number)
}

/// Restores descriptor 0 when it is dropped.
struct Stdin(OwnedFd);

impl Stdin {
    fn keep() -> Stdin {
        Stdin(crate::support::fds::duplicate_at(100, std::io::stdin()))
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        // SAFETY: the call takes no pointer.
        assert_eq!(unsafe { libc::dup2(self.0.as_raw_fd(), 0) }, 0);
    }
}

/// Replaces descriptor 1, and restores it for the output of the test harness.
fn with_stdout(fd: impl AsFd, body: impl FnOnce(&str)) {
    let before = crate::support::fds::duplicate_at(100, std::io::stdout());
    let flags_before = install(1, fd);
    body(&flags_before);
    assert_eq!(flags(1), flags_before);
    // SAFETY: the call takes no pointer.
    assert_eq!(unsafe { libc::dup2(before.as_raw_fd(), 1) }, 1);
}

#[test]
fn a_copy_from_input_to_output_leaves_the_flags_alone_also_when_it_is_spliced() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (reader, mut writer) = pipe();
        let (mut out, into) = pipe();
        let before = install(0, &reader);
        drop(reader);
        let written = fill(&writer);
        let feeding = std::thread::spawn(move || {
            // SAFETY: the call takes no pointer.
            unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, 0) };
            writer.write_all(&[b'x'; 1_000_000]).unwrap();
        });
        let draining = std::thread::spawn(move || {
            // SAFETY: the call takes no pointer.
            unsafe { libc::fcntl(out.as_raw_fd(), libc::F_SETFL, 0) };
            let mut all = Vec::new();
            out.read_to_end(&mut all).unwrap();
            all
        });
        with_stdout(OwnedFd::from(into), |_| {
            let copied = block_on(async { copy(&mut stdin(), &mut stdout()).await }).unwrap();
            assert_eq!(copied, written as u64 + 1_000_000);
        });
        feeding.join().unwrap();
        assert_eq!(draining.join().unwrap().len(), written + 1_000_000);
        assert_eq!(flags(0), before);
    });
}

#[test]
fn standard_error_is_written_to_in_every_way() {
    child::alone(|| {
        let before = crate::support::fds::duplicate_at(100, std::io::stderr());
        let (mut out, into) = pipe();
        install(2, &into);
        drop(into);
        block_on(async {
            let mut error = stderr();
            assert!(error.as_registration().is_none(), "before the first write");
            assert_eq!(error.write(b"one ").await.unwrap(), 4);
            assert_eq!(poll_fn(|cx| error.poll_write(cx, b"two ")).await.unwrap(), 4);
            error.write_all(b"three ").await.unwrap();
            assert_eq!(poll_fn(|cx| AsyncWrite::poll_write(&mut error, cx, b"four ")).await.unwrap(), 5);
            assert!(error.as_registration().is_some(), "of a pipe that was opened anew");
            poll_fn(|cx| error.poll_shutdown(cx)).await.unwrap();
            assert_eq!(copy(&mut &b"five"[..], &mut error).await.unwrap(), 4);
        });
        // SAFETY: the call takes no pointer.
        assert_eq!(unsafe { libc::dup2(before.as_raw_fd(), 2) }, 2);
        // SAFETY: the call takes no pointer.
        assert_eq!(unsafe { libc::fcntl(out.as_raw_fd(), libc::F_SETFL, 0) }, 0);
        let mut all = String::new();
        out.read_to_string(&mut all).unwrap();
        assert_eq!(all, "one two three four five");
    });
}

#[test]
fn a_pipe_under_a_standard_stream_is_spliced_from_and_to_once_it_is_opened() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (reader, mut writer) = pipe();
        install(0, reader);
        writer.write_all(b"bytes, and the rest").unwrap();
        drop(writer);
        block_on(async {
            let mut input = stdin();
            assert!(input.as_registration().is_none(), "before the first read");
            assert_eq!(input.read(&mut [0; 7]).await.unwrap(), 7);
            assert!(input.as_registration().is_some());
            let mut all = b"it was ".to_vec();
            assert_eq!(input.read_to_end(&mut all).await.unwrap(), 12);
            assert_eq!(all, b"it was and the rest");
        });
        let (_out, into) = pipe();
        with_stdout(OwnedFd::from(into), |_| {
            block_on(async {
                let mut output = stdout();
                assert!(output.as_registration().is_none(), "before the first write");
                assert_eq!(output.write(b"bytes").await.unwrap(), 5);
                assert!(output.as_registration().is_some());
            });
        });
    });
}

#[test]
fn a_standard_stream_prints_its_name() {
    assert_eq!(format!("{:?} {:?} {:?}", stdin(), stdout(), stderr()), "Stdin Stdout Stderr");
}
