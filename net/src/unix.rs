//! Less frequent types of Unix sockets, and pipes. [`UnixStream`](crate::UnixStream) and the other sockets are at the
//! root of the crate.
//!
//! Addresses are [`SocketAddr`]; the control data of a message is [`SendAncillary`] and [`RecvAncillary`]; the
//! credentials of a peer are [`UCred`].

mod address; // addresses: paths, abstract names, none
mod ancillary; // control data
mod connect; // connects a socket
pub(crate) mod datagram; // datagrams
pub(crate) mod listener; // constructors of a listener
mod message; // control data of a stream
pub mod pipe; // the names of the pipes
pub(crate) mod seqpacket; // connections that keep message boundaries
pub(crate) mod seqpacket_listener; // listens for these
pub(crate) mod socket; // options before the connection
mod split; // the names of the halves
pub(crate) mod stream; // what only the Unix domain has
mod ucred; // credentials of a process

pub use crate::serve::{Serve, ServeCounts};
pub use address::SocketAddr;
pub use ancillary::{RecvAncillary, RecvMessage, SendAncillary};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use ucred::UCred;

/// The connections of a [`UnixListener`](crate::UnixListener) as a [`Stream`](futures_core::Stream), made by
/// [`incoming`](crate::UnixListener::incoming).
pub type Incoming<'a> = crate::listener::Incoming<'a, crate::family::Unix>;

/// The number of a user.
#[allow(non_camel_case_types, reason = "tokio and the C library call it so")]
pub type uid_t = u32;

/// The number of a group.
#[allow(non_camel_case_types, reason = "tokio and the C library call it so")]
pub type gid_t = u32;

/// The number of a process.
#[allow(non_camel_case_types, reason = "tokio and the C library call it so")]
pub type pid_t = i32;
