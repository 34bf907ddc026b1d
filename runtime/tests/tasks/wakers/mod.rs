//! Wakers: what may be done with one, on which thread, and what that does to its task.
//!
//! Every waker here is used while its runtime is alive; those that outlive it are in `late_wakes.rs`.

#![allow(missing_docs)]

mod holders;
mod parked;
mod places;
mod threads;
