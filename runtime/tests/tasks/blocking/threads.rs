//! The number of threads, and jobs when no thread can be started.

use super::gate::*;
use crate::support::{bounded, many, message_of};
use egret_runtime::runtime::{Builder, Runtime};
use egret_runtime::spawn;
use egret_runtime::task::spawn_blocking;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self};
use std::time::{Duration, Instant};

/// Returns when the runtime has this many blocking threads.
fn await_threads(rt: &Runtime, threads: usize) {
    let start = Instant::now();
    while rt.metrics().blocking_threads != threads {
        assert!(start.elapsed() < crate::support::HANG, "{} threads", rt.metrics().blocking_threads);
        thread::yield_now();
    }
}

#[test]
fn there_are_as_many_threads_as_jobs_up_to_the_limit_and_exactly_that_many() {
    bounded(|| {
        let rt = runtime(3);
        assert_eq!(rt.metrics().blocking_threads, 0);
        rt.block_on(async {
            let gate = Gate::default();
            let jobs: Vec<_> = (1..=10)
                .map(|n| {
                    let theirs = gate.clone();
                    let job = spawn_blocking(move || theirs.pass());
                    assert_eq!(rt.metrics().blocking_threads, n.min(3));
                    job
                })
                .collect();
            gate.await_jobs(3);
            assert_eq!(rt.metrics().blocking_jobs, 10);
            assert_eq!(gate.arrived(), 3);
            gate.open();
            for job in jobs {
                job.await.unwrap();
            }
        });
        assert_eq!((rt.metrics().blocking_threads, rt.metrics().blocking_threads_started), (3, 3));
    });
}

#[test]
fn a_thousand_jobs_one_after_the_other_take_one_thread() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            for i in 0..many(1000, 10) {
                assert_eq!(spawn_blocking(move || i).await.unwrap(), i);
            }
        });
        assert_eq!((rt.metrics().blocking_threads, rt.metrics().blocking_threads_started), (1, 1));
    });
}

#[test]
fn an_idle_thread_ends_after_the_keep_alive() {
    bounded(|| {
        let rt = Builder::new().thread_keep_alive(Duration::ZERO).build().unwrap();
        for started in 1..=3 {
            rt.block_on(async { spawn_blocking(|| ()).await.unwrap() });
            await_threads(&rt, 0);
            assert_eq!(rt.metrics().blocking_threads_started, started);
        }
        // The longest there is does not overflow.
        let rt = Builder::new().thread_keep_alive(Duration::MAX).build().unwrap();
        rt.block_on(async { spawn_blocking(|| ()).await.unwrap() });
        assert_eq!(rt.metrics().blocking_threads, 1);
    });
}

#[test]
fn a_limit_of_no_threads_is_refused_where_it_is_set() {
    let refused = catch_unwind(|| {
        Builder::new().max_blocking_threads(0);
    });
    assert!(message_of(&*refused.unwrap_err()).contains("1 is the least"));
}

#[test]
fn outside_of_a_runtime_there_is_a_panic_that_says_what_to_do() {
    let refused = catch_unwind(|| drop(spawn_blocking(|| ())));
    assert!(message_of(&*refused.unwrap_err()).contains("no egret runtime on this thread"));
}

// D8
#[test]
fn ten_thousand_jobs_under_contention_all_complete() {
    bounded(|| {
        const TASKS: usize = 100;
        let each = many(100, 2);
        let rt = runtime(16);
        let ran = Arc::new(AtomicUsize::new(0));
        rt.block_on(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|task| {
                    let ran = ran.clone();
                    spawn(async move {
                        // One at a time, and many at once.
                        let mut sum = 0;
                        for i in 0..each / 2 {
                            let ran = ran.clone();
                            let job = spawn_blocking(move || {
                                ran.fetch_add(1, Ordering::Relaxed);
                                i
                            });
                            sum += job.await.unwrap();
                        }
                        let jobs = (each / 2..each).map(|i| {
                            let ran = ran.clone();
                            spawn_blocking(move || {
                                ran.fetch_add(1, Ordering::Relaxed);
                                if task % 2 == 0 {
                                    thread::yield_now();
                                }
                                i
                            })
                        });
                        for job in jobs.collect::<Vec<_>>() {
                            sum += job.await.unwrap();
                        }
                        sum
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(task.await.unwrap(), each * (each - 1) / 2);
            }
        });
        assert_eq!(ran.load(Ordering::Relaxed), TASKS * each);
        let metrics = rt.metrics();
        assert!(metrics.blocking_threads_started <= 16, "{metrics:?}");
    });
}

// M1
#[test]
#[cfg_attr(miri, ignore)] // Miri starts no process and has no /proc
fn the_threads_of_runtimes_that_are_gone_are_gone() {
    crate::support::child::alone(|| {
        let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
        let before = threads();
        for _ in 0..100 {
            let rt = Runtime::new().unwrap();
            let _inside = rt.enter();
            for _ in 0..4 {
                drop(spawn_blocking(|| ()));
            }
        }
        let start = Instant::now();
        while threads() != before {
            assert!(start.elapsed() < crate::support::HANG, "{} threads, not {before}", threads());
            thread::yield_now();
        }
    });
}

#[test]
#[cfg_attr(miri, ignore)] // Miri starts no process and has no /proc
fn without_a_thread_the_join_says_why_and_the_next_job_may_have_one() {
    crate::support::child::alone(|| {
        let limit = |bytes: Option<libc::rlim_t>| {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: the kernel writes one `rlimit`, which we borrow mutably.
            assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
            limit.rlim_cur = bytes.unwrap_or(limit.rlim_max);
            // SAFETY: the kernel reads one `rlimit`, which lives across the call.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
        };
        let rt = runtime(2);
        rt.block_on(async {
            // No address space for the 2 MiB of a stack; what malloc needs for this it has in its arena.
            let job = {
                limit(Some(1 << 20));
                let job = spawn_blocking(|| ());
                limit(None);
                job
            };
            assert!(job.is_finished());
            let error = job.await.unwrap_err();
            assert!(error.is_panic());
            assert!(error.to_string().contains("no thread for a blocking job"), "{error}");
            let now = rt.metrics();
            assert_eq!((now.blocking_threads, now.blocking_threads_started, now.blocking_jobs), (0, 0, 0));

            // With a thread that is busy, it waits for that.
            let (gate, first) = busy();
            limit(Some(1 << 20));
            let second = spawn_blocking(|| 2);
            limit(None);
            assert!(!second.is_finished());
            gate.open();
            first.await.unwrap();
            assert_eq!(second.await.unwrap(), 2);
            assert_eq!(rt.metrics().blocking_threads_started, 1);
        });
    });
}
