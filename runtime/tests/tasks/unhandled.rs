//! Panics of detached tasks, under each policy of the builder.

#![allow(missing_docs)]

use crate::support::{OnDrop, Trace, bounded, child, hold, message_of, turn};
use egret_runtime::runtime::{Builder, Runtime, UnhandledPanic};
use egret_runtime::task::yield_now;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::thread;

fn runtime(policy: UnhandledPanic) -> Runtime {
    Builder::new().unhandled_panic(policy).build().unwrap()
}

/// The message of the panic that `f` ends with.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).map(|_| ()).expect_err("the runtime was to be shut down");
    message_of(&*payload).to_owned()
}

/// Asserts that `message` is of a task that was spawned at `line` and panicked with `why`.
#[track_caller]
fn assert_reports(message: &str, line: u32, why: &str) {
    let place = format!(" spawned at runtime/tests/tasks/unhandled.rs:{line}:");
    let rest = format!(" panicked: {why}; its runtime was shut down, as UnhandledPanic::Shutdown asks");
    assert!(message.contains(&place) && message.ends_with(&rest), "{message}");
}

#[test]
fn a_shutdown_drops_every_task_and_panics_out_of_block_on_with_the_report() {
    bounded(|| {
        let rt = runtime(UnhandledPanic::Shutdown);
        let trace = Trace::new();
        drop(rt.spawn(hold(trace.on_drop("before"))));
        let line = line!() + 1;
        drop(rt.spawn(async { panic!("boom") }));
        drop(rt.spawn(hold(trace.on_drop("after"))));
        let root = trace.on_drop("root");
        assert_reports(&panic_of(|| rt.block_on(hold(root))), line, "boom");
        assert_eq!(trace.take(), ["before", "after", "root"]);
        assert_eq!(rt.metrics().tasks_alive, 0);

        // It stays shut down, and polls nothing any more.
        let polls = rt.metrics().polls;
        assert_reports(&panic_of(|| rt.block_on(async {})), line, "boom");
        assert_reports(&panic_of(|| turn(&rt)), line, "boom");
        let late = rt.spawn(hold(trace.on_drop("late")));
        assert!(late.is_finished());
        assert_eq!((trace.take(), rt.metrics().polls), (vec!["late"], polls));
    });
}

#[test]
fn a_shutdown_panics_out_of_the_turn_in_which_it_happens() {
    let rt = runtime(UnhandledPanic::Shutdown);
    let trace = Trace::new();
    assert_eq!(turn(&rt), (0, 0, 0));
    let line = line!() + 1;
    drop(rt.spawn(async { panic!("boom") }));
    drop(rt.spawn(hold(trace.on_drop("dropped"))));
    assert_reports(&panic_of(|| turn(&rt)), line, "boom");
    assert_eq!(trace.take(), ["dropped"]);
}

#[test]
fn a_panic_is_handled_as_long_as_somebody_may_ask_for_it() {
    bounded(|| {
        let rt = runtime(UnhandledPanic::Shutdown);
        rt.block_on(async {
            let asked = egret_runtime::spawn(async { panic!("asked for") });
            let aborted = egret_runtime::spawn(pending::<()>());
            yield_now().await;
            assert!(asked.await.unwrap_err().is_panic());
            aborted.abort();
            drop(aborted);
            yield_now().await; // its slot is given up
        });
        let line = line!() + 1;
        let handle = rt.spawn(async { panic!("not asked for") });
        assert_eq!(turn(&rt), (0, 0, 1));
        assert_eq!(turn(&rt), (0, 0, 0));
        // A task drops the handle, and the turn that polled it ends by the panic.
        drop(rt.spawn(async move { drop(handle) }));
        assert_reports(&panic_of(|| turn(&rt)), line, "not asked for");
    });
}

#[test]
fn a_panic_that_the_handle_of_another_thread_does_not_give_to_anyone_is_unhandled() {
    bounded(|| {
        for gone_first in [true, false] {
            let rt = runtime(UnhandledPanic::Shutdown);
            let handle = rt.handle();
            let line = line!() + 1;
            let task = thread::spawn(move || handle.spawn(async { panic!("boom") })).join().unwrap();
            if gone_first {
                drop(task);
            } else {
                turn(&rt);
                assert!(task.is_finished());
                turn(&rt); // it may still be asked for
                thread::spawn(move || drop(task)).join().unwrap();
            }
            assert_reports(&panic_of(|| while turn(&rt) != (0, 0, 0) {}), line, "boom");
        }

        let rt = runtime(UnhandledPanic::Shutdown);
        let asked = rt.handle().spawn(async { panic!("asked for") });
        assert!(rt.block_on(asked).unwrap_err().is_panic());
        assert_eq!(turn(&rt), (0, 0, 0));
    });
}

