//! Child processes: waited for by whom they belong to, each once, with nothing left behind.
//!
//! The numbers in brackets are rows of docs/pitfalls.md.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no processes

mod children;
mod commands;
mod drops;
mod inheritance;
mod pipes;
mod waits;
