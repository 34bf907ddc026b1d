//! The stall finder: reports a poll that takes long, while it goes on.
//!
//! - One thread for the process looks at all loops that were built with
//!   [`Builder::stall_after`](crate::runtime::Builder::stall_after), at most 13.3 times a second. It reads what the loop stores
//!   anyway and stops nothing; only a loop that is stuck is interrupted, once, for its stack.
//! - It starts with the first such loop and ends after the last.
//! - It charges a poll only with the time for which it was itself awake on time: see `stall/watch.rs`.

mod builder; // `Builder::stall_after`
mod report; // `Stall`: what is reported, and its text
mod sampler; // the thread
mod watch; // how long the poll that a loop is in has been going

pub use report::{Stall, StallStage};
