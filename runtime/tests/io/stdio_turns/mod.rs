//! Standard streams and other tasks: whatever 0 and 1 are, a task that reads or writes lets others run, does not block
//! them when a buffer is full, and does not keep the runtime from ending.
//!
//! Each test runs in a process of its own, where it may replace descriptors 0 and 1.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has neither `dup2` nor `/proc`

mod fairness;
mod streams;
mod threads;
