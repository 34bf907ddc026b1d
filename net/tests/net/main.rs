//! The tests of this crate, as one program, which is linked once.
//!
//! They run in parallel in one process: a test that counts descriptors or limits them runs itself again in a
//! process of its own (`sockets_common::in_child`). Two files are separate programs:
//! `constructors.rs`, with a filter on system calls and a count of descriptors, and `signals.rs`, which sets dispositions.

#[cfg(not(miri))]
#[path = "../../../runtime/tests/support/full_tcp.rs"]
mod full_tcp;
#[path = "../sockets_common/mod.rs"]
mod sockets_common;
#[path = "../../../runtime/tests/support/uninterrupted.rs"]
mod uninterrupted;

mod append;
mod auto_traits;
mod callers;
mod connector;
mod copy;
mod copy_ends;
mod copy_turns;
mod debug;
mod every_way;
mod futures_io;
mod handover;
mod hyper;
mod incoming;
#[cfg(feature = "inspect")]
mod inspect;
mod interests;
mod many_clients;
mod names;
mod pipe;
mod poll_functions;
mod read_to_end;
mod sendfile;
mod serve;
mod shares;
mod socket_options;
mod tokio_io;
mod turns;
mod udp;
mod udp_message;
mod unix_connect;
mod unix_messages;
mod unix_stream;
mod urgent;
