//! A datagram of IP with what the kernel knows of its way here: `recvmsg` with control records.

use super::address::RawAddress;
use super::ancillary::first_record;
use super::option::known;
use super::transfer::message;
use super::{Fd, check_len, uninterrupted};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

/// Room for control records: those that [`Fd::set_recv_info`] asks for are the last in the order of the kernel, after
/// the 224 bytes of `SOL_SOCKET` and one of `UDP_GRO` (`batch.rs`), and take 88.
const CONTROL: usize = 384;

/// A received datagram, without its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DatagramInfo {
    /// How many of its bytes are in the buffer.
    pub len: usize,
    /// The sender.
    pub from: SocketAddr,
    /// It was longer than the buffer.
    pub truncated: bool,
    /// The type of service or traffic class of its header.
    pub tos: Option<u8>,
    /// The address that it was sent to, and the index of the interface by which it came.
    pub destination: Option<(IpAddr, u32)>,
    /// The length of each of several datagrams that the kernel has joined, but for the last.
    pub segment: Option<usize>,
}

/// The content of control records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Records {
    tos: Option<u8>,
    destination: Option<(IpAddr, u32)>,
    segment: Option<usize>,
}

impl Fd {
    /// Makes received datagrams carry destination, interface and type of service, for
    /// [`recv_info`](Fd::recv_info): `IP_PKTINFO` and `IP_RECVTOS`, or `IPV6_RECVPKTINFO` and `IPV6_RECVTCLASS`, and
    /// then `IP_RECVTOS` for the datagrams of IPv4 that such a socket takes.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`: none in practice for a UDP socket.
    #[inline]
    pub fn set_recv_info(&self, on: bool) -> io::Result<()> {
        let [domain] = self.get(known::SO_DOMAIN)?;
        if domain == libc::AF_INET6 {
            self.set_flag(known::IPV6_RECVPKTINFO, on)?;
            self.set_flag(known::IPV6_RECVTCLASS, on)?;
        } else {
            self.set_flag(known::IP_PKTINFO, on)?;
        }
        self.set_flag(known::IP_RECVTOS, on)
    }

    /// Receives a datagram with what the kernel knows of it, by [`recvmsg(2)`].
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Fd::recv_from).
    ///
    /// [`recvmsg(2)`]: https://man7.org/linux/man-pages/man2/recvmsg.2.html
    #[inline]
    pub fn recv_info(&self, buf: &mut [u8]) -> io::Result<DatagramInfo> {
        let mut from: RawAddress = RawAddress::room();
        let mut control = [0u8; CONTROL];
        let mut buffer = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
        let mut received = message(&raw mut buffer, 1);
        let len = uninterrupted(|| {
            from = RawAddress::room();
            received.msg_namelen = from.len;
            received.msg_name = from.as_mut_ptrs().0.cast();
            received.msg_control = control.as_mut_ptr().cast();
            received.msg_controllen = control.len() as _;
            // SAFETY: `received` names one buffer, room for an address and room for records, with their lengths; all of
            // them are borrowed mutably or owned here, and live across the call.
            check_len(unsafe { libc::recvmsg(self.as_raw_fd(), &raw mut received, 0) })
        })?;
        from.len = received.msg_namelen;
        #[allow(clippy::unnecessary_cast, reason = "in musl it is an u32")]
        let control_len = received.msg_controllen as usize;
        let records = Records::parse(&control[..control_len.min(CONTROL)]);
        let from = match from.len {
            0 => (Ipv4Addr::UNSPECIFIED, 0).into(),
            _ => from.to_std()?,
        };
        Ok(DatagramInfo {
            len,
            from,
            truncated: received.msg_flags & libc::MSG_TRUNC != 0,
            tos: records.tos,
            destination: records.destination,
            segment: records.segment,
        })
    }
}

