//! [`LeakGuard`]: a test leaves nothing behind.
//!
//! Tests run concurrently on threads of one process and open and close descriptors at any time. So the guard of a
//! runtime checks only that runtime, which no other thread can touch; the guard of the process is for tests that run
//! alone in it.

use crate::executor;
use crate::executor::alive::Alive;
use crate::runtime::Runtime;
use crate::sys::signal;
use crate::wake::remote;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::fd::RawFd;
use std::thread;
use std::time::{Duration, Instant};

/// How long a detached blocking job may take to drop its output. Only a guard that would fail waits.
const ENDING: Duration = Duration::from_secs(1);

/// Panics at its end when more is alive than at its start, and lists it.
///
/// The end is [`finish`](LeakGuard::finish), or the drop. A drop during a panic checks nothing, so that the first
/// failure is shown.
///
/// There are two kinds:
///
/// * [`LeakGuard::runtime`] checks one runtime: tasks (with their name and where they were spawned), registered
///   descriptors (with their kind), timers and blocking jobs. Other threads do not affect it. It does not see
///   unregistered descriptors, such as files.
/// * [`LeakGuard::process`] checks all descriptors of the process. A descriptor that another thread opens meanwhile
///   counts as a leak, so it is for a test binary with a single test, for `--test-threads=1`, or for a test that runs
///   itself again in its own process.
///
/// ```
/// use egret_runtime::runtime::Runtime;
/// use egret_runtime::test::LeakGuard;
///
/// let rt = Runtime::new()?;
/// let guard = LeakGuard::runtime(&rt);
/// rt.block_on(async { egret_runtime::spawn(async {}).await.unwrap() });
/// guard.finish();
/// # std::io::Result::Ok(())
/// ```
///
/// ```should_panic
/// use egret_runtime::runtime::Runtime;
/// use egret_runtime::test::LeakGuard;
///
/// let rt = Runtime::new()?;
/// let guard = LeakGuard::runtime(&rt);
/// rt.spawn(std::future::pending::<()>()); // not awaited, and it waits for nothing
/// guard.finish();
/// # std::io::Result::Ok(())
/// ```
#[must_use = "it checks at its end"]
pub struct LeakGuard<'rt> {
    watched: LeakScope<'rt>,
}

enum LeakScope<'rt> {
    Runtime(&'rt Runtime, Alive),
    Process(BTreeMap<RawFd, String>),
    Nothing,
}

/// The leaks, one line each: see [`LeakGuard::check`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaks {
    lines: Vec<String>,
}

impl LeakGuard<'_> {
    /// Watches a runtime: what is alive now is not a leak.
    pub fn runtime(rt: &Runtime) -> LeakGuard<'_> {
        LeakGuard { watched: LeakScope::Runtime(rt, alive(rt)) }
    }

    /// Watches the descriptors of the process: those open now are no leak.
    ///
    /// Nor are the eventfds that egret keeps for the life of the process: one for each runtime that was alive at the
    /// same time, reused by later ones, and one for signals.
    ///
    /// # Panics
    ///
    /// Where `/proc` is not mounted.
    #[track_caller]
    pub fn process() -> LeakGuard<'static> {
        LeakGuard { watched: LeakScope::Process(open()) }
    }

    /// Lists what has leaked so far, and goes on watching.
    ///
    /// # Errors
    ///
    /// The things that are alive and were not at the start.
    #[track_caller]
    pub fn check(&self) -> Result<(), Leaks> {
        let leaks = match &self.watched {
            LeakScope::Runtime(rt, before) => of_runtime(&alive_without_ending_jobs(rt, before), before),
            LeakScope::Process(before) => of_process(before),
            LeakScope::Nothing => Leaks::default(),
        };
        if leaks.lines.is_empty() { Ok(()) } else { Err(leaks) }
    }

    /// Ends the guard.
    ///
    /// # Panics
    ///
    /// When anything is alive that was not at the start.
    #[track_caller]
    pub fn finish(mut self) {
        self.end();
    }

    #[track_caller]
    fn end(&mut self) {
        let result = self.check();
        self.watched = LeakScope::Nothing;
        if let Err(leaks) = result {
            panic!("{leaks}");
        }
    }
}

impl Drop for LeakGuard<'_> {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.end();
        }
    }
}

fn alive(rt: &Runtime) -> Alive {
    let _in = rt.enter();
    executor::current().alive()
}

/// Returns the things that are alive once the ending jobs have ended. A job without a handle is counted until its
/// thread has dropped its output; the awaiter of one that is counted no more has that output.
fn alive_without_ending_jobs(rt: &Runtime, before: &Alive) -> Alive {
    let start = Instant::now();
    loop {
        let now = alive(rt);
        if now.blocking_jobs <= before.blocking_jobs || start.elapsed() > ENDING {
            return now;
        }
        thread::yield_now();
    }
}

fn of_runtime(now: &Alive, before: &Alive) -> Leaks {
    let mut lines = Vec::new();
    for task in &now.tasks {
        if !before.tasks.iter().any(|other| other.id == task.id) {
            lines.push(task.to_string());
        }
    }
    for source in now.sources.iter().filter(|source| !before.sources.contains(source)) {
        let (_, fd) = *source;
        let what = what_is(fd).unwrap_or_else(|| "closed behind egret's back".to_owned());
        lines.push(format!("registered descriptor {fd}: {what}"));
    }
    let mut more = |what: &str, now: usize, before: usize| {
        if now > before {
            lines.push(format!("{} {what}, {now} in all", now - before));
        }
    };
    more("more timers than before", now.timers, before.timers);
    more("more blocking jobs than before", now.blocking_jobs, before.blocking_jobs);
    Leaks { lines }
}

fn of_process(before: &BTreeMap<RawFd, String>) -> Leaks {
    let mut kept = remote::eventfds();
    kept.extend(signal::eventfd_number());
    let new = open().into_iter().filter(|(fd, what)| before.get(fd) != Some(what) && !kept.contains(fd));
    Leaks { lines: new.map(|(fd, what)| format!("descriptor {fd}: {what}")).collect() }
}

/// Returns the descriptors of the process, each with its kind.
#[track_caller]
fn open() -> BTreeMap<RawFd, String> {
    let entries = fs::read_dir("/proc/self/fd").expect("/proc is mounted");
    let numbers: Vec<RawFd> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    // That of the listing itself is closed by now.
    numbers.into_iter().filter_map(|fd| Some((fd, what_is(fd)?))).collect()
}

/// Returns the kernel's name for it: a path, `socket:[inode]`, `anon_inode:[eventfd]`.
fn what_is(fd: RawFd) -> Option<String> {
    let link = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    Some(link.to_string_lossy().into_owned())
}

impl Leaks {
    /// Returns the lines of the list.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left behind:")?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for Leaks {}

impl fmt::Debug for LeakGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.watched {
            LeakScope::Runtime(..) => "LeakGuard(runtime)",
            LeakScope::Process(_) => "LeakGuard(process)",
            LeakScope::Nothing => "LeakGuard(ended)",
        })
    }
}
