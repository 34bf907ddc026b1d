//! A container with little memory and little CPU: a control group that the test makes, of version 2 or 1.

use crate::everyday;
use crate::namespaces::write_to;
use crate::support::{bounded, child};
use egret::cores;
use egret::process::Command;
use egret::runtime::Runtime;
use egret::task::yield_now;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const INSIDE: &str = "EGRET_TEST_INSIDE_A_GROUP";

/// A control group of one controller. It is removed when this is dropped.
struct Group(PathBuf);

impl Group {
    /// Of the first hierarchy that has the controller: version 2, or version 1 with one hierarchy for each.
    fn new(controller: &str, limits: &[(&str, &str)]) -> io::Result<Group> {
        let unified = Path::new("/sys/fs/cgroup");
        let own = Path::new("/sys/fs/cgroup").join(controller);
        let parent = match fs::read_to_string(unified.join("cgroup.controllers")) {
            Ok(controllers) if controllers.split_whitespace().any(|one| one == controller) => {
                fs::write(unified.join("cgroup.subtree_control"), format!("+{controller}"))?;
                unified
            }
            _ => &own,
        };
        let group = Group(parent.join(format!("egret-test-{}-{controller}", std::process::id())));
        fs::create_dir(&group.0)?;
        for (file, value) in limits {
            // Of two names for a limit, that of the other version is not there.
            match fs::OpenOptions::new().write(true).open(group.0.join(file)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => io::Write::write_all(&mut opened?, value.as_bytes())?,
            }
        }
        Ok(group)
    }

    /// The number behind a name in one of its files, of those that are there.
    fn number(&self, files: &[&str], name: &str) -> u64 {
        let texts = files.iter().filter_map(|file| fs::read_to_string(self.0.join(file)).ok());
        let mut numbers = texts.flat_map(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
            line.into_iter().collect::<Vec<u64>>()
        });
        numbers.next().unwrap_or_else(|| panic!("no {name} in {files:?} of {}", self.0.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty once its processes have ended; the tests have waited for them.
        let _ = fs::remove_dir(&self.0);
    }
}

/// In a test: runs `body` in a process of its own in a control group with these limits, each `(file, value)`. Gives the
/// group when the process has ended, and nothing within the process or where no group can be made, which it says aloud.
fn within(controller: &str, limits: &[(&str, &str)], body: impl FnOnce() + Send + 'static) -> Option<Group> {
    if std::env::var_os(INSIDE).is_some() {
        bounded(body);
        return None;
    }
    let name = child::test_of(&body);
    let group = Group::new(controller, limits);
    let group = group.map_err(|error| crate::skipped(name, &format!("no control group: {error}"))).ok()?;
    let procs = CString::new(group.0.join("cgroup.procs").as_os_str().as_bytes()).unwrap();
    let mut again = child::again(name);
    // SAFETY: between the fork and the program it makes system calls only, and what they are given was made before.
    unsafe { again.env(INSIDE, "1").pre_exec(move || write_to(&procs, "0")) };
    match again.output() {
        Err(error) => {
            crate::skipped(name, &format!("no process in a control group: {error}"));
            None
        }
        Ok(ended) => {
            crate::passed(name, &ended);
            Some(group)
        }
    }
}

/// 16 MiB, in the files of both versions.
const LITTLE_MEMORY: [(&str, &str); 3] =
    [("memory.max", "16777216"), ("memory.swap.max", "0"), ("memory.limit_in_bytes", "16777216")];

#[test]
fn with_little_memory() {
    let group = within("memory", &LITTLE_MEMORY, || everyday::all(&Runtime::new().unwrap()));
    if let Some(group) = group {
        assert_eq!(group.number(&["memory.events", "memory.oom_control"], "oom_kill"), 0);
    }
}

// The limit is in force: the kernel ends the child that takes more, which is a status as any other.
#[test]
fn a_child_that_takes_all_memory_is_killed_and_the_loop_goes_on() {
    let group = within("memory", &LITTLE_MEMORY, || {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            // It keeps the last line, which has no end.
            let status = Command::new("tail").arg("/dev/zero").status().await.unwrap();
            assert_eq!(status.signal(), Some(libc::SIGKILL));
        });
        everyday::all(&rt);
    });
    if let Some(group) = group {
        assert_eq!(group.number(&["memory.events", "memory.oom_control"], "oom_kill"), 1);
    }
}

/// The CPU time of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which lives across the call.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

// A tenth of one CPU: the kernel stops the process for 90 of each 100 ms once it has used 10.
#[test]
fn with_little_cpu() {
    let limits =
        [("cpu.max", "10000 100000"), ("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "10000")];
    let group = within("cpu", &limits, || {
        let rt = Runtime::new().unwrap();
        everyday::all(&rt);
        rt.block_on(async {
            let start = cpu_time();
            while cpu_time() - start < Duration::from_millis(30) {
                yield_now().await;
            }
        });
        everyday::timers(&rt);
        everyday::echo(&rt);
    });
    if let Some(group) = group {
        assert!(group.number(&["cpu.stat"], "nr_throttled") > 0);
    }
}

/// In a test, as [`within`]: with a quota of so many microseconds in each 100 ms.
fn with_a_quota_of(quota: &str, body: impl FnOnce() + Send + 'static) {
    let both = format!("{quota} 100000");
    within("cpu", &[("cpu.max", &both), ("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", quota)], body);
}

fn cores_by_default() -> Vec<usize> {
    cores::Builder::new().run(async |core| io::Result::Ok(core.count())).unwrap().outputs
}

#[test]
fn with_a_quota_of_one_processor_there_is_one_core() {
    with_a_quota_of("100000", || assert_eq!(cores_by_default(), [1]));
}

// Rounded down: the second core would be stopped for a part of each period.
#[test]
fn with_a_quota_of_nearly_two_processors_there_is_one_core() {
    with_a_quota_of("199000", || assert_eq!(cores_by_default(), [1]));
}
