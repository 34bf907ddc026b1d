//! [`Message`]: a datagram with what the kernel knows of it.

use egret_runtime::sys::DatagramInfo;
use std::net::{IpAddr, SocketAddr};

/// The facts about a datagram that [`UdpSocket::recv_message`](crate::UdpSocket::recv_message) has received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Message {
    /// How many of its bytes are in the buffer.
    pub len: usize,
    /// The sender.
    pub from: SocketAddr,
    /// It was longer than the buffer, and the rest is lost.
    pub truncated: bool,
    /// The byte for type of service or traffic class in its header: the code point of
    /// [RFC 2474](https://www.rfc-editor.org/rfc/rfc2474) in the upper six bits, [`ecn`](Message::ecn) in the lower two.
    pub tos: Option<u8>,
    /// The address that it was sent to: one of this host, or of a multicast group.
    pub destination: Option<IpAddr>,
    /// The index of the interface by which it came.
    pub interface: Option<u32>,
    /// With [GRO](crate::UdpSocket::set_gro), when the kernel has joined several datagrams: the length of each but the
    /// last. [`RecvBatch`](super::RecvBatch) takes them apart.
    pub segment: Option<usize>,
}

/// Explicit congestion notification: the mark of a router that is about to drop packets.
/// [RFC 3168](https://www.rfc-editor.org/rfc/rfc3168#section-5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ecn {
    /// The sender does not take part.
    NotEct,
    /// ECT(1): the sender takes part.
    Ect1,
    /// ECT(0): the sender takes part.
    Ect0,
    /// Congestion was experienced on the way.
    Ce,
}

impl Message {
    /// Returns the congestion mark in [`tos`](Message::tos).
    #[inline]
    pub fn ecn(&self) -> Option<Ecn> {
        self.tos.map(|tos| match tos & 3 {
            0 => Ecn::NotEct,
            1 => Ecn::Ect1,
            2 => Ecn::Ect0,
            _ => Ecn::Ce,
        })
    }
}

impl From<DatagramInfo> for Message {
    #[inline]
    fn from(info: DatagramInfo) -> Message {
        Message {
            len: info.len,
            from: info.from,
            truncated: info.truncated,
            tos: info.tos,
            destination: info.destination.map(|(address, _)| address),
            interface: info.destination.map(|(_, interface)| interface),
            segment: info.segment,
        }
    }
}
