//! Child processes: each is waited for once, by its owner, and leaks nothing.
//!
//! The codes in brackets are rows of docs/pitfalls.md.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no processes

mod children;
mod commands;
mod drops;
mod inheritance;
mod pipes;
mod waits;
