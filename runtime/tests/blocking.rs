//! Blocking jobs: what comes out of the join, how many threads there are, and what is left of it all when the
//! runtime goes. The rows are D6, D8, D11, M1, P1 and P4 of the list of pitfalls that the project keeps.

#![allow(missing_docs)]

mod support;

use egret_runtime::runtime::{Builder, Runtime, UnhandledPanic};
use egret_runtime::task::{JoinHandle, spawn_blocking};
use egret_runtime::{block_on, spawn};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use support::{OnDrop, bounded, many, message_of};

/// Holds jobs back until it is opened, and knows how many have come to it.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Gate {
    /// What a job does.
    fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.0 += 1;
        changed.notify_all();
        while !state.1 {
            state = changed.wait(state).unwrap();
        }
    }

    /// Returns when `jobs` have come.
    fn await_jobs(&self, jobs: usize) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        while state.0 < jobs {
            state = changed.wait(state).unwrap();
        }
    }

    fn arrived(&self) -> usize {
        self.0.0.lock().unwrap().0
    }

    fn open(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }
}

/// Sends the thread on which it is dropped.
struct Tells(Sender<ThreadId>);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

fn tells() -> (Tells, Receiver<ThreadId>) {
    let (send, receive) = channel();
    (Tells(send), receive)
}

fn runtime(threads: usize) -> Runtime {
    Builder::new().max_blocking_threads(threads).build().unwrap()
}

/// Returns when the runtime has this many blocking threads.
fn await_threads(rt: &Runtime, threads: usize) {
    let start = Instant::now();
    while rt.metrics().blocking_threads != threads {
        assert!(start.elapsed() < support::HANG, "{} threads", rt.metrics().blocking_threads);
        thread::yield_now();
    }
}

fn poll_once<T>(handle: &mut JoinHandle<T>) -> Poll<Result<T, egret_runtime::task::JoinError>> {
    pin!(handle).poll(&mut Context::from_waker(Waker::noop()))
}

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

            // Of one that runs it has no effect.
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
            let gate = Gate::default();
            let theirs = gate.clone();
            let running = spawn_blocking(move || theirs.pass());
            gate.await_jobs(1);
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
            let gate = Gate::default();
            let theirs = gate.clone();
            let running = spawn_blocking(move || theirs.pass());
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
            let gate = Gate::default();
            let theirs = gate.clone();
            let running = spawn_blocking(move || theirs.pass());
            gate.await_jobs(1);

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

            // An output that nobody wants, and a waker.
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
        assert!(message.contains("of no interest") && message.contains("blocking.rs"), "{message}");
    }
}

#[test]
#[cfg_attr(miri, ignore)] // Miri starts no process and has no /proc
fn the_panic_of_a_job_that_nobody_awaits_is_reported_also_when_its_runtime_is_gone() {
    let name = "the_panic_of_a_job_that_nobody_awaits_is_reported_also_when_its_runtime_is_gone";
    let policies = [UnhandledPanic::Report, UnhandledPanic::Shutdown, UnhandledPanic::Ignore];
    let child = support::child::run(name, move || {
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
        rt.spawn(support::hold(submits));
        support::turn(&rt);
        drop(rt);
        let (finished, cancelled) = receive.recv().unwrap();
        assert!(finished && cancelled);
        assert_eq!(dropped.recv().unwrap(), thread::current().id());
    });
}

/// Whether a handle that is over says that its job was cancelled.
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
        rt.spawn(support::hold(OnDrop::new(move || assert!(receive.recv().is_err()))));
        support::turn(&rt);
        drop(rt);
        assert!(dropped.try_recv().is_err());
        gate.open();
        assert_ne!(dropped.recv().unwrap(), thread::current().id());
    });
}

// M1
#[test]
#[cfg_attr(miri, ignore)] // Miri starts no process and has no /proc
fn the_threads_of_runtimes_that_are_gone_are_gone() {
    let name = "the_threads_of_runtimes_that_are_gone_are_gone";
    support::child::run(name, || {
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
            assert!(start.elapsed() < support::HANG, "{} threads, not {before}", threads());
            thread::yield_now();
        }
    });
}

#[test]
#[cfg_attr(miri, ignore)] // Miri starts no process and has no /proc
fn without_a_thread_the_join_says_why_and_the_next_job_may_have_one() {
    let name = "without_a_thread_the_join_says_why_and_the_next_job_may_have_one";
    support::child::run(name, || {
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
            let gate = Gate::default();
            let theirs = gate.clone();
            let first = spawn_blocking(move || theirs.pass());
            gate.await_jobs(1);
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
            let sleeper = Arc::new(support::sleeper::Sleeper::this_thread());
            for _ in 0..many(100, 1) {
                let sleeper = sleeper.clone();
                // Ends when the loop sleeps, and not by the limit, for it has no other way to know.
                let job = spawn_blocking(move || sleeper.await_sleep());
                timeout(Duration::from_secs(3600), job).await.unwrap().unwrap();
            }
            assert_eq!(start.elapsed(), Duration::ZERO);
            // One that nobody awaits counts as well, and time goes on when it is over.
            drop(spawn_blocking(move || sleeper.await_sleep()));
            time::sleep(Duration::from_secs(1)).await;
            assert_eq!(start.elapsed(), Duration::from_secs(1));
        });
    });
}
