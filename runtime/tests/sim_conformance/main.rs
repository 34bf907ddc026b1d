//! The simulated kernel behaves as the real one where egret depends on it.
//!
//! Each rule is one function over a [`Kernel`]; two tests call it, one with Linux
//! and one with the simulation. Where they differ, Linux is right. What a rule
//! says of Linux was observed on 6.18; `docs/edge-triggered.md` has the facts that egret's own rules rest on.
//!
//! `differential.rs` runs the same random steps on both kernels and compares the results.

#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod arrivals;
mod connections;
mod differential;
mod ends;
mod errno;
mod kernel;
mod listeners;
mod options;
mod pair;
mod pipe_ends;
mod registrations;
mod room;
mod stops;
mod unix_ends;
mod unix_listeners;
mod urgent;
mod watch;

use kernel::{Kernel, linux, simulation};
