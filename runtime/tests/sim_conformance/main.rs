//! The simulated kernel behaves as the real one where egret depends on it.
//!
//! Each rule is one function that takes a [`Kernel`] and knows nothing of which it is; two tests call it, one with Linux
//! and one with the simulation. Where they differ, Linux is right and the simulation is to be corrected. What a rule
//! says of Linux was observed on 6.18; `docs/edge-triggered.md` has those that egret's own rules rest on.
//!
//! `differential.rs` has both kernels go through the same random steps and compares what they say.

#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod arrivals;
mod connections;
mod differential;
mod ends;
mod kernel;
mod listeners;
mod registrations;
mod room;
mod stops;
mod unix_ends;
mod unix_listeners;

use kernel::{Kernel, linux, simulation};
