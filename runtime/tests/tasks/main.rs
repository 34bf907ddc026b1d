//! The executor: tasks, wakers, joins, timers and the loop, as one program, which is linked once.
//!
//! The tests run in parallel in one process and assert exact counts of their runtimes, so no waker is used after
//! its runtime: a late wake may reach another test's runtime. Such tests are in `ends` and in `late_wakes.rs`. A test that counts what
//! belongs to the process runs itself again in a process of its own (`support::child::alone`).

#[path = "../support/mod.rs"]
mod support;

mod aborts;
mod blocking;
mod callers;
mod coop;
mod errors_of_threads;
mod fairness;
mod foreign_budget;
mod handle;
mod handle_block_on;
mod hooks;
mod identity;
mod ids;
mod jobs_and_handles;
mod join_all;
mod join_set;
mod local_keys;
mod local_set;
mod metrics;
mod misuse;
mod order;
mod panicking_wakers;
mod panics;
mod park;
mod reentrancy;
mod remote;
mod remote_handle;
mod scale;
mod shutdown_token;
mod test_kit;
mod time;
mod turn_record;
mod unhandled;
mod unwind_safe;
mod unwinding;
mod wakers;
