//! Pipes between a child, its parent and its own children.

use super::children::*;
use crate::support::bounded;
use crate::support::poll_once;
use egret_runtime::block_on;
use egret_runtime::process::Command;
use egret_runtime::runtime::Runtime;
use std::future::Future;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::task::Poll;

// B12, tokio #4315: the parent kept the pipe to a child open that waits for its end.
#[test]
fn a_wait_closes_the_standard_input_of_the_child() {
    bounded(|| {
        block_on(async {
            let mut cat = Command::new("cat");
            cat.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = cat.spawn().unwrap();
            child.stdin.as_mut().unwrap().write_all(b"hello").await.unwrap();
            assert!(child.wait().await.unwrap().success());
            assert!(child.stdin.is_none());

            let mut child = cat.spawn().unwrap();
            child.stdin.as_mut().unwrap().write_all(b"hello").await.unwrap();
            assert_eq!(child.wait_with_output().await.unwrap().stdout, b"hello");
        });
    });
}

// B12: as documented, `wait` is about the process and `wait_with_output` about its pipes, too.
#[test]
fn a_grandchild_that_keeps_the_pipe_open_holds_up_the_output_and_not_the_wait() {
    bounded(|| {
        let (input, its) = UnixStream::pair().unwrap();
        let mut command = sh("exec 3<&0; sort <&3 >&1 & echo started");
        command.stdin(its.as_fd().try_clone_to_owned().unwrap()).stdout(Stdio::piped());
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let mut child = command.spawn().unwrap();
            let mut stdout = child.stdout.take().unwrap();
            assert!(child.wait().await.unwrap().success());
            let mut started = [0; 8];
            stdout.read_exact(&mut started).await.unwrap();
            assert_eq!(&started, b"started\n");
            // The child is gone, and the grandchild still has the pipe.
            assert!(poll_once(stdout.read(&mut [0; 1])).is_pending());
        });
        let child = rt.block_on(async { command.spawn().unwrap() });
        let pid = child.id().unwrap();
        drop((command, its));
        let mut output = Box::pin(child.wait_with_output());
        rt.block_on(std::future::poll_fn(|cx| {
            assert!(output.as_mut().poll(cx).is_pending(), "the grandchild still has the pipe");
            if state_of(pid).is_none() {
                return Poll::Ready(()); // waited for, and the output is not there yet
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        (&input).write_all(b"from the grandchild").unwrap();
        drop(input); // now both grandchildren end
        let output = rt.block_on(output).unwrap();
        // Either of the two may get the input.
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("started\n"), "{text}");
    });
}

#[test]
fn the_output_of_one_child_is_the_input_of_another() {
    bounded(|| {
        block_on(async {
            let mut first = sh("echo b; echo a").stdout(Stdio::piped()).spawn().unwrap();
            let between = Stdio::try_from(first.stdout.take().unwrap()).unwrap();
            let output = Command::new("sort").stdin(between).output().await.unwrap();
            assert_eq!(output.stdout, b"a\nb\n");
            assert!(first.wait().await.unwrap().success());
        });
    });
}
