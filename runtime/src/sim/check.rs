//! [`check`]: runs a scenario with many seeds, and reports failures.

use super::drive::message;
use super::seeds::Replay;
use super::{Failure, Seeds, Sim, Smaller};
use std::cell::{Cell, RefCell};
use std::env;
use std::fmt::Write as _;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;

/// How many lines of the trace a failure shows; `EGRET_TRACE` names a file for all of it.
const LINES: usize = 60;

/// One seed in this many is run twice: both runs must be the same.
const TWICE: u64 = 16;

/// How often a failure is run again to shrink it.
const ATTEMPTS: usize = 60;

/// Runs a scenario for each seed: `scenario` sets up hosts and programs, and the simulation then runs until each
/// client is done.
///
/// The [module](super) lists what is checked meanwhile. The environment may name other seeds: see [`Seeds`].
///
/// # Panics
///
/// When a program panics or an oracle finds something: with the end of the trace, and the value of `EGRET_SEED` that
/// replays the run. `EGRET_TRACE=file` writes the whole trace there.
///
/// ```
/// use egret_runtime::{sim, task, time};
/// use std::time::Duration;
///
/// sim::check(0..50, |sim| {
///     let count = sim.up_to(10) as u64;
///     sim.host("alone").client(async move {
///         let naps = (0..count).map(|n| egret_runtime::spawn(time::sleep(Duration::from_millis(n))));
///         for nap in naps.collect::<Vec<_>>() {
///             nap.await.unwrap();
///         }
///     });
/// });
/// ```
#[track_caller]
pub fn check(seeds: impl Into<Seeds>, scenario: impl Fn(&Sim)) {
    if let Some(replay) = Seeds::replay() {
        return match run(&replay, &scenario) {
            Ok(_) => eprintln!("seed {replay} does not fail"),
            Err((failure, trace)) => fail(&replay, &failure, &trace),
        };
    }
    let seeds = seeds.into().range();
    for seed in seeds {
        let replay = Replay { seed, smaller: Smaller::default() };
        match run(&replay, &scenario) {
            Err((failure, trace)) => {
                let (replay, failure, trace) = shrink(replay, failure, trace, &scenario);
                fail(&replay, &failure, &trace);
            }
            Ok(hash) if seed % TWICE == 0 => {
                let again = run(&replay, &scenario).ok();
                assert!(
                    again == Some(hash),
                    "seed {seed} took two ways: it depends on something outside of the simulation"
                );
            }
            Ok(_) => {}
        }
    }
}

/// One run. Returns the hash of its trace, or the failure with the trace as text.
fn run(replay: &Replay, scenario: &impl Fn(&Sim)) -> Result<u64, (Failure, String)> {
    let _quiet = Quiet::begin();
    let sim = Sim::smaller(replay.seed, replay.smaller.clone());
    let ran = catch_unwind(AssertUnwindSafe(|| {
        scenario(&sim);
        sim.drive()
    }));
    let result = ran.unwrap_or_else(|payload| Err(Failure::new("panic", message(&*payload))));
    result.map(|()| sim.trace_hash()).map_err(|mut failure| {
        if failure.kind == "panic" {
            failure.report = format!("{}: {}", last_place(), failure.report);
        }
        (failure, sim.trace())
    })
}

thread_local! {
    /// True in a run, whose panics become failures; and the place of the last panic.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Silences panics of this thread during the attempts to shrink.
struct Quiet;

impl Quiet {
    fn begin() -> Quiet {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let loud = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                let is_quiet = QUIET.try_with(Cell::get) == Ok(true);
                if !is_quiet {
                    return loud(info);
                }
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                let _ = LAST.try_with(|last| *last.borrow_mut() = place);
            }));
        });
        QUIET.set(true);
        Quiet
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.set(false);
    }
}

/// The place of this thread's last panic in a run.
fn last_place() -> String {
    LAST.with(|last| last.borrow().clone())
}

/// Removes what the failure does not need: faults first, then numbers.
fn shrink(
    mut replay: Replay,
    mut failure: Failure,
    mut trace: String,
    scenario: &impl Fn(&Sim),
) -> (Replay, Failure, String) {
    let mut attempts = 0;
    let mut try_with = |smaller: Smaller, replay: &mut Replay| {
        attempts += 1;
        if attempts > ATTEMPTS {
            return false;
        }
        let candidate = Replay { seed: replay.seed, smaller };
        match run(&candidate, scenario) {
            Err((found, text)) if found.kind == failure.kind => {
                (*replay, failure, trace) = (candidate, found, text);
                true
            }
            _ => false,
        }
    };
    for fault in super::Fault::ALL {
        let mut smaller = replay.smaller.clone();
        smaller.without.push(fault);
        try_with(smaller, &mut replay);
    }
    for at_most in [1, 2, 3, 5, 8, 13, 21, 34] {
        let smaller = Smaller { at_most: Some(at_most), ..replay.smaller.clone() };
        if try_with(smaller, &mut replay) {
            break;
        }
    }
    (replay, failure, trace)
}

#[track_caller]
fn fail(replay: &Replay, failure: &Failure, trace: &str) -> ! {
    let name = thread::current().name().unwrap_or("the test").to_owned();
    let mut text = format!("{}: {}\n", failure.kind, failure.report.trim_end());
    let lines = trace.lines().count();
    let shown: Vec<_> = trace.lines().skip(lines.saturating_sub(LINES)).collect();
    let _ = writeln!(text, "\nthe last {} of {lines} lines of the trace:\n{}", shown.len(), shown.join("\n"));
    if let Ok(file) = env::var("EGRET_TRACE") {
        let _ = match std::fs::write(&file, trace) {
            Ok(()) => writeln!(text, "\nthe whole trace is in {file}"),
            Err(error) => writeln!(text, "\nthe whole trace could not be written to {file}: {error}"),
        };
    }
    // No command: only the caller knows the features, the test file and whether the test is ignored.
    panic!("{text}\nthis run again: EGRET_SEED={replay}, for the test {name} alone");
}
