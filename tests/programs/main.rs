//! The smaller examples as the programs that they are, each between real clients: `fd_echo`, `unix_server`,
//! `tcp_server`, `chat`, `udp_echo`, `static_files`, `level_or_edge`. A server is on a port of the kernel's choice
//! and is killed with its test; every wait has an end.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no processes

#[path = "../example_common/mod.rs"]
mod example_common;

mod chat;
mod fd_echo;
mod level_or_edge;
mod server;
mod static_files;
mod tcp_server;
mod udp_echo;
mod unix_server;
