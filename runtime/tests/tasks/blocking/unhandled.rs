//! The panic of a detached job.

use super::gate::*;
use crate::support::{bounded, message_of};
use egret_runtime::runtime::{Builder, UnhandledPanic};
use egret_runtime::task::spawn_blocking;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self};

#[test]
fn the_panic_of_a_job_that_nobody_awaits_is_for_the_policy_of_its_runtime() {
    // On a pool thread, or by the handle that goes after it.
    for while_it_runs in [true, false] {
        let payload = bounded(move || {
            let rt = Builder::new().unhandled_panic(UnhandledPanic::Shutdown).build().unwrap();
            let ran = AssertUnwindSafe(|| {
                rt.block_on(async {
                    let gate = Gate::default();
                    let theirs = gate.clone();
                    let job = spawn_blocking(move || {
                        theirs.pass();
                        panic!("of no interest")
                    });
                    if while_it_runs {
                        drop(job);
                        gate.open();
                    } else {
                        gate.open();
                        while !job.is_finished() {
                            thread::yield_now();
                        }
                        drop(job);
                    }
                    std::future::pending::<()>().await;
                })
            });
            catch_unwind(ran).unwrap_err()
        });
        let message = message_of(&*payload);
        assert!(message.contains("of no interest") && message.contains(file!()), "{message}");
    }
}

#[test]
#[cfg_attr(miri, ignore)] // Miri starts no process and has no /proc
fn the_panic_of_a_job_that_nobody_awaits_is_reported_also_when_its_runtime_is_gone() {
    let policies = [UnhandledPanic::Report, UnhandledPanic::Shutdown, UnhandledPanic::Ignore];
    let child = crate::support::child::alone(move || {
        for policy in policies {
            let rt = Builder::new().unhandled_panic(policy).build().unwrap();
            let gate = Gate::default();
            let (tells, over) = tells();
            {
                let _inside = rt.enter();
                let theirs = gate.clone();
                drop(spawn_blocking(move || {
                    theirs.pass();
                    std::panic::panic_any((policy, tells))
                }));
            }
            gate.await_jobs(1);
            drop(rt);
            gate.open();
            over.recv().unwrap(); // the payload is dropped last
        }
    });
    let Some(child) = child else { return };
    let stderr = String::from_utf8_lossy(&child.stderr);
    assert_eq!(stderr.matches("egret: task").count(), 2, "{stderr}");
}
