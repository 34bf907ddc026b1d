//! Each child is waited for once, by its owner.

use super::children::*;
use crate::support::poll_once;
use crate::support::{bounded, child};
use egret_runtime::process::{Child, Command};
use egret_runtime::runtime::Runtime;
use egret_runtime::signal::unix::SignalKind;
use egret_runtime::{block_on, spawn};
use std::future::Future;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::task::{Context, Poll, Waker};

// S2: the signals of children that end at once are one, and a wait that follows signals misses the others.
#[test]
fn five_hundred_children_that_end_at_once_are_all_reaped_each_with_its_own_status() {
    bounded(|| {
        block_on(async {
            let (ours, its) = UnixStream::pair().unwrap();
            let children: Vec<Child> = (0..500)
                .map(|n| {
                    let mut command = Command::new("sh");
                    command.args(["-c", "read line; exit $0", &(n % 256).to_string()]);
                    command.stdin(its.as_fd().try_clone_to_owned().unwrap()).spawn().unwrap()
                })
                .collect();
            let pids: Vec<_> = children.iter().map(|child| child.id().unwrap()).collect();
            drop(its);
            let waits: Vec<_> = children
                .into_iter()
                .map(|mut child| spawn(async move { child.wait().await.unwrap().code() }))
                .collect();
            drop(ours); // all 500 read the end of their input
            for (n, wait) in waits.into_iter().enumerate() {
                assert_eq!(wait.await.unwrap(), Some(n as i32 % 256));
            }
            pids.into_iter().for_each(|pid| assert_eq!(state_of(pid), None));
        });
    });
}

// X3: a loop that waits for any child takes those of the other.
#[test]
fn two_loops_and_a_thread_of_std_get_the_statuses_of_their_own_children() {
    bounded(|| {
        let on_a_loop = |first: i32| {
            std::thread::spawn(move || {
                block_on(async move {
                    let waits: Vec<_> = (first..first + 50)
                        .map(|code| {
                            let mut child = sh(&format!("exit {code}")).spawn().unwrap();
                            spawn(async move { child.wait().await.unwrap().code() })
                        })
                        .collect();
                    for (wait, code) in waits.into_iter().zip(first..) {
                        assert_eq!(wait.await.unwrap(), Some(code));
                    }
                })
            })
        };
        let loops = [on_a_loop(0), on_a_loop(100)];
        for code in 200..230 {
            let status = std::process::Command::new("sh").args(["-c", &format!("exit {code}")]).status();
            assert_eq!(status.unwrap().code(), Some(code));
        }
        loops.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

// X2: a kill that reaped, and a wait after it that never ended.
#[test]
fn a_signal_is_sent_to_a_child_until_it_has_been_waited_for() {
    bounded(|| {
        block_on(async {
            let (mut command, _input) = waits();
            let mut child = command.spawn().unwrap();
            child.send_signal(SignalKind::window_change()).unwrap(); // ignored by default
            let refused = child.send_signal(SignalKind::from_raw(65)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert_eq!(child.try_wait().unwrap(), None);
            child.send_signal(SignalKind::terminate()).unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(15));
            child.send_signal(SignalKind::terminate()).unwrap();
        });
    });
}

#[test]
fn a_child_that_was_killed_is_waited_for_once_and_then_answers_the_same() {
    bounded(|| {
        block_on(async {
            let (mut command, _input) = waits();
            let mut child = command.spawn().unwrap();
            let pid = child.id().unwrap();
            assert_eq!(child.try_wait().unwrap(), None);
            child.start_kill().unwrap();
            child.start_kill().unwrap(); // it has not been waited for: its number is still its own
            for _ in 0..2 {
                assert_eq!(child.wait().await.unwrap().signal(), Some(9));
            }
            assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(9));
            assert_eq!((child.id(), state_of(pid)), (None, None));
            child.start_kill().unwrap(); // as std and tokio have it
            child.kill().await.unwrap();
            assert_eq!(child.start_kill_group().unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(child.kill_group().await.unwrap_err().kind(), ErrorKind::InvalidInput);

            let (mut command, _input) = waits();
            let mut child = command.spawn().unwrap();
            child.kill().await.unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        });
    });
}

// X8, and a wait in a runtime that ends.
#[test]
fn a_child_that_outlives_its_runtime_is_waited_for_in_another() {
    bounded(|| {
        let (mut command, input) = waits();
        let first = Runtime::new().unwrap();
        let mut child = first.block_on(async { command.spawn().unwrap() });
        drop(command);
        {
            let _inside = first.enter();
            assert!(poll_once(child.wait()).is_pending());
        }
        assert_eq!(first.metrics().sources_alive, 0, "a wait that is dropped leaves nothing registered");
        drop(first);
        let second = Runtime::new().unwrap();
        let status = second.block_on(async {
            drop(input);
            child.wait().await.unwrap()
        });
        assert_eq!(status.code(), Some(0));
        assert_eq!(second.metrics().sources_alive, 0);
    });
}

#[test]
fn a_wait_whose_runtime_is_dropped_under_it_is_an_error_and_the_next_goes_on() {
    bounded(|| {
        let (mut command, input) = waits();
        let first = Runtime::new().unwrap();
        let mut child = first.block_on(async { command.spawn().unwrap() });
        drop(command);
        let mut wait = Box::pin(child.wait());
        let cx = &mut Context::from_waker(Waker::noop());
        {
            let _inside = first.enter();
            assert!(wait.as_mut().poll(cx).is_pending());
        }
        drop(first);
        match wait.as_mut().poll(cx) {
            Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::Other),
            other => panic!("{other:?}"),
        }
        drop(wait);
        drop(input);
        assert!(block_on(child.wait()).unwrap().success());
    });
}

// A foreign `waitpid(-1)` is an error, as documented, and not a wait for ever.
#[test]
fn a_child_that_somebody_else_has_waited_for_is_echild() {
    let body = || {
        block_on(async {
            let mut child = sh("exit 0").spawn().unwrap();
            let pid = child.id().unwrap() as i32;
            // SAFETY: a null pointer for the status is allowed.
            assert_eq!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) }, pid);
            for _ in 0..2 {
                assert_eq!(child.wait().await.unwrap_err().raw_os_error(), Some(libc::ECHILD));
                assert_eq!(child.id(), None, "the number may be another's");
            }
            assert_eq!(child.try_wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
            child.start_kill().unwrap();
            assert_eq!(child.start_kill_group().unwrap_err().kind(), ErrorKind::InvalidInput);

            // Found out by each of the other ways.
            let by_try_wait = |child: &mut Child| drop(child.try_wait().unwrap_err());
            let by_kill = |child: &mut Child| child.start_kill().unwrap();
            for find_out in [by_try_wait, by_kill] {
                let mut child = sh("exit 0").process_group(0).spawn().unwrap();
                let pid = child.id().unwrap() as i32;
                // SAFETY: a null pointer for the status is allowed.
                assert_eq!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) }, pid);
                assert_eq!(child.id(), Some(pid as u32), "not found out yet");
                assert_eq!(child.start_kill_group().unwrap_err().kind(), ErrorKind::InvalidInput);
                find_out(&mut child);
                assert_eq!(child.id(), None);
            }
            // While it waits.
            let (mut command, input) = waits();
            let mut child = command.spawn().unwrap();
            let pid = child.id().unwrap() as i32;
            drop(command);
            {
                let mut wait = Box::pin(child.wait());
                assert!(poll_once(wait.as_mut()).is_pending());
                drop(input);
                // SAFETY: a null pointer for the status is allowed.
                assert_eq!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) }, pid);
                assert_eq!(wait.await.unwrap_err().raw_os_error(), Some(libc::ECHILD));
            }
            assert_eq!(child.id(), None);
        });
    };
    child::alone(body);
}

