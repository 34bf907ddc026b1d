//! Child processes: waited for by whom they belong to, each once, with nothing left behind.
//!
//! The numbers in brackets are rows of the list of pitfalls that this crate is tested by.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no processes

mod children;
mod commands;
mod drops;
mod inheritance;
mod pipes;
mod waits;
