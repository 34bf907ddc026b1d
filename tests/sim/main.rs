//! Scenarios on the simulated kernel, under every fault, for many seeds.
//!
//! `EGRET_SEEDS=n` runs n seeds of each; `EGRET_SEED=…`, as a failure prints it, runs one. `docs/sim.md` explains
//! the report of a failure.

mod accept;
mod cores;
mod corpus;
mod disk;
mod echo;
#[allow(clippy::duplicate_mod, reason = "the two servers share the parsing of requests")]
mod files;
mod groups;
mod guide;
mod hosts;
#[allow(clippy::duplicate_mod, reason = "as of `files`")]
mod http;
mod http_timeouts;
mod links;
mod methods;
mod names;
mod outside;
mod pictures;
mod planted;
mod planted_processes;
mod processes;
mod program;
mod proxy;
mod ready;
mod report;
mod reports;
mod same;
mod signals;
mod small;
mod speed;
#[cfg(all(feature = "sim-std", target_env = "gnu"))]
mod std;
mod threads;
mod unix;
mod world;
mod zip;
