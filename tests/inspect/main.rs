//! Dumps of a running runtime: `cargo test --features inspect,test-util --test inspect`.
//!
//! Each wait is checked with its line, by `line!()` in the test.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no sockets

mod support;

mod kinds;
mod load;
mod misuse;
mod on_signal;
mod sockets;
mod states;
mod stuck;
