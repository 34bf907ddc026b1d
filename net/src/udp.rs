//! Less frequent types of UDP: options before a socket is bound, many datagrams at a time, and what the kernel knows of
//! a datagram. [`UdpSocket`](crate::UdpSocket) itself is at the root of the crate.

mod batch; // memory for many datagrams
mod builder; // options before the bind
mod message; // a datagram with what the kernel knows of it
pub(crate) mod socket; // the socket

pub use batch::{Datagram, Datagrams, RecvBatch};
pub use builder::Builder;
pub use message::{Ecn, Message};