/// A shell, the leader of a group if it `leads`, and the number of its child, which has the same pipes.
async fn family(leads: bool) -> (Child, u32) {
    let mut command = sh("exec 3<&0; cat <&3 & echo $!; wait");
    if leads {
        command.process_group(0);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut line, mut byte) = (Vec::new(), [0]);
    while byte != *b"\n" {
        assert_eq!(child.stdout.as_mut().unwrap().read(&mut byte).await.unwrap(), 1);
        line.extend(byte);
    }
    (child, String::from_utf8(line).unwrap().trim().parse().unwrap())
}

#[test]
fn a_kill_of_the_group_ends_the_grandchildren_and_a_kill_of_the_child_does_not() {
    bounded(|| {
        block_on(async {
            for ended_already in [false, true] {
                let (mut child, grandchild) = family(true).await;
                if ended_already {
                    child.start_kill().unwrap(); // a zombie still leads its group
                    wait_until("the child has ended", || state_of(child.id().unwrap()) == Some('Z'));
                    assert!(!matches!(state_of(grandchild), None | Some('Z')));
                }
                // Held, for its end would end the grandchild too.
                let (_stdin, mut stdout) = (child.stdin.take(), child.stdout.take().unwrap());
                child.kill_group().await.unwrap();
                assert_eq!(child.wait().await.unwrap().signal(), Some(9));
                // Both have closed the pipe.
                assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
            }
            // One that leads no group is refused, and nothing is killed.
            let (mut child, _) = family(false).await;
            assert_eq!(child.start_kill_group().unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(child.try_wait().unwrap(), None);
            drop(child.stdin.take()); // at which both end
            assert!(child.wait().await.unwrap().success());
        });
    });
}
