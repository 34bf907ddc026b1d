//! The result of a join.

use super::gate::*;
use crate::support::{bounded, many, message_of, poll_once};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::spawn_blocking;
use egret_runtime::{block_on, spawn};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Waker};
use std::thread::{self};
use std::time::Duration;

#[test]
fn a_job_runs_on_a_thread_with_a_name_while_the_loop_goes_on() {
    bounded(|| {
        block_on(async {
            let (send, receive) = channel();
            // The job waits for a task, which only runs if the loop does not wait for the job.
            let job = spawn_blocking(move || {
                let text: String = receive.recv().unwrap();
                (thread::current().name().map(str::to_owned), thread::current().id(), text)
            });
            let task = spawn(async move { send.send("from a task".to_owned()).unwrap() });
            assert!(!job.is_finished());
            let (name, id, text) = job.await.unwrap();
            assert_eq!(name.as_deref(), Some("egret-blocking"));
            assert_ne!(id, thread::current().id());
            assert_eq!(text, "from a task");
            assert!(task.is_finished());
        });
    });
}

#[test]
fn a_panic_of_a_job_comes_out_of_the_join_and_its_thread_goes_on() {
    bounded(|| {
        let rt = runtime(8);
        rt.block_on(async {
            for i in 0..10 {
                let job = spawn_blocking(move || {
                    if i < 20 {
                        panic!("job {i}")
                    }
                });
                let id = job.id();
                let error = job.await.unwrap_err();
                assert!(error.is_panic() && !error.is_cancelled());
                assert_eq!(error.id(), id);
                assert_eq!(message_of(&*error.into_panic()), format!("job {i}"));
            }
        });
        assert_eq!(rt.metrics().blocking_threads_started, 1);
    });
}

#[test]
fn jobs_and_tasks_have_ids_that_differ() {
    block_on(async {
        let (job, task) = (spawn_blocking(|| ()), spawn(async {}));
        assert_ne!(job.id(), task.id());
        job.await.unwrap();
    });
}

// D11
#[test]
fn what_a_job_captured_is_dropped_before_the_join_resolves() {
    bounded(|| {
        block_on(async {
            for _ in 0..many(1000, 10) {
                let held = Arc::new(());
                let theirs = held.clone();
                spawn_blocking(move || drop(Arc::clone(&theirs))).await.unwrap();
                assert_eq!(Arc::strong_count(&held), 1);
            }
        });
    });
}

#[test]
fn an_output_that_nobody_wants_is_dropped_by_the_job_or_by_the_handle_that_goes_after_it() {
    bounded(|| {
        block_on(async {
            let here = thread::current().id();
            let gate = Gate::default();

            let (output, dropped) = tells();
            let theirs = gate.clone();
            let job = spawn_blocking(move || {
                theirs.pass();
                output
            });
            gate.await_jobs(1);
            drop(job);
            gate.open();
            assert_ne!(dropped.recv().unwrap(), here);

            let (output, dropped) = tells();
            let job = spawn_blocking(move || output);
            while !job.is_finished() {
                thread::yield_now();
            }
            drop(job);
            assert_eq!(dropped.recv().unwrap(), here);
        });
    });
}

#[test]
fn a_handle_that_has_given_its_output_says_so_when_it_is_polled_again() {
    bounded(|| {
        block_on(async {
            let mut job = spawn_blocking(|| 1);
            assert_eq!((&mut job).await.unwrap(), 1);
            assert!(job.is_finished());
            let again = catch_unwind(AssertUnwindSafe(|| poll_once(&mut job)));
            let payload = again.unwrap_err();
            assert!(message_of(&*payload).contains("after it had given its output"));
        });
    });
}

// P1, P4
#[test]
fn destructors_and_wakers_that_panic_leave_the_pool_as_it_was() {
    bounded(|| {
        let rt = runtime(1);
        rt.block_on(async {
            let (gate, running) = busy();

            struct Bomb;
            impl Drop for Bomb {
                fn drop(&mut self) {
                    panic!("in a destructor");
                }
            }
            let bomb = Bomb;
            let aborted = spawn_blocking(move || drop(bomb));
            aborted.abort();
            let error = aborted.await.unwrap_err();
            assert_eq!(message_of(&*error.into_panic()), "in a destructor");

            // An output of a detached job, and a waker.
            drop(spawn_blocking(|| Bomb));
            struct Wakes;
            impl std::task::Wake for Wakes {
                fn wake(self: Arc<Self>) {
                    panic!("in a waker");
                }
            }
            let mut woken = spawn_blocking(|| 1);
            let waker = Waker::from(Arc::new(Wakes));
            assert!(pin!(&mut woken).poll(&mut Context::from_waker(&waker)).is_pending());
            gate.open();
            running.await.unwrap();
            assert_eq!(spawn_blocking(|| 2).await.unwrap(), 2);
            assert_eq!(woken.await.unwrap(), 1);
        });
        assert_eq!(rt.metrics().blocking_threads_started, 1);
    });
}

#[cfg(feature = "test-util")]
#[test]
#[cfg_attr(miri, ignore)] // Miri starts no process and has no /proc
fn a_paused_clock_stands_still_while_a_job_is_out() {
    use egret_runtime::time::{self, Instant, timeout};
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            time::pause();
            let start = Instant::now();
            let sleeper = Arc::new(crate::support::sleeper::Sleeper::this_thread());
            for _ in 0..many(100, 1) {
                let sleeper = sleeper.clone();
                // Ends when the loop sleeps, and not by the limit, for it has no other way to know.
                let job = spawn_blocking(move || sleeper.await_sleep());
                timeout(Duration::from_secs(3600), job).await.unwrap().unwrap();
            }
            assert_eq!(start.elapsed(), Duration::ZERO);
            // A detached job counts as well, and the clock advances when it has ended.
            drop(spawn_blocking(move || sleeper.await_sleep()));
            time::sleep(Duration::from_secs(1)).await;
            assert_eq!(start.elapsed(), Duration::from_secs(1));
        });
    });
}
