//! Less frequent types of UDP: many datagrams at a time. [`UdpSocket`](crate::UdpSocket) itself is at the root of the
//! crate.

mod batch;
pub(crate) mod socket;

pub use batch::{Datagram, Datagrams, RecvBatch};
