//! What a child inherits: its three streams, and neither masks nor descriptors.

use super::children::*;
use crate::support::poll_once;
use crate::support::{bounded, child};
use egret_runtime::block_on;
use egret_runtime::process::Command;
use egret_runtime::signal::unix::{SignalKind, signal};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

// X5: a mask or an ignored signal that the child inherits.
#[test]
fn a_child_has_no_blocked_signals_and_the_default_for_sigpipe() {
    // In a process of its own: another test's listener changes what this process ignores between the two readings.
    child::alone(|| {
        block_on(async {
            let _term = signal(SignalKind::terminate()).unwrap();
            let status = sh("kill -TERM $$; exit 1").status().await.unwrap();
            assert_eq!(status.signal(), Some(15));
            let output = sh("yes | head -n 1; echo ended").output().await.unwrap();
            assert_eq!(output.stdout, b"y\nended\n");
            assert_eq!(output.stderr, b"", "with SIGPIPE ignored yes complains");
            let output = Command::new("grep").args(["-E", "Sig(Blk|Ign)", "/proc/self/status"]).output();
            let child = String::from_utf8(output.await.unwrap().stdout).unwrap();
            let parent = std::fs::read_to_string("/proc/self/status").unwrap();
            let mask = |status: &str, name| {
                let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                // Those with names: the C library keeps two others to itself.
                u64::from_str_radix(line.trim(), 16).unwrap() & 0x7fff_ffff
            };
            // Signals that the parent of the test ignores stay ignored, as `nohup` needs; std's SIGPIPE does not.
            let sigpipe = 1 << (libc::SIGPIPE - 1);
            let inherited = mask(&parent, "SigIgn:") & !sigpipe;
            assert_eq!((mask(&child, "SigBlk:"), mask(&child, "SigIgn:")), (0, inherited));
        });
    });
}

// X6: epoll, eventfd, pipes and pidfds are close-on-exec.
#[test]
fn a_child_has_no_descriptor_of_this_process_but_its_three() {
    bounded(|| {
        // Descriptors that the parent of the test left open are inherited: a child of std, without egret, shows which.
        let inherited = std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap().stdout;
        block_on(async {
            let _signals = signal(SignalKind::hangup()).unwrap();
            let (_input, its) = UnixStream::pair().unwrap();
            let mut other = Command::new("sort"); // ends with its input, as `waits`
            let mut other = other.stdin(OwnedFd::from(its)).stdout(Stdio::piped()).spawn().unwrap();
            assert!(poll_once(other.wait()).is_pending());
            let file = egret_runtime::io::AsyncFd::new(crate::support::fds::eventfd(0, false)).unwrap();
            let output = Command::new("ls").arg("/proc/self/fd").output().await.unwrap();
            assert_eq!(String::from_utf8(output.stdout), String::from_utf8(inherited));
            drop(file);
        });
    });
}

// X9: with 0, 1 and 2 closed, what is made gets these numbers, and the streams of a child are moved across them.
#[test]
fn a_parent_without_standard_streams_gives_a_child_the_right_ones() {
    let body = || {
        let keep: Vec<OwnedFd> = (0..3)
            .map(|number| {
                // SAFETY: the numbers are open until they are closed below, and this borrows them for one call.
                let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
                crate::support::fds::duplicate_at(100, fd)
            })
            .collect();
        for number in 0..3 {
            // SAFETY: the call takes no pointer. Their files are kept above and restored below, and no other
            // thread uses them meanwhile: this is the only test of its process.
            unsafe { libc::close(number) };
        }
        let outcome = std::thread::spawn(|| {
            block_on(async {
                let mut command = sh("cat; echo error >&2");
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                let mut child = command.spawn()?;
                child.stdin.as_mut().unwrap().write_all(b"hello").await?;
                let first = child.wait_with_output().await?;

                // Swapped: its input is our 1 and its output our 0, both ends of socket pairs.
                let (zero, mut peer_of_zero) = UnixStream::pair()?;
                let (mut peer_of_one, one) = UnixStream::pair()?;
                let numbers = [zero.as_fd(), one.as_fd()].map(|fd| std::os::fd::AsRawFd::as_raw_fd(&fd));
                let mut command = Command::new("cat");
                let mut child = command.stdin(OwnedFd::from(one)).stdout(OwnedFd::from(zero)).spawn()?;
                drop(command);
                peer_of_one.write_all(b"swapped")?;
                drop(peer_of_one);
                let mut swapped = String::new();
                peer_of_zero.read_to_string(&mut swapped)?;
                let status = child.wait().await?;
                std::io::Result::Ok((first, numbers, swapped, status))
            })
        })
        .join();
        for (number, kept) in keep.iter().enumerate() {
            // SAFETY: the call takes no pointer.
            unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(kept), number as i32) };
        }
        let (first, numbers, swapped, status) = outcome.unwrap().unwrap();
        assert!(numbers.iter().any(|number| *number < 3), "{numbers:?}: the numbers have been used");
        assert_eq!((&first.stdout[..], &first.stderr[..]), (&b"hello"[..], &b"error\n"[..]));
        assert_eq!(swapped, "swapped");
        assert!(first.status.success() && status.success());
    };
    child::alone(body);
}
