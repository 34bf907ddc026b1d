//! Tasks, timers, sockets and jobs when their runtime ends, as one program.
//!
//! These tests use wakers after their runtime, which may change the counters of a runtime that has reused its number. So they
//! are separate from those that assert exact counts (`tasks`, `io`), and none of them reads the counters of remote wakes.

#[path = "../support/mod.rs"]
mod support;

mod after_the_end;
mod confined;
mod guards;
mod outlive;
mod shutdown;
