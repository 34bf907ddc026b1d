//! The examples as programs, each between real clients: one test program, which is linked once.
//!
//! A server listens on a port that the kernel chooses and is killed with its test; every wait has a timeout.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no processes

mod example_common;
mod server;
#[path = "../../runtime/tests/support/uninterrupted.rs"]
mod uninterrupted;

mod chat;
mod conditional_requests;
mod descriptors;
mod fd_echo;
mod http_server;
#[cfg(feature = "inspect")]
mod inspect_faults;
mod level_or_edge;
mod process_pipe;
mod proxy;
mod restart;
mod static_files;
mod tcp_server;
mod udp_echo;
mod unix_server;
