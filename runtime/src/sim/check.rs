//! [`check`]: runs a scenario with many seeds, and reports failures.

use super::compare::{Traced, difference};
use super::corpus::Corpus;
use super::drive::message;
use super::picture;
use super::search::{FailingSeed, Finding, search};
use super::seeds::Replay;
use super::shrink::shrink;
use super::{Failure, Seeds, Sim, Smaller};
use crate::sys::sim::{Sighting, World};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{self, AssertUnwindSafe, Location, catch_unwind};
use std::sync::Once;
use std::thread;

/// How many lines of the trace a failure shows; the file of `EGRET_TRACE` has all of it.
const LINES: usize = 60;

/// How often a failure is run again before it is reported.
const AGAIN: usize = 2;

/// Runs a scenario for each seed: `scenario` sets up hosts and programs, and the simulation then runs until each
/// client is done.
///
/// The [module](super) lists what is checked meanwhile. The environment may name other seeds: see [`Seeds`].
///
/// The seeds are run on as many threads as the machine has cores, each by itself on one of them; `EGRET_THREADS=1` is for
/// programs that share state in statics. The smallest seed that fails is reported, whichever was found first.
///
/// With `EGRET_CORPUS=directory` the seeds that saw something new are kept in a file there, and run first the next time; an edge
/// of two lines of the trace that no run before had is something new.
///
/// # Panics
///
/// When a program panics or an oracle finds something: with the end of the trace, and the value of `EGRET_SEED` that
/// replays the run. `EGRET_TRACE=file` writes the whole trace there, of a run that `EGRET_SEED` names also when it passes: as
/// a timeline for Perfetto if its name ends in `.json`, as a page with a sequence diagram if in `.html`, else as text.
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
pub fn check(seeds: impl Into<Seeds>, scenario: impl Fn(&Sim) + Sync) {
    if let Some(replay) = Seeds::replay() {
        let ran = run(&replay, &scenario);
        return match ran.failure {
            None => {
                eprintln!("seed {replay} does not fail");
                if let Some(file) = picture::wanted() {
                    eprintln!("{}", picture::keep(&file, &replay, &ran));
                }
            }
            Some(_) => fail(&replay, &ran, &[]),
        };
    }
    let Some(FailingSeed { seed, what }) =
        search(&seeds.into(), Corpus::wanted(Location::caller()), &scenario)
    else {
        return;
    };
    match what {
        Finding::TwoWays(difference) => panic!("seed {seed} took two ways: {OUTSIDE}\n{difference}"),
        Finding::Failure(failure) => judge(seed, &failure, &scenario),
        Finding::Never(report) => panic!("never: {report}"),
    }
}

/// Runs a seed that has failed again, and tells of it.
#[track_caller]
fn judge(seed: u64, failure: &Failure, scenario: &(impl Fn(&Sim) + Sync)) -> ! {
    let replay = Replay { seed, smaller: Smaller::default() };
    let mut runs: Vec<_> = (0..=AGAIN).map(|_| run(&replay, scenario)).collect();
    let Some(fails) = runs.iter().position(|ran| ran.kind() == Some(failure.kind)) else {
        let Failure { kind, report } = failure;
        panic!(
            "{kind}: {}\n\nnot repeatable: {OUTSIDE}; {} runs of seed {seed} after it did not fail so",
            report.trim_end(),
            runs.len()
        );
    };
    let ran = runs.remove(fails);
    if runs.iter().any(|other| !other.is_same(&ran)) {
        fail(&replay, &ran, &runs);
    }
    let (replay, ran) = shrink(replay, ran, scenario);
    fail(&replay, &ran, &[])
}

/// The cause of a failure that is not repeatable.
const OUTSIDE: &str = "something outside of the simulation decides";

/// One run: its failure, if it has one, its trace, and what each `up_to` returned.
pub(super) struct Ran {
    pub(super) failure: Option<Failure>,
    pub(super) trace: Traced,
    pub(super) sizes: Vec<usize>,
    pub(super) seen: BTreeMap<Sighting, bool>,
}

impl Ran {
    /// Returns whether the same happened in both, up to the same end.
    pub(super) fn is_same(&self, other: &Ran) -> bool {
        self.kind() == other.kind() && self.trace.hash() == other.trace.hash()
    }

    pub(super) fn kind(&self) -> Option<&'static str> {
        self.failure.as_ref().map(|failure| failure.kind)
    }
}

/// Runs the scenario once. With feature `sim-std` on a thread of its own: the keys of hash maps are drawn once in
/// each thread, and then counted.
pub(super) fn run(replay: &Replay, scenario: &(impl Fn(&Sim) + Sync)) -> Ran {
    if !cfg!(feature = "sim-std") {
        return run_here(replay, scenario);
    }
    let name = thread::current().name().unwrap_or_default().to_owned();
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(name);
        let run = thread.spawn_scoped(scope, || run_here(replay, scenario)).expect("a thread for a run");
        run.join().expect("a run has no panic that is not a failure")
    })
}

fn run_here(replay: &Replay, scenario: &impl Fn(&Sim)) -> Ran {
    let _quiet = Quiet::begin();
    World::draw(picture::wanted().is_some());
    let sim = Sim::smaller(replay.seed, replay.smaller.clone());
    let ran = catch_unwind(AssertUnwindSafe(|| {
        scenario(&sim);
        sim.drive()
    }));
    let result = ran.unwrap_or_else(|payload| Err(Failure::new("panic", message(&*payload))));
    let failure = result.err().map(|mut failure| {
        if failure.kind == "panic" {
            failure.report = format!("{}: {}", last_place(), failure.report);
        }
        failure
    });
    let seen = sim.shared.world.take_seen();
    Ran { failure, trace: Traced::take(&sim), sizes: sim.sizes.borrow().clone(), seen }
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

/// Returns the place of this thread's last panic in a run.
fn last_place() -> String {
    LAST.with(|last| last.borrow().clone())
}

/// Fails the test. `others` are runs of the same setting, of which one at least went another way.
#[track_caller]
fn fail(replay: &Replay, ran: &Ran, others: &[Ran]) -> ! {
    let name = thread::current().name().unwrap_or("the test").to_owned();
    let failure = ran.failure.as_ref().expect("a run that failed");
    let mut text = format!("{}: {}\n", failure.kind, failure.report.trim_end());
    if let Some(other) = others.iter().find(|other| !other.is_same(ran)) {
        // With the run that was found first, whose trace another thread had.
        let failed = 2 + others.iter().filter(|other| other.kind() == ran.kind()).count();
        let runs = 2 + others.len();
        let _ = writeln!(text, "\nnot repeatable: {OUTSIDE}; {failed} of {runs} runs of this seed failed so");
        let _ = writeln!(text, "{}", difference(&ran.trace, &other.trace).trim_end());
    }
    let lines = ran.trace.len();
    let shown = lines.min(LINES);
    let last = ran.trace.text(lines - shown..lines);
    let _ = writeln!(text, "\nthe last {shown} of {lines} lines of the trace:\n{}", last.trim_end());
    if let Some(file) = picture::wanted() {
        let _ = writeln!(text, "\n{}", picture::keep(&file, replay, ran));
    }
    if !others.is_empty() {
        panic!("{text}\nEGRET_SEED={replay}, for the test {name} alone, may fail or not");
    }
    // No command: only the caller knows the features, the test file and whether the test is ignored.
    panic!("{text}\nthis run again: EGRET_SEED={replay}, for the test {name} alone");
}
