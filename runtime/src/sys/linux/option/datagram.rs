//! Options of datagram sockets: broadcast, multicast, offloads, and credentials in the Unix domain.

use super::{Fd, known};
use libc::c_int;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Every method: see the errors of `getsockopt` at the head of `option.rs`.
impl Fd {
    /// Returns whether the socket may send to broadcast addresses, `SO_BROADCAST`.
    #[inline]
    pub fn broadcast(&self) -> io::Result<bool> {
        self.get_flag(known::SO_BROADCAST)
    }

    /// Sets `SO_BROADCAST`.
    #[inline]
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::SO_BROADCAST, on)
    }

    /// Returns whether multicasts are looped back to this host, `IP_MULTICAST_LOOP`.
    #[inline]
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.get_flag(known::IP_MULTICAST_LOOP)
    }

    /// Sets `IP_MULTICAST_LOOP`.
    #[inline]
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::IP_MULTICAST_LOOP, on)
    }

    /// Returns whether multicasts are looped back to this host, `IPV6_MULTICAST_LOOP`.
    #[inline]
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.get_flag(known::IPV6_MULTICAST_LOOP)
    }

    /// Sets `IPV6_MULTICAST_LOOP`.
    #[inline]
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::IPV6_MULTICAST_LOOP, on)
    }

    /// Returns the time to live of multicasts in hops, `IP_MULTICAST_TTL`.
    #[inline]
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.get_number(known::IP_MULTICAST_TTL)
    }

    /// Sets `IP_MULTICAST_TTL`. `EINVAL` above 255.
    #[inline]
    pub fn set_multicast_ttl_v4(&self, hops: u32) -> io::Result<()> {
        self.set_number(known::IP_MULTICAST_TTL, hops)
    }

    /// Returns the hop limit of multicasts, `IPV6_MULTICAST_HOPS`.
    #[inline]
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        self.get_number(known::IPV6_MULTICAST_HOPS)
    }

    /// Sets `IPV6_MULTICAST_HOPS`. `EINVAL` above 255.
    #[inline]
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        self.set_number(known::IPV6_MULTICAST_HOPS, hops)
    }

    /// Sets the outgoing interface of multicasts by its address, `IP_MULTICAST_IF`; unspecified: the kernel chooses.
    /// `EADDRNOTAVAIL` when no interface has it.
    #[inline]
    pub fn set_multicast_if_v4(&self, interface: Ipv4Addr) -> io::Result<()> {
        self.set(known::IP_MULTICAST_IF, [in_addr(interface)])
    }

    /// Sets the outgoing interface of multicasts by its index, `IPV6_MULTICAST_IF`; 0: the kernel chooses. `ENODEV`
    /// when there is none.
    #[inline]
    pub fn set_multicast_if_v6(&self, interface: u32) -> io::Result<()> {
        self.set(known::IPV6_MULTICAST_IF, [interface as c_int])
    }

    /// Joins a multicast group on the interface with this address, `IP_ADD_MEMBERSHIP`.
    ///
    /// `EINVAL` when `group` is no multicast address, `ENODEV` when no interface is found, `EADDRINUSE` for a
    /// member, `ENOBUFS` beyond `net.ipv4.igmp_max_memberships`.
    #[inline]
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.set(known::IP_ADD_MEMBERSHIP, [in_addr(group), in_addr(interface)])
    }

    /// Ends a membership, `IP_DROP_MEMBERSHIP`. `EADDRNOTAVAIL` when there is none.
    #[inline]
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.set(known::IP_DROP_MEMBERSHIP, [in_addr(group), in_addr(interface)])
    }

    /// Joins a multicast group on the interface with this index, `IPV6_ADD_MEMBERSHIP`; errors as
    /// [`join_multicast_v4`](Fd::join_multicast_v4).
    #[inline]
    pub fn join_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.set(known::IPV6_ADD_MEMBERSHIP, ipv6_mreq(group, interface))
    }

    /// Ends a membership, `IPV6_DROP_MEMBERSHIP`. `EADDRNOTAVAIL` when there is none.
    #[inline]
    pub fn leave_multicast_v6(&self, group: Ipv6Addr, interface: u32) -> io::Result<()> {
        self.set(known::IPV6_DROP_MEMBERSHIP, ipv6_mreq(group, interface))
    }

    /// Returns whether the kernel may coalesce datagrams of one sender, `UDP_GRO`.
    #[inline]
    pub fn udp_gro(&self) -> io::Result<bool> {
        self.get_flag(known::UDP_GRO)
    }

    /// Sets `UDP_GRO`. `ENOPROTOOPT` before Linux 5.0.
    #[inline]
    pub fn set_udp_gro(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::UDP_GRO, on)
    }

    /// Returns whether messages carry the credentials of the sender, `SO_PASSCRED`.
    #[inline]
    pub fn passcred(&self) -> io::Result<bool> {
        self.get_flag(known::SO_PASSCRED)
    }

    /// Sets `SO_PASSCRED`. `EOPNOTSUPP` or `ENOPROTOOPT` for a socket of another family.
    #[inline]
    pub fn set_passcred(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::SO_PASSCRED, on)
    }
}

// Multicast requests are set as integers: each address is in network order, byte for byte.
const _: () = assert!(size_of::<libc::ip_mreq>() == size_of::<[c_int; 2]>());
const _: () = assert!(size_of::<libc::ipv6_mreq>() == size_of::<[c_int; 5]>());
const _: () = assert!(std::mem::offset_of!(libc::ip_mreq, imr_interface) == 4);
const _: () = assert!(std::mem::offset_of!(libc::ipv6_mreq, ipv6mr_interface) == 16);

#[inline]
fn in_addr(address: Ipv4Addr) -> c_int {
    c_int::from_ne_bytes(address.octets())
}

#[inline]
fn ipv6_mreq(group: Ipv6Addr, interface: u32) -> [c_int; 5] {
    let octets = group.octets();
    let part = |at: usize| c_int::from_ne_bytes(std::array::from_fn(|i| octets[4 * at + i]));
    [part(0), part(1), part(2), part(3), interface as c_int]
}
