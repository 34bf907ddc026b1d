//! Jobs when their runtime ends.

use super::gate::*;
use crate::support::{OnDrop, bounded, poll_once};
use egret_runtime::block_on;
use egret_runtime::task::{JoinHandle, spawn_blocking};
use std::sync::mpsc::channel;
use std::task::Poll;
use std::thread::{self};

// D8
#[test]
fn a_job_that_is_submitted_while_the_runtime_goes_is_cancelled() {
    bounded(|| {
        let rt = runtime(1);
        let (send, receive) = channel();
        let (captured, dropped) = tells();
        let submits = OnDrop::new(move || {
            let job = spawn_blocking(move || drop(captured));
            send.send((job.is_finished(), says_cancelled(job))).unwrap();
        });
        rt.spawn(crate::support::hold(submits));
        crate::support::turn(&rt);
        drop(rt);
        let (finished, cancelled) = receive.recv().unwrap();
        assert!(finished && cancelled);
        assert_eq!(dropped.recv().unwrap(), thread::current().id());
    });
}

/// Whether the result of an ended handle is a cancelled job.
fn says_cancelled<T>(mut job: JoinHandle<T>) -> bool {
    match poll_once(&mut job) {
        Poll::Ready(Err(error)) => error.is_cancelled(),
        _ => false,
    }
}

#[test]
fn the_end_of_a_runtime_cancels_what_has_not_begun_and_leaves_what_runs_to_its_handle() {
    bounded(|| {
        let rt = runtime(1);
        let gate = Gate::default();
        let (captured, dropped) = tells();
        let (running, queued) = {
            let _inside = rt.enter();
            let theirs = gate.clone();
            let running = spawn_blocking(move || {
                theirs.pass();
                "output"
            });
            (running, spawn_blocking(move || drop(captured)))
        };
        gate.await_jobs(1);
        drop(rt);
        assert_eq!(dropped.try_recv(), Ok(thread::current().id()));
        assert!(says_cancelled(queued));
        assert!(!running.is_finished());
        gate.open();
        // The handle outlives its runtime and is awaited in another.
        assert_eq!(block_on(running).unwrap(), "output");
        assert_eq!(gate.arrived(), 1);
    });
}

// D6
#[test]
fn a_runtime_goes_while_a_job_hangs_and_a_destructor_waits_for_one_that_never_ran() {
    bounded(|| {
        let rt = runtime(1);
        let gate = Gate::default();
        let (output, dropped) = tells();
        let (send, receive) = channel::<()>();
        {
            let _inside = rt.enter();
            let theirs = gate.clone();
            drop(spawn_blocking(move || {
                theirs.pass();
                output
            }));
            gate.await_jobs(1);
            drop(spawn_blocking(move || send.send(()).unwrap()));
        }
        // Waits, in a destructor, until the second job has run or is known never to.
        rt.spawn(crate::support::hold(OnDrop::new(move || assert!(receive.recv().is_err()))));
        crate::support::turn(&rt);
        drop(rt);
        assert!(dropped.try_recv().is_err());
        gate.open();
        assert_ne!(dropped.recv().unwrap(), thread::current().id());
    });
}
