//! The report of a scenario that is to fail.

use egret::sim::{self, Sim};
use std::panic::{AssertUnwindSafe, catch_unwind};

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
