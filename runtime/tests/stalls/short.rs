//! A stall of a few limits that is the first, and a poll whose thread gets no processor.
//!
//! An attempt counts only if the machine has run its threads as it needs.

use super::support::{HANG, child};
use super::{LIMIT, watched};
use egret_runtime::inspect::StallStage;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Repeats an attempt, for a while or until one result has come `most` times. Returns how often it was true and false.
fn counted(most: usize, attempt: impl Fn() -> Option<bool>) -> (usize, usize) {
    let begun = Instant::now();
    let (mut good, mut bad) = (0, 0);
    while good < most && bad < most && begun.elapsed() < HANG * 3 {
        match attempt() {
            Some(true) => good += 1,
            Some(false) => bad += 1,
            None => {}
        }
    }
    (good, bad)
}

#[test]
fn the_first_stall_of_80_ms_is_reported_with_a_limit_of_20() {
    child::alone(|| {
        let (limit, stall) = (Duration::from_millis(20), Duration::from_millis(90));
        let attempt = || {
            let (rt, _, told) = watched(limit);
            let took = rt.block_on(async {
                let start = Instant::now();
                thread::sleep(stall); // the stall
                start.elapsed()
            });
            drop(rt);
            let begun = told.iter().find(|stall| stall.stage == StallStage::Begun);
            assert!(begun.as_ref().is_none_or(|stall| stall.held() >= limit), "{begun:?}");
            (took < stall + limit / 5).then_some(begun.is_some())
        };
        // The thread of the finder may have been late without this one.
        let (reported, missed) = counted(20, attempt);
        assert!(reported > 0 || missed < 20, "{missed} stalls were missed");
        if reported + missed == 0 {
            eprintln!("SKIPPED: this machine is too busy to sleep for {stall:?}");
        }
    });
}

/// Keeps this thread, and those that it starts, on the processor that it is on.
fn stay() {
    // SAFETY: the call takes nothing.
    let Ok(processor) = usize::try_from(unsafe { libc::sched_getcpu() }) else { return };
    // SAFETY: all bits clear is an empty set.
    let mut set = unsafe { std::mem::zeroed::<libc::cpu_set_t>() };
    // SAFETY: the number is that of a processor of this machine.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the call reads the set, which lives across it.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}

/// Lets every other thread have the processor first.
fn give_way() {
    // SAFETY: all bits clear are parameters: the priority is 0, and the C library may have further fields.
    let parameters = unsafe { std::mem::zeroed::<libc::sched_param>() };
    // SAFETY: the call reads the parameters, which live across it.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters) };
}

/// The time on a processor of this thread.
fn used() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

/// Whether a poll that takes two limits, and hardly has a processor, is not reported.
fn starve() -> Option<bool> {
    let (rt, _, told) = watched(LIMIT);
    let is_over = Arc::new(AtomicBool::new(false));
    let ends = is_over.clone();
    let before = used();
    let spinner = rt.block_on(async move {
        let start = Instant::now();
        stay();
        let spinner = thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        give_way();
        while start.elapsed() < LIMIT * 2 {
            std::hint::spin_loop();
        }
        ends.store(true, Ordering::Relaxed);
        spinner
    });
    spinner.join().unwrap();
    let is_starved = used() - before < LIMIT / 5;
    drop(rt);
    let reports: Vec<_> = told.iter().collect();
    is_starved.then_some(reports.is_empty())
}

#[test]
fn a_poll_whose_thread_waits_for_a_processor_is_no_stall() {
    child::alone(|| {
        // The threads of an attempt stay on one processor.
        let (unreported, reported) = counted(3, || thread::spawn(starve).join().unwrap());
        assert_eq!(reported, 0);
        if unreported == 0 {
            eprintln!("SKIPPED: no thread can be kept from its processor");
        }
    });
}
