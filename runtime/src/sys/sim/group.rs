//! Multicast groups of IPv4, among all hosts. Hosts have no IPv6 addresses, so those of IPv6 are refused.
//!
//! As Linux with `IP_MULTICAST_ALL`, its default: what is sent to a group arrives at each socket of a member host that is
//! bound to the port and to the wildcard or the group, whichever socket has joined.

use super::file::Object;
use super::host::HostId;
use super::kernel::{FileId, Kernel};
use super::ports::Protocol;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

impl Kernel {
    /// `IP_ADD_MEMBERSHIP`.
    pub(super) fn join(&mut self, file: FileId, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), i32> {
        self.check_membership(file, group, interface)?;
        match self.datagrams(file)?.groups.insert(group) {
            true => Ok(()),
            false => Err(libc::EADDRINUSE),
        }
    }

    /// `IP_DROP_MEMBERSHIP`.
    pub(super) fn leave(&mut self, file: FileId, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), i32> {
        self.check_membership(file, group, interface)?;
        match self.datagrams(file)?.groups.remove(&group) {
            true => Ok(()),
            false => Err(libc::EADDRNOTAVAIL),
        }
    }

    fn check_membership(&mut self, file: FileId, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        self.datagrams(file)?;
        match self.host_at(host, interface.into()) {
            _ if !group.is_multicast() => Err(libc::EINVAL),
            Some(at) if at == host => Ok(()),
            _ => Err(libc::ENODEV),
        }
    }

    /// Sends to each host: to this one by `IP_MULTICAST_LOOP`, to others if `IP_MULTICAST_TTL` is not 0.
    pub(super) fn send_to_group(&mut self, file: FileId, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let Some(host) = self.file(file).map(|file| file.host) else { return };
        let mut is_off = |name| self.has_set(file, (libc::IPPROTO_IP, name), &[0]);
        let [no_loop, no_hop] = [libc::IP_MULTICAST_LOOP, libc::IP_MULTICAST_TTL].map(&mut is_off);
        for target in 0..self.hosts.len() as HostId {
            if if target == host { no_loop } else { no_hop } {
                continue;
            }
            self.carry(host, target, bytes, move |kernel, bytes| {
                kernel.group_arrives(target, from, to, &bytes);
            });
        }
    }

    fn group_arrives(&mut self, host: HostId, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let IpAddr::V4(group) = to.ip() else { return };
        let is_member = self.files.iter().flatten().any(|file| {
            file.host == host
                && matches!(&file.object, Object::Datagrams(datagrams) if datagrams.groups.contains(&group))
        });
        if !is_member {
            return;
        }
        for file in self.ports.all(host, Protocol::Udp, to) {
            let wants =
                |datagrams: &mut super::datagram::SimUdp| datagrams.peer.is_none_or(|peer| peer == from);
            if self.datagrams(file).is_ok_and(wants) {
                self.queue_datagram(file, from, bytes.to_vec());
            }
        }
    }
}
