//! Broadcast and multicast of a [`UdpSocket`].

use super::UdpSocket;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

/// # Broadcast and multicast
///
/// See [`ip(7)`](https://man7.org/linux/man-pages/man7/ip.7.html) and
/// [`ipv6(7)`](https://man7.org/linux/man-pages/man7/ipv6.7.html). Unless a method says otherwise, its errors are those
/// of [`setsockopt(2)`](https://man7.org/linux/man-pages/man2/setsockopt.2.html): none in practice, but `ENOPROTOOPT` on
/// a socket of the other family.
impl UdpSocket {
    /// Returns whether the socket may send to broadcast addresses, `SO_BROADCAST`.
    #[inline]
    pub fn broadcast(&self) -> io::Result<bool> {
        self.registration.get_ref().broadcast()
    }

    /// Allows or forbids sending to broadcast addresses; forbidden by default.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let socket = egret_net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.set_broadcast(true)?;
    /// assert!(socket.broadcast()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.registration.get_ref().set_broadcast(on)
    }

    /// Joins a multicast group on the interface with this address, or, when it is unspecified, on the one that the
    /// routes select.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when `multiaddr` is no multicast address, `ENODEV` when no
    /// interface is found, [`AddrInUse`](io::ErrorKind::AddrInUse) for a group that was joined already, `ENOBUFS` for
    /// more than `net.ipv4.igmp_max_memberships`.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::UdpSocket;
    /// use std::net::Ipv4Addr;
    ///
    /// let group = Ipv4Addr::new(239, 1, 2, 3);
    /// let receiver = UdpSocket::bind("0.0.0.0:0").await?;
    /// receiver.join_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
    /// let sender = UdpSocket::bind("127.0.0.1:0").await?;
    /// sender.set_multicast_if_v4(Ipv4Addr::LOCALHOST)?;
    /// sender.send_to(b"all", (group, receiver.local_addr()?.port())).await?;
    /// assert_eq!(receiver.recv(&mut [0; 16]).await?, 3);
    /// receiver.leave_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.registration.get_ref().join_multicast_v4(multiaddr, interface)
    }

    /// Leaves a multicast group.
    ///
    /// # Errors
    ///
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when it is not joined.
    #[inline]
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.registration.get_ref().leave_multicast_v4(multiaddr, interface)
    }

    /// Joins a multicast group on the interface with this index, or, when it is 0, on the one that the routes select.
    ///
    /// # Errors
    ///
    /// As [`join_multicast_v4`](UdpSocket::join_multicast_v4).
    #[inline]
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.registration.get_ref().join_multicast_v6(*multiaddr, interface)
    }

    /// Leaves a multicast group.
    ///
    /// # Errors
    ///
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when it is not joined.
    #[inline]
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.registration.get_ref().leave_multicast_v6(*multiaddr, interface)
    }

    /// Returns whether sent IPv4 multicasts are looped back to this host, `IP_MULTICAST_LOOP`; true by default.
    #[inline]
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.registration.get_ref().multicast_loop_v4()
    }

    /// Sets whether sent IPv4 multicasts are looped back to this host.
    #[inline]
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.registration.get_ref().set_multicast_loop_v4(on)
    }

    /// Returns whether sent IPv6 multicasts are looped back to this host, `IPV6_MULTICAST_LOOP`; true by default.
    #[inline]
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.registration.get_ref().multicast_loop_v6()
    }

    /// Sets whether sent IPv6 multicasts are looped back to this host.
    #[inline]
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.registration.get_ref().set_multicast_loop_v6(on)
    }

    /// Returns the time to live of IPv4 multicasts, in hops, `IP_MULTICAST_TTL`; 1 by default.
    #[inline]
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.registration.get_ref().multicast_ttl_v4()
    }

    /// Sets the time to live of IPv4 multicasts, in hops.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) above 255.
    #[inline]
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.registration.get_ref().set_multicast_ttl_v4(ttl)
    }

    /// Returns the hop limit of IPv6 multicasts, `IPV6_MULTICAST_HOPS`; 1 by default.
    #[inline]
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        self.registration.get_ref().multicast_hops_v6()
    }

    /// Sets the hop limit of IPv6 multicasts.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) above 255.
    #[inline]
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        self.registration.get_ref().set_multicast_hops_v6(hops)
    }

    /// Sets the outgoing interface of IPv4 multicasts by its address, `IP_MULTICAST_IF`; unspecified: the routes
    /// select it.
    ///
    /// # Errors
    ///
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when no interface has it.
    #[inline]
    pub fn set_multicast_if_v4(&self, interface: Ipv4Addr) -> io::Result<()> {
        self.registration.get_ref().set_multicast_if_v4(interface)
    }

    /// Sets the outgoing interface of IPv6 multicasts by its index, `IPV6_MULTICAST_IF`; 0: the routes select it.
    ///
    /// # Errors
    ///
    /// `ENODEV` when there is none.
    #[inline]
    pub fn set_multicast_if_v6(&self, interface: u32) -> io::Result<()> {
        self.registration.get_ref().set_multicast_if_v6(interface)
    }
}
