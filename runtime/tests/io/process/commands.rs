//! What a command starts, and the output and status of its child.

use super::children::*;
use crate::support::child::open_descriptors;
use crate::support::{bounded, child};
use egret_runtime::block_on;
use egret_runtime::process::Command;
use egret_runtime::runtime::Runtime;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;

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
fn a_status_does_not_wait_for_what_a_child_writes_to_a_pipe() {
    bounded(|| {
        block_on(async {
            let status = sh("exec yes").stdout(Stdio::piped()).status().await.unwrap();
            assert_eq!(status.signal(), Some(libc::SIGPIPE));
        });
    });
}

#[test]
fn a_status_is_that_of_std_also_when_the_child_leaves_a_core() {
    bounded(|| {
        let folder = std::env::temp_dir().join(format!("egret-core-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = sh("ulimit -c unlimited 2>/dev/null; kill -ABRT $$");
        command.current_dir(&folder);
        let ours = block_on(async { command.status().await.unwrap() });
        assert_eq!(ours, command.as_std_mut().status().unwrap());
        assert_eq!(ours.signal(), Some(libc::SIGABRT));
        std::fs::remove_dir_all(&folder).unwrap();
    });
}

#[test]
fn output_has_what_came_through_both_pipes_however_much() {
    bounded(|| {
        block_on(async {
            // Far more than a pipe holds, alternating: a parent that reads only one pipe never sees the end.
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
            command.arg0("other").args(["-c", "echo $0 $A $B $PWD ${C-none} ${HOME-none}"]);
            command.env_clear().env("A", "1").envs([("B", "2"), ("C", "3")]).env_remove("C");
            command.env("PATH", std::env::var_os("PATH").unwrap()).current_dir("/");
            assert!(!command.get_kill_on_drop());
            assert_eq!(command.as_std().get_program(), "sh");
            let output = command.output().await.unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), "other 1 2 / none none\n");
            assert!(output.status.success());
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
    child::alone(body);
}

/// The children of this process, of any thread: a test runs in one that is not the first.
fn children() -> String {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    threads
        .map(|thread| std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default())
        .collect()
}

// There is a process by the time that its pipe is refused.
#[test]
fn a_spawn_with_a_pipe_outside_of_a_runtime_panics_and_kills_the_child() {
    child::alone(|| {
        let (mut command, _input) = waits();
        command.stderr(Stdio::piped());
        assert!(catch_unwind(AssertUnwindSafe(|| command.spawn())).is_err());
        wait_until("the child is gone", || children().is_empty());
    });
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
                assert_eq!(crate::support::fds::set_descriptor_limit(limit), limit);
                let mut command = Command::new("sleep");
                command.arg("1000").kill_on_drop(true);
                if piped {
                    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                }
                let result = command.spawn();
                crate::support::fds::set_descriptor_limit(1000);
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
                assert_eq!(children(), "", "with {limit}");
            }
            assert!(failed >= 3, "{failed} failures");
            wait_until("the thread that reaps has ended", || open_descriptors() == before);
        }
    };
    child::alone(body);
}
