//! Child processes: waited for by whom they belong to, each once, with nothing left behind.
//!
//! The numbers in brackets are rows of the list of pitfalls that this crate is tested by.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no processes

mod support;

use egret_runtime::process::{Child, Command};
use egret_runtime::runtime::Runtime;
use egret_runtime::signal::unix::{SignalKind, signal};
use egret_runtime::{block_on, spawn};
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::process::Stdio;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use support::child::open_descriptors;
use support::{HANG, bounded, child};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A child that ends when the other side of its standard input is closed, and that side.
fn waits() -> (Command, UnixStream) {
    let (ours, its) = UnixStream::pair().unwrap();
    let mut command = Command::new("cat");
    command.stdin(OwnedFd::from(its)).stdout(Stdio::null());
    (command, ours)
}

fn proc_of(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// The state in `/proc`: `Z` is a zombie. `None` when the number is nobody's.
fn state_of(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(proc_of(pid).join("stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANG, "not so within {HANG:?}: {what}");
        std::thread::yield_now();
    }
}

#[track_caller]
fn wait_until_gone(pid: u32) {
    wait_until("the process is gone, and no zombie", || !proc_of(pid).exists());
}

/// One poll of a future by hand.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_status_has_the_code_or_the_signal() {
    bounded(|| {
        block_on(async {
            for code in [0, 1, 7, 255] {
                let status = sh(&format!("exit {code}")).status().await.unwrap();
                assert_eq!((status.code(), status.signal()), (Some(code), None));
            }
            let status = sh("kill -KILL $$").status().await.unwrap();
            assert_eq!((status.code(), status.signal()), (None, Some(9)));
        });
    });
}

#[test]
fn output_has_what_came_through_both_pipes_however_much() {
    bounded(|| {
        block_on(async {
            // Far more than a pipe holds, one after the other: who reads only the first never sees the end.
            let script =
                "head -c 300000 /dev/zero >&2; head -c 300001 /dev/zero; head -c 300000 /dev/zero >&2";
            let output = sh(script).output().await.unwrap();
            assert!(output.status.success());
            assert_eq!((output.stdout.len(), output.stderr.len()), (300_001, 600_000));
            let output = sh("echo out; echo err >&2; exit 3").output().await.unwrap();
            assert_eq!(output.status.code(), Some(3));
            assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
        });
    });
}

#[test]
fn the_command_is_that_of_std() {
    bounded(|| {
        block_on(async {
            let mut command = Command::new("sh");
            command.arg0("other").args(["-c", "echo $0 $A $B $PWD; printenv HOME"]);
            command.env_clear().env("A", "1").envs([("B", "2"), ("C", "3")]).env_remove("C");
            command.env("PATH", std::env::var_os("PATH").unwrap()).current_dir("/");
            assert!(!command.get_kill_on_drop());
            assert_eq!(command.as_std().get_program(), "sh");
            let output = command.output().await.unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), "other 1 2 /\n");
            assert_eq!(output.status.code(), Some(1));
        });
    });
}

#[test]
fn a_program_that_is_not_there_is_an_error_and_leaves_nothing() {
    let body = || {
        block_on(async {
            let before = open_descriptors();
            for _ in 0..3 {
                let mut command = Command::new("/no/such/program");
                command.stdin(Stdio::piped()).stdout(Stdio::piped());
                assert_eq!(command.spawn().unwrap_err().kind(), ErrorKind::NotFound);
                assert_eq!(command.output().await.unwrap_err().kind(), ErrorKind::NotFound);
            }
            assert_eq!(open_descriptors(), before);
        });
    };
    child::run("a_program_that_is_not_there_is_an_error_and_leaves_nothing", body);
}

// Each step of the spawn fails for want of descriptors; what was spawned by then is killed and reaped.
#[test]
fn a_spawn_that_runs_out_of_descriptors_leaves_neither_process_nor_descriptor() {
    let body = || {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        // With pipes it is std that runs out, and with none there is a process by the time that its pidfd is refused.
        for piped in [true, false] {
            let before = open_descriptors();
            let mut failed = 0;
            // A limit of one more each time fails a later step, until it fails none.
            for limit in 3.. {
                assert_eq!(support::fds::set_descriptor_limit(limit), limit);
                let mut command = Command::new("sleep");
                command.arg("1000").kill_on_drop(true);
                if piped {
                    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                }
                let result = command.spawn();
                support::fds::set_descriptor_limit(1000);
                let Err(error) = result else {
                    let child = result.unwrap();
                    let pid = child.id().unwrap();
                    drop(child);
                    wait_until_gone(pid);
                    break;
                };
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "with {limit}: {error}");
                failed += 1;
                assert_eq!(open_descriptors(), before, "with {limit}");
                // Of any thread: the test runs in one that is not the first.
                for thread in std::fs::read_dir("/proc/self/task").unwrap() {
                    let children = thread.unwrap().path().join("children");
                    assert_eq!(std::fs::read_to_string(children).unwrap_or_default(), "", "with {limit}");
                }
            }
            assert!(failed >= 3, "{failed} failures");
            wait_until("the thread that reaps has ended", || open_descriptors() == before);
        }
    };
    child::run("a_spawn_that_runs_out_of_descriptors_leaves_neither_process_nor_descriptor", body);
}

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
            assert_eq!(child.start_kill().unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(child.kill().await.unwrap_err().kind(), ErrorKind::InvalidInput);

            let (mut command, _input) = waits();
            let mut child = command.spawn().unwrap();
            child.kill().await.unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        });
    });
}