impl Records {
    #[inline]
    fn parse(mut control: &[u8]) -> Records {
        let mut records = Records::default();
        while let Some((level, kind, data, rest)) = first_record(control) {
            match (level, kind) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => records.destination = pktinfo_v4(data),
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => records.destination = pktinfo_v6(data),
                // A byte.
                (libc::IPPROTO_IP, libc::IP_TOS) => records.tos = data.first().copied(),
                // An `int`.
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                    records.tos = data.first_chunk().map(|class| i32::from_ne_bytes(*class) as u8);
                }
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    let segment = data.first_chunk().map(|segment| i32::from_ne_bytes(*segment));
                    records.segment = segment.and_then(|n| usize::try_from(n).ok()).filter(|n| *n != 0);
                }
                _ => {}
            }
            control = rest;
        }
        records
    }
}

// The two structures are read as bytes, at these offsets.
const _: () = assert!(std::mem::offset_of!(libc::in_pktinfo, ipi_ifindex) == 0);
const _: () = assert!(std::mem::offset_of!(libc::in_pktinfo, ipi_addr) == 8);
const _: () = assert!(std::mem::offset_of!(libc::in6_pktinfo, ipi6_addr) == 0);
const _: () = assert!(std::mem::offset_of!(libc::in6_pktinfo, ipi6_ifindex) == 16);

/// `struct in_pktinfo`: the interface, a local address, and the destination of the header.
#[inline]
fn pktinfo_v4(data: &[u8]) -> Option<(IpAddr, u32)> {
    let interface = u32::from_ne_bytes(*data.first_chunk()?);
    let address: [u8; 4] = *data.get(8..)?.first_chunk()?;
    Some((Ipv4Addr::from(address).into(), interface))
}

/// `struct in6_pktinfo`: the destination and the interface.
#[inline]
fn pktinfo_v6(data: &[u8]) -> Option<(IpAddr, u32)> {
    let address: [u8; 16] = *data.first_chunk()?;
    let interface = u32::from_ne_bytes(*data.get(16..)?.first_chunk()?);
    Some((Ipv6Addr::from(address).into(), interface))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        let mut record = (16 + data.len()).to_ne_bytes().to_vec();
        record.extend(level.to_ne_bytes());
        record.extend(kind.to_ne_bytes());
        record.extend(data);
        record.resize(record.len().next_multiple_of(8), 0);
        record
    }

    #[test]
    fn each_record_is_read_and_others_are_skipped() {
        let mut control = record(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &7u32.to_ne_bytes());
        control.extend(record(libc::SOL_UDP, libc::UDP_GRO, &1200i32.to_ne_bytes()));
        let v4 = [3, 0, 0, 0, 9, 9, 9, 9, 127, 0, 0, 2];
        control.extend(record(libc::IPPROTO_IP, libc::IP_PKTINFO, &v4));
        control.extend(record(libc::IPPROTO_IP, libc::IP_TOS, &[0x2a]));
        let parsed = Records::parse(&control);
        let expected = Records {
            tos: Some(0x2a),
            destination: Some((Ipv4Addr::new(127, 0, 0, 2).into(), u32::from_ne_bytes([3, 0, 0, 0]))),
            segment: Some(1200),
        };
        assert_eq!(parsed, expected);

        let mut v6 = Ipv6Addr::LOCALHOST.octets().to_vec();
        v6.extend(5u32.to_ne_bytes());
        let mut control = record(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &v6);
        control.extend(record(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &1i32.to_ne_bytes()));
        let parsed = Records::parse(&control);
        assert_eq!((parsed.tos, parsed.destination), (Some(1), Some((Ipv6Addr::LOCALHOST.into(), 5))));
    }

    #[test]
    fn records_that_were_cut_say_nothing() {
        let whole = record(libc::IPPROTO_IP, libc::IP_PKTINFO, &[1; 12]);
        for len in 0..28 {
            assert_eq!(Records::parse(&whole[..len]), Records::default(), "{len}");
        }
        let short = record(libc::IPPROTO_IP, libc::IP_PKTINFO, &[1; 11]);
        assert_eq!(Records::parse(&short), Records::default());
        assert_eq!(Records::parse(&record(libc::IPPROTO_IP, libc::IP_TOS, &[])), Records::default());
    }
}
