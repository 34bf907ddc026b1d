//! The runtime of a blocking job, jobs by a `Handle`, and how long the end of a runtime waits.

#![allow(missing_docs)]

use crate::support::{bounded, message_of};
use egret_runtime::runtime::{Builder, Handle, Runtime, UnhandledPanic};
use egret_runtime::task::{JoinHandle, spawn_blocking};
use egret_runtime::{block_on, spawn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

#[test]
fn a_job_has_the_handle_of_its_runtime_and_starts_tasks_and_jobs_there() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let (task, job) = rt.block_on(async {
            let here = thread::current().id();
            let job = spawn_blocking(move || {
                assert_ne!(thread::current().id(), here);
                let handle = Handle::current();
                let task = handle.spawn_with(|| {
                    let not_send = Rc::new(thread::current().id());
                    async move { *not_send }
                });
                let nested = handle.spawn_blocking(|| Handle::current().spawn(async { 42 }));
                (task, nested)
            });
            let (task, nested) = job.await.unwrap();
            assert_eq!(task.await.unwrap(), here);
            (1, nested.await.unwrap().await.unwrap())
        });
        assert_eq!((task, job), (1, 42));
        assert_eq!(rt.metrics().tasks_alive, 0);
    });
}

#[test]
fn the_handle_in_a_job_is_of_the_runtime_that_the_job_is_of() {
    bounded(|| {
        let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        for rt in [&first, &second, &first] {
            let job = rt.spawn_blocking(|| Handle::current().spawn(async { thread::current().id() }));
            let polls = (first.metrics().polls, second.metrics().polls);
            rt.block_on(async { job.await.unwrap().await.unwrap() });
            let other = if std::ptr::eq(rt, &first) {
                second.metrics().polls - polls.1
            } else {
                first.metrics().polls - polls.0
            };
            assert_eq!(other, 0);
        }
    });
}

#[test]
fn a_runtime_that_a_job_makes_for_itself_is_the_one_it_is_in_while_it_runs() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let job = rt.spawn_blocking(|| {
            let within =
                block_on(async { Handle::current().spawn(async { thread::current().id() }).await.unwrap() });
            let after = Handle::current().spawn(async { thread::current().id() });
            (thread::current().id() == within, after)
        });
        let (is_within, after) = rt.block_on(job).unwrap();
        assert!(is_within);
        assert_eq!(rt.block_on(after).unwrap(), thread::current().id());
    });
}

#[test]
fn spawn_and_spawn_blocking_in_a_job_say_what_to_do_there() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        for f in [|| drop(spawn(async {})), || drop(spawn_blocking(|| ()))] {
            let error = rt.block_on(rt.spawn_blocking(f)).unwrap_err().into_panic();
            let message = message_of(&*error);
            assert!(message.starts_with("there is no egret runtime on this thread"), "{message}");
            assert!(message.contains("`Handle::current()` is the runtime of both"), "{message}");
            assert!(!message.contains("Runtime::enter"), "{message}");
        }
    });
}

#[test]
fn outside_of_a_runtime_there_is_no_handle_and_the_panic_says_the_same_as_the_error() {
    let error = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context());
    let panicked = catch_unwind(Handle::current).unwrap_err();
    assert_eq!(message_of(&*panicked), error.to_string());
    assert!(error.to_string().contains("hold a `Runtime::enter` guard"));
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    assert!(Handle::try_current().is_ok());
    drop(inside);
    assert!(Handle::try_current().is_err());
}

#[test]
fn a_job_by_a_handle_gives_its_output_its_panic_or_that_it_never_ran() {
    bounded(|| {
        let rt = Builder::new().unhandled_panic(UnhandledPanic::Ignore).build().unwrap();
        let handle = rt.handle();
        let output = handle.spawn_blocking(|| 42);
        let (id, job) = (output.id(), handle.spawn_blocking(|| -> u8 { std::panic::panic_any(7_u8) }));
        let (second, left) = (job.id(), handle.spawn_blocking(|| 0));
        assert_ne!(id, second);
        assert_eq!(rt.block_on(output).unwrap(), 42);
        let error = rt.block_on(job).unwrap_err();
        assert_eq!(error.id(), second);
        assert_eq!(error.into_panic().downcast_ref(), Some(&7_u8));
        assert_eq!(rt.block_on(left).unwrap(), 0);
        let never = handle.spawn_blocking(|| 0); // no turn of the loop comes after it
        drop(rt);
        let late = handle.spawn_blocking(|| 0);
        block_on(async {
            assert!(never.await.unwrap_err().is_cancelled());
            assert!(late.await.unwrap_err().is_cancelled());
        });
    });
}

