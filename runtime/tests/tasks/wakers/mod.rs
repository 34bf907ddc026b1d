//! Wakers: operations on each thread, and their effect on the task.
//!
//! Every waker here is used while its runtime is alive; those that outlive it are in `late_wakes.rs`.

#![allow(missing_docs)]

mod holders;
mod moves;
mod parked;
mod places;
mod threads;
