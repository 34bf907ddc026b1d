//! An abort ends only a job that has not begun.

use super::gate::*;
use crate::support::bounded;
use egret_runtime::spawn;
use egret_runtime::task::spawn_blocking;
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::channel;
use std::thread::{self};

#[test]
fn an_abort_drops_a_job_that_has_not_begun_on_this_thread_before_it_returns() {
    bounded(|| {
        let rt = runtime(1);
        rt.block_on(async {
            let gate = Gate::default();
            let theirs = gate.clone();
            let running = spawn_blocking(move || {
                theirs.pass();
                "ran"
            });
            gate.await_jobs(1);

            let (captured, dropped) = tells();
            let queued = spawn_blocking(move || drop(captured));
            assert_eq!(rt.metrics().blocking_jobs, 2);
            queued.abort();
            assert_eq!(dropped.try_recv(), Ok(thread::current().id()));
            assert_eq!(rt.metrics().blocking_jobs, 1);
            assert!(queued.is_finished());
            queued.abort(); // of one that is over
            let error = queued.await.unwrap_err();
            assert!(error.is_cancelled());

            // It has no effect on a running job.
            running.abort();
            assert!(!running.is_finished());
            gate.open();
            assert_eq!(running.await.unwrap(), "ran");
            assert_eq!(gate.arrived(), 1);
        });
    });
}

#[test]
fn an_abort_handle_ends_a_job_that_has_not_begun_on_the_thread_of_the_loop() {
    bounded(|| {
        let rt = runtime(1);
        rt.block_on(async {
            let (gate, running) = busy();
            running.abort_handle().abort();
            assert!(!running.is_finished());

            for elsewhere in [false, true] {
                let (captured, dropped) = tells();
                let queued = spawn_blocking(move || drop(captured));
                let abort = queued.abort_handle();
                assert_eq!(abort.id(), queued.id());
                if elsewhere {
                    thread::spawn(move || abort.abort());
                } else {
                    abort.abort();
                    assert!(queued.is_finished());
                }
                assert!(queued.await.unwrap_err().is_cancelled());
                assert_eq!(dropped.try_recv(), Ok(thread::current().id()));
                assert_eq!(rt.metrics().blocking_jobs, 1);
            }
            gate.open();
            running.await.unwrap();
        });
    });
}

#[test]
fn an_abort_wakes_whoever_awaits_the_job() {
    bounded(|| {
        let rt = runtime(1);
        rt.block_on(async {
            let (gate, running) = busy();
            let queued = spawn_blocking(|| ());
            let (send, receive) = channel();
            let waits = spawn(async move {
                let mut queued = queued;
                let abort = std::future::poll_fn(|cx| {
                    let polled = pin!(&mut queued).poll(cx);
                    if polled.is_pending() {
                        queued.abort();
                    }
                    polled
                });
                send.send(abort.await.unwrap_err().is_cancelled()).unwrap();
            });
            waits.await.unwrap();
            assert_eq!(receive.try_recv(), Ok(true));
            gate.open();
            running.await.unwrap();
        });
    });
}