#[test]
fn a_panic_of_a_job_by_a_handle_that_nobody_holds_is_unhandled() {
    bounded(|| {
        let rt = Builder::new().unhandled_panic(UnhandledPanic::Shutdown).build().unwrap();
        let line = line!() + 1;
        drop(rt.handle().spawn_blocking(|| panic!("boom")));
        let forever = AssertUnwindSafe(|| rt.block_on(std::future::pending::<()>()));
        let panicked = catch_unwind(forever).unwrap_err();
        let message = message_of(&*panicked);
        assert!(message.contains(&format!("{}:{line}:", file!())), "{message}");
        assert!(message.contains("boom"), "{message}");
    });
}

/// A job that has begun, ends when something is sent, and is counted then.
fn begun(rt: &Runtime, ended: &Arc<AtomicUsize>) -> (JoinHandle<()>, mpsc::Sender<()>) {
    let ((begin, has_begun), (end, may_end)) = (mpsc::channel(), mpsc::channel());
    let ended = ended.clone();
    let job = rt.spawn_blocking(move || {
        begin.send(()).unwrap();
        let _ = may_end.recv(); // an error once the sender is gone, which is as good
        ended.fetch_add(1, SeqCst);
    });
    has_begun.recv().unwrap();
    (job, end)
}

#[test]
fn shutdown_timeout_waits_for_every_job_that_has_begun_and_for_none_that_has_not() {
    bounded(|| {
        let rt = Builder::new().max_blocking_threads(2).build().unwrap();
        let ended = Arc::new(AtomicUsize::new(0));
        let (jobs, ends): (Vec<_>, Vec<_>) = (0..2).map(|_| begun(&rt, &ended)).unzip();
        let queued = rt.spawn_blocking(|| unreachable!("there is no thread for it"));
        // Dropped by the end of the runtime, before it waits, it lets the jobs end.
        drop(rt.spawn(async move {
            let _ends = ends;
            std::future::pending::<()>().await;
        }));
        rt.turn(Some(Duration::ZERO));
        rt.shutdown_timeout(Duration::MAX);
        assert_eq!(ended.load(SeqCst), 2);
        assert!(jobs.iter().all(JoinHandle::is_finished));
        assert!(block_on(queued).unwrap_err().is_cancelled());
    });
}

#[test]
fn shutdown_timeout_gives_up_on_a_job_that_hangs_and_shutdown_background_does_not_wait() {
    bounded(|| {
        let ends: [fn(Runtime); 3] =
            [|rt| rt.shutdown_timeout(Duration::from_millis(5)), |rt| rt.shutdown_background(), drop];
        for end_of in ends {
            let rt = Runtime::new().unwrap();
            let ended = Arc::new(AtomicUsize::new(0));
            let (job, end) = begun(&rt, &ended);
            end_of(rt);
            assert_eq!((ended.load(SeqCst), job.is_finished()), (0, false));
            drop(end);
            block_on(job).unwrap();
            assert_eq!(ended.load(SeqCst), 1);
        }
    });
}

#[test]
fn a_runtime_without_jobs_ends_at_once_however_long_it_may_wait() {
    bounded(|| Runtime::new().unwrap().shutdown_timeout(Duration::MAX));
}

#[test]
fn the_threads_have_the_name_that_the_builder_was_given() {
    bounded(|| {
        for (name, builder) in
            [("egret-blocking", Builder::new()), ("disk", Builder::new().thread_name("disk"))]
        {
            let rt = builder.build().unwrap();
            let job = rt.spawn_blocking(|| thread::current().name().map(str::to_owned));
            assert_eq!(rt.block_on(job).unwrap().as_deref(), Some(name));
        }
        let refused = catch_unwind(|| drop(Builder::new().thread_name("a\0b"))).unwrap_err();
        assert!(message_of(&*refused).contains("zero byte"));
    });
}

#[test]
fn a_clock_that_starts_paused_goes_to_each_deadline_exactly() {
    use egret_runtime::time::{Instant, sleep};
    bounded(|| {
        let rt = Builder::new().start_paused(true).build().unwrap();
        rt.block_on(async {
            let start = Instant::now();
            sleep(Duration::from_secs(3600)).await;
            assert_eq!(start.elapsed(), Duration::from_secs(3600));
        });
        let rt = Builder::new().start_paused(true).start_paused(false).build().unwrap();
        rt.block_on(async { egret_runtime::time::pause() }); // which panics when it is paused
    });
}
