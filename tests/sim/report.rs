//! The report of a scenario that is to fail.

use egret::sim::{self, Sim};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

/// The report of `check` for a failing scenario.
pub fn report(seeds: std::ops::Range<u64>, scenario: impl Fn(&Sim) + Sync) -> String {
    let failed = catch_unwind(AssertUnwindSafe(|| sim::check(seeds, scenario))).expect_err("it fails");
    *failed.downcast::<String>().expect("a text")
}

/// The setting in the last line of a report.
pub fn setting(report: &str) -> &str {
    let (_, last) = report.split_once("\nthis run again: EGRET_SEED=").expect("how to run it again");
    last.split([',', '\n']).next().unwrap()
}

/// Whether the seeds are those that the test says. If `EGRET_SEEDS` says others, runs the test with this name without it, in
/// another process.
pub fn has_its_seeds(test: &str) -> bool {
    if env::var_os("EGRET_SEEDS").is_none() {
        return true;
    }
    let mut command = Command::new(env::current_exe().unwrap());
    let output = command.args(["--exact", test]).env_remove("EGRET_SEEDS").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}
