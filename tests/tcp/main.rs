//! TCP through the facade, as one program, which is linked once.
//!
//! The tests run in parallel in one process. Those at the limit of descriptors, in `descriptors.rs`, run themselves again in
//! a process of their own.

mod common;
#[path = "../../runtime/tests/support/uninterrupted.rs"]
mod uninterrupted;

mod accept;
mod connect;
mod descriptors;
mod edges;
mod split;
mod transfer;
mod unwind_safe;
mod watchers;