#[test]
fn a_handle_that_is_dropped_with_the_future_of_block_on_counts() {
    bounded(|| {
        let rt = runtime(UnhandledPanic::Shutdown);
        let line = line!() + 1;
        let handle = rt.spawn(async { panic!("boom") });
        turn(&rt);
        // Done in its first poll; the handle goes when the future does, after the last turn.
        let root = poll_fn(move |_| {
            let _owned = &handle;
            Poll::Ready(())
        });
        assert_reports(&panic_of(|| rt.block_on(root)), line, "boom");
    });
}

#[test]
fn a_destructor_that_panics_counts_also_by_an_abort() {
    let rt = runtime(UnhandledPanic::Shutdown);
    let line = line!() + 1;
    let task = rt.spawn(hold(OnDrop::new(|| panic!("in drop"))));
    turn(&rt);
    drop(rt.spawn(async move { task.abort() }));
    assert_reports(&panic_of(|| turn(&rt)), line, "in drop");
}

#[test]
fn a_task_of_one_runtime_does_not_shut_down_another() {
    bounded(|| {
        let (ours, other) = (runtime(UnhandledPanic::Shutdown), runtime(UnhandledPanic::Shutdown));
        let handle = ours.spawn(async { panic!("of the first") });
        assert_eq!(turn(&ours), (0, 0, 1));
        other.block_on(async move { drop(handle) });
        assert_eq!((turn(&ours), turn(&other)), ((0, 0, 0), (0, 0, 0)));
    });
}

/// The lines of ours, and not of the panic hook, on the standard error of a child.
fn lines_of(child: std::process::Output) -> Vec<String> {
    let stderr = String::from_utf8(child.stderr).unwrap();
    stderr.lines().filter(|line| line.starts_with("egret: ")).map(str::to_owned).collect()
}

#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn a_runtime_that_ignores_panics_says_nothing_and_goes_on() {
    let Some(child) = child::alone(|| {
        let rt = runtime(UnhandledPanic::Ignore);
        drop(rt.spawn(async { panic!("at once") }));
        let late = rt.spawn(async { panic!("late") });
        let later = rt.spawn(async { panic!("later") });
        assert_eq!(turn(&rt), (0, 0, 3));
        drop(late); // outside of the runtime
        drop(rt.spawn(hold(OnDrop::new(|| panic!("in drop")))));
        assert_eq!(turn(&rt), (0, 0, 1));
        drop(rt);
        drop(later); // without it
    }) else {
        return;
    };
    assert_eq!(lines_of(child), [] as [&str; 0]);
}

#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn a_shutdown_that_no_call_can_panic_for_is_reported() {
    let Some(child) = child::alone(|| {
        let rt = runtime(UnhandledPanic::Shutdown);
        let outside = rt.spawn(async { panic!("outside of the runtime") });
        assert_eq!(turn(&rt), (0, 0, 1));
        drop(outside);
        let without = rt.spawn(async { panic!("without the runtime") });
        drop(rt.spawn(hold(OnDrop::new(|| panic!("the first in drop")))));
        drop(rt.spawn(hold(OnDrop::new(|| panic!("the second in drop")))));
        assert_eq!(turn(&rt), (0, 0, 3));
        drop(rt);
        drop(without);
    }) else {
        return;
    };
    let lines = lines_of(child);
    let ends = lines.iter().map(|line| line.split("panicked: ").nth(1).unwrap());
    let expected =
        ["outside of the runtime", "the second in drop", "the first in drop", "without the runtime"];
    assert_eq!(ends.collect::<Vec<_>>(), expected);
}

#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn a_report_to_nobody_does_not_end_the_loop() {
    // Standard error is a pipe whose reader is gone.
    const CHILD: &str = "EGRET_TEST_NO_READER";
    if std::env::var_os(CHILD).is_some() {
        let rt = Runtime::new().unwrap();
        std::panic::set_hook(Box::new(|_| ()));
        drop(rt.spawn(async { panic!("nobody hears this") }));
        assert_eq!(turn(&rt), (0, 0, 1));
        assert_eq!(rt.metrics().tasks_alive, 0);
        return;
    }
    let (reader, writer) = crate::support::fds::pipe();
    drop(reader);
    let ended = child::again(child::test_of(&|| ())).env(CHILD, "1").stderr(writer).output().unwrap();
    assert!(ended.status.success(), "{}", ended.status);
    assert!(String::from_utf8_lossy(&ended.stdout).contains("1 passed"));
}

#[test]
fn a_report_of_a_panic_has_the_name_that_the_task_was_given() {
    let rt = Builder::new().unhandled_panic(UnhandledPanic::Shutdown).build().unwrap();
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        rt.block_on(async {
            drop(
                egret_runtime::task::Builder::new().name("the counter").spawn(async { panic!("lost count") }),
            );
            std::future::pending::<()>().await
        })
    }));
    let report = *ended.unwrap_err().downcast::<String>().unwrap();
    assert!(report.contains(" \"the counter\" spawned at runtime/tests/tasks/unhandled.rs:"), "{report}");
    assert!(report.contains("lost count"), "{report}");
}
