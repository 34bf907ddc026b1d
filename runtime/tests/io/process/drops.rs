//! A child whose handle is dropped.

use super::children::*;
use crate::support::bounded;
use egret_runtime::{block_on, spawn};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

// X2: what was dropped stayed a zombie for the life of the process.
#[test]
fn a_child_that_is_dropped_goes_on_and_leaves_no_zombie() {
    bounded(|| {
        let (mut command, mut input) = waits();
        let (mut output, its) = UnixStream::pair().unwrap();
        command.stdout(OwnedFd::from(its));
        let pid = block_on(async {
            let child = command.spawn().unwrap();
            let pid = child.id().unwrap();
            drop(child);
            pid
        });
        drop(command);
        // It answers, though its handle and its runtime are gone: a SIGKILL sent before would come first.
        input.write_all(b"alive").unwrap();
        let mut answer = [0; 5];
        output.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"alive");
        drop(input);
        wait_until_gone(pid);

        // One that has ended by the time it is dropped, and two that are dropped outside of any runtime.
        let (mut ended, mut others) = (sh("exit 0").spawn().unwrap(), vec![]);
        let pid = ended.id().unwrap();
        wait_until("it has ended", || state_of(pid) == Some('Z'));
        assert!(ended.try_wait().is_ok());
        drop(ended);
        assert_eq!(state_of(pid), None, "reaped at once");
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

#[test]
fn a_child_that_is_killed_when_it_is_dropped_cannot_ignore_it() {
    bounded(|| {
        let ((_input, its_input), (mut output, its_output)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let mut command = sh("trap '' TERM; echo; read line");
        command.stdin(OwnedFd::from(its_input)).stdout(OwnedFd::from(its_output)).kill_on_drop(true);
        let child = block_on(async { command.spawn().unwrap() });
        output.read_exact(&mut [0]).unwrap(); // it ignores SIGTERM from here on
        let pid = child.id().unwrap();
        drop(child);
        wait_until_gone(pid);
    });
}
