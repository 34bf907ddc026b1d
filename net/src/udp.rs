//! Less frequent types of UDP: options before a socket is bound, many datagrams at a time, and what the kernel knows of
//! a datagram. [`UdpSocket`](crate::UdpSocket) itself is at the root of the crate.

mod batch;
mod builder;
mod message;
pub(crate) mod socket;

pub use batch::{Datagram, Datagrams, RecvBatch};
pub use builder::Builder;
pub use message::{Ecn, Message};
