//! What becomes of the things of a runtime when it ends, as one program.
//!
//! Wakers are used after their runtime here, which may move the counters of a runtime that has its number by then. So these
//! tests are apart from those that assert exact counts (`tasks`, `io`), and none of them looks at the counters of remote wakes.

#[path = "../support/mod.rs"]
mod support;

mod after_the_end;
mod outlive;
mod shutdown;
