//! The stack of the thread of a loop that stalls.

use super::*;
use egret_runtime::signal::unix::{SignalKind, signal};

/// Whether a stack goes on below a function of the C library. Rust's musl comes without tables for the unwinder.
const UNDER_THE_C_LIBRARY: bool = cfg!(not(target_env = "musl"));

/// Why there is no stack of a thread that blocks the signal, or that the machine does not run in time.
const NOT_TAKEN: &str = "the thread did not take SIGURG: it has blocked it, or does not run";

/// [`both`], with a stack. `None` also if the thread was not run, which takes its own stack.
fn with_stack(rt: Runtime, told: Receiver<Stall>) -> Option<Stall> {
    let (begun, _) = both(rt, told)?;
    if begun.stack.missing.as_deref() == Some(NOT_TAKEN) {
        return None;
    }
    assert_eq!(begun.stack.missing, None);
    Some(begun)
}

/// The names of the functions on the stack, the innermost first.
fn functions(stall: &Stall) -> Vec<&str> {
    stall.stack.frames.iter().map(|frame| frame.function.as_deref().unwrap_or("")).collect()
}

#[track_caller]
fn assert_in_order(stall: &Stall, expected: &[&str]) {
    let mut names = functions(stall).into_iter();
    for name in expected {
        assert!(names.any(|function| function.contains(name)), "{name} is not in its place: {stall}");
    }
}

#[inline(never)]
fn slow_sum(reported: &Reported) -> u64 {
    let mut sum = 1u64;
    while !reported.is_open() {
        sum = std::hint::black_box(sum.wrapping_mul(3));
    }
    sum
}

#[test]
fn a_computation_is_on_the_stack_above_the_loop() {
    on_time(|| {
        let (rt, reported, told) = watched(LIMIT);
        run_slow_sum(&rt, reported);
        let begun = with_stack(rt, told)?;
        assert_in_order(&begun, &["slow_sum", "poll", "block_on"]);
        if cfg!(not(target_env = "musl")) {
            // There the names of generic functions are without their paths.
            assert_in_order(&begun, &["slow_sum", "TaskCell", "executor::turn", "block_on"]);
        }
        let frame =
            begun.stack.frames.iter().find(|frame| frame.function.as_ref().unwrap().contains("slow_sum"));
        assert!(frame.unwrap().file.as_ref().unwrap().ends_with("tests/stalls/stacks.rs"));
        // The text ends where the loop begins.
        assert!(!begun.to_string().contains("executor::turn"), "{begun}");
        Some(())
    });
}

/// Asserts it of a stall on this thread.
fn there_are_stacks() {
    let attempt = || {
        let (rt, reported, told) = watched(LIMIT);
        run_slow_sum(&rt, reported);
        with_stack(rt, told)
    };
    assert_in_order(&(0..20).find_map(|_| attempt()).unwrap(), &["slow_sum"]);
}

fn run_slow_sum(rt: &Runtime, reported: Reported) {
    rt.block_on(rt.spawn(async move { assert!(slow_sum(&reported) > 0) })).unwrap();
}

#[test]
fn a_sleep_goes_on_and_is_on_the_stack() {
    on_time(|| {
        let (rt, reported, told) = watched(LIMIT);
        let (start, time) = (Instant::now(), Duration::from_secs(1));
        rt.block_on(async { thread::sleep(time) });
        assert!(start.elapsed() >= time); // the signal has not cut it short
        if !reported.is_open() || start.elapsed() > time + LIMIT {
            return None; // the finder was late, or may have found the thread awake
        }
        let begun = with_stack(rt, told)?;
        assert_in_order(&begun, &["nanosleep"]);
        if UNDER_THE_C_LIBRARY {
            assert_in_order(&begun, &["thread::", "a_sleep_goes_on_and_is_on_the_stack", "block_on"]);
        }
        Some(())
    });
}

#[test]
fn a_destructor_is_on_the_stack_also_of_a_task_that_another_aborts() {
    on_time(|| {
        let (rt, reported, told) = watched(LIMIT);
        let aborted = rt.spawn(hold(Destructor(reported)));
        rt.block_on(yield_now());
        rt.block_on(async { aborted.abort() });
        let begun = with_stack(rt, told)?;
        call(&begun)?;
        if UNDER_THE_C_LIBRARY {
            assert_in_order(&begun, &["Destructor", "hold", "abort", "block_on"]);
        }
        Some(())
    });
}

#[test]
fn a_program_that_handles_the_signal_keeps_its_handler_and_gets_no_stack() {
    child::alone(|| {
        let (rt, reported, told) = watched(LIMIT);
        let urgent = rt.block_on(async { signal(SignalKind::from_raw(libc::SIGURG)) }).unwrap();
        rt.block_on(async { reported.compute() });
        drop(urgent);
        let (begun, _) = both(rt, told).unwrap();
        assert_eq!(begun.stack.missing.as_deref(), Some("the program has a handler for SIGURG"));
        there_are_stacks(); // The handler is gone.
    });
}

#[test]
fn a_thread_that_has_blocked_the_signal_is_reported_without_a_stack_and_gets_one_later() {
    child::alone(|| {
        let (rt, reported, told) = watched(LIMIT);
        support::threads::block(libc::SIGURG, true);
        rt.block_on(async { reported.compute() });
        let (begun, _) = both(rt, told).unwrap();
        assert_eq!(begun.stack.missing.as_deref(), Some(NOT_TAKEN));
        support::threads::block(libc::SIGURG, false); // the late signal comes here, and is none of a request
        there_are_stacks();
    });
}

#[test]
fn the_signal_of_another_sender_changes_nothing() {
    child::alone(|| {
        let (rt, reported, told) = watched(LIMIT);
        let this = support::threads::Thread::this();
        run_slow_sum(&rt, reported);
        (0..100).for_each(|_| this.signal(libc::SIGURG));
        let reports = both(rt, told);
        assert!(reports.is_none_or(|(begun, _)| begun.stack.missing.is_none_or(|why| why == NOT_TAKEN)));
    });
}