// X2: what was dropped stayed a zombie for the life of the process.
#[test]
fn a_child_that_is_dropped_goes_on_and_leaves_no_zombie() {
    bounded(|| {
        let (mut command, input) = waits();
        let pid = block_on(async {
            let child = command.spawn().unwrap();
            let pid = child.id().unwrap();
            drop(child);
            pid
        });
        drop(command);
        assert!(
            matches!(state_of(pid), Some('R' | 'S')),
            "it runs, though its handle and its runtime are gone"
        );
        drop(input);
        wait_until_gone(pid);

        // One that has ended by the time it is dropped, and two that are dropped outside of any runtime.
        let (mut ended, mut others) = (sh("exit 0").spawn().unwrap(), vec![]);
        let pid = ended.id().unwrap();
        wait_until("it has ended", || state_of(pid) == Some('Z'));
        assert!(ended.try_wait().is_ok());
        drop(ended);
        assert_eq!(state_of(pid), None, "reaped by whoever asked, at once");
        for _ in 0..2 {
            let (mut command, input) = waits();
            others.push((command.spawn().unwrap(), input));
        }
        let pids: Vec<_> = others.iter().map(|(child, _)| child.id().unwrap()).collect();
        others.reverse();
        for (child, input) in others {
            drop(child);
            drop(input);
        }
        pids.into_iter().for_each(wait_until_gone);
    });
}

#[test]
fn a_child_that_is_to_be_killed_when_it_is_dropped_is() {
    bounded(|| {
        let (mut command, _input) = waits();
        let pids: Vec<_> = block_on(async {
            let rt_gone_first = command.kill_on_drop(true).spawn().unwrap();
            let pid = rt_gone_first.id().unwrap();
            spawn(async move {
                let _held = rt_gone_first;
                std::future::pending::<()>().await
            });
            let (mut command, _input) = waits();
            let child = command.kill_on_drop(true).spawn().unwrap();
            vec![pid, child.id().unwrap()]
        });
        pids.into_iter().for_each(wait_until_gone);
    });
}

// X5: a mask or an ignored signal that the child inherits.
#[test]
fn a_child_has_no_blocked_signals_and_the_default_for_sigpipe() {
    bounded(|| {
        block_on(async {
            let _term = signal(SignalKind::terminate()).unwrap();
            let status = sh("kill -TERM $$; exit 1").status().await.unwrap();
            assert_eq!(status.signal(), Some(15));
            let output = sh("yes | head -n 1; echo ended").output().await.unwrap();
            assert_eq!(output.stdout, b"y\nended\n");
            assert_eq!(output.stderr, b"", "with SIGPIPE ignored yes complains");
            let output = Command::new("grep").args(["-E", "Sig(Blk|Ign)", "/proc/self/status"]).output();
            let masks = String::from_utf8(output.await.unwrap().stdout).unwrap();
            let mask = |name| {
                let line = masks.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                u64::from_str_radix(line.trim(), 16).unwrap()
            };
            // Of those with names: the C library keeps two others to itself, which whoever ran this may ignore.
            assert_eq!((mask("SigBlk:"), mask("SigIgn:") & 0x7fff_ffff), (0, 0));
        });
    });
}

// X6: epoll, eventfd, pipes and pidfds are close-on-exec.
#[test]
fn a_child_has_no_descriptor_of_this_process_but_its_three() {
    bounded(|| {
        // What whoever ran this has left open goes through: a child of std, which has no egret in it, shows which.
        let inherited = std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap().stdout;
        block_on(async {
            let _signals = signal(SignalKind::hangup()).unwrap();
            let (mut command, _input) = waits();
            let mut other = command.stdout(Stdio::piped()).spawn().unwrap();
            assert!(poll_once(other.wait()).is_pending());
            let file = egret_runtime::io::AsyncFd::new(support::fds::eventfd(0, false)).unwrap();
            let output = Command::new("ls").arg("/proc/self/fd").output().await.unwrap();
            assert_eq!(String::from_utf8(output.stdout), String::from_utf8(inherited));
            drop(file);
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
        let mut command = sh("exec 3<&0; cat <&3 >&1 & echo started");
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
        drop(input); // now both cats end
        let output = rt.block_on(output).unwrap();
        // Which of the two has the input is nobody's to say.
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("started\n"), "{text}");
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
                support::fds::duplicate_at(100, fd)
            })
            .collect();
        for number in 0..3 {
            // SAFETY: the call takes no pointer. What they name is kept above and put back below, and nobody
            // uses them meanwhile: this is the only test of its process.
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
    child::run("a_parent_without_standard_streams_gives_a_child_the_right_ones", body);
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

// Somebody's `waitpid(-1)`, as documented: an error, and no wait for ever.
#[test]
fn a_child_that_somebody_else_has_waited_for_is_echild() {
    let body = || {
        block_on(async {
            let mut child = sh("exit 0").spawn().unwrap();
            let pid = child.id().unwrap() as i32;
            // SAFETY: a null pointer for the status is allowed.
            assert_eq!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) }, pid);
            assert_eq!(child.wait().await.unwrap_err().raw_os_error(), Some(libc::ECHILD));
        });
    };
    child::run("a_child_that_somebody_else_has_waited_for_is_echild", body);
}
