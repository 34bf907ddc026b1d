//! Descriptors, signals and child processes on the reactor, as one program, which is linked once.
//!
//! The tests run in parallel in one process. A test that changes or counts what belongs to the process (a standard stream, a
//! signal's disposition, the limit of descriptors) runs itself again in a process of its own (`support::child::alone`).

#[path = "../support/mod.rs"]
mod support;

mod async_fd;
mod async_fd_kinds;
mod descriptors;
mod files;
mod interest;
mod open_files;
mod pipe_ends;
mod process;
mod readiness;
mod registration;
mod signal;
mod stdio;
mod stdio_turns;
mod timer_slack;
mod unix_stops;
