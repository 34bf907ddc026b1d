//! Standard streams and the other tasks: whatever 0 and 1 are, one that reads or writes lets others have their turn, is
//! never in the way of them for want of room, and does not keep the runtime from ending.
//!
//! Each test runs in a process of its own, where it puts what it likes under 0 and 1.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has neither `dup2` nor `/proc`

mod fairness;
mod streams;
mod threads;
