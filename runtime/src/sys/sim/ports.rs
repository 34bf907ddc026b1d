//! Which socket is bound to which address.

use super::dice::Dice;
use super::file::Object;
use super::host::HostId;
use super::kernel::{FileId, Kernel};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The port number spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// A bound socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) ip: IpAddr,
    pub(super) file: FileId,
    /// `IPV6_V6ONLY`: the wildcard is not that of IPv4 as well.
    pub(super) only_v6: bool,
}

/// The bound sockets, by address.
#[derive(Default)]
pub(super) struct Ports {
    bound: BTreeMap<(HostId, Protocol, u16), Vec<Bound>>,
    /// Unix sockets, by path or abstract name (which begins with a zero byte).
    names: BTreeMap<(HostId, Vec<u8>), FileId>,
    next: BTreeMap<(HostId, Protocol), u16>,
}

/// The first ephemeral port, as in `ip_local_port_range`.
const FIRST_EPHEMERAL: u16 = 32_768;
const EPHEMERAL: u16 = 28_232;

impl Bound {
    /// Returns whether this is the wildcard of `ip`, or of its family and another.
    fn covers(&self, ip: IpAddr) -> bool {
        self.ip.is_unspecified()
            && match (self.ip, ip) {
                (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => true,
                (IpAddr::V6(_), IpAddr::V4(_)) => !self.only_v6,
                (IpAddr::V4(_), IpAddr::V6(_)) => false,
            }
    }

    /// Returns whether a packet may be for both: `inet_rcv_saddr_equal`.
    fn meets(&self, other: &Bound) -> bool {
        self.ip == other.ip || self.covers(other.ip) || other.covers(self.ip)
    }

    /// Returns how well a packet to `ip` fits: its own address before a wildcard, and that before the one of both
    /// families.
    fn fits(&self, ip: IpAddr) -> Option<u8> {
        match self.covers(ip) {
            _ if self.ip == ip => Some(2),
            true => Some((self.ip.is_ipv4() == ip.is_ipv4()).into()),
            false => None,
        }
    }
}

impl Ports {
    /// Binds a socket to `wanted`; port 0 picks one that no socket has. `shares` says whether a socket that has the address
    /// does not mind.
    pub(super) fn bind(
        &mut self,
        host: HostId,
        protocol: Protocol,
        wanted: SocketAddr,
        (file, only_v6): (FileId, bool),
        mut shares: impl FnMut(FileId) -> bool,
    ) -> Result<SocketAddr, i32> {
        let mut address = wanted;
        if wanted.port() == 0 {
            let next = self.next.entry((host, protocol)).or_default();
            let free = (0..EPHEMERAL).find_map(|step| {
                let port = FIRST_EPHEMERAL + (*next + step) % EPHEMERAL;
                (!self.bound.contains_key(&(host, protocol, port))).then_some((step, port))
            });
            let (step, port) = free.ok_or(libc::EADDRINUSE)?;
            *next = (*next + step + 1) % EPHEMERAL;
            address.set_port(port);
        }
        let there = self.bound.entry((host, protocol, address.port())).or_default();
        let bound = Bound { ip: address.ip(), file, only_v6 };
        if there.iter().any(|other| bound.meets(other) && !shares(other.file)) {
            return Err(libc::EADDRINUSE);
        }
        there.push(bound);
        Ok(address)
    }

    /// Returns the other sockets that have the address of a bound one.
    pub(super) fn rivals(
        &self,
        host: HostId,
        protocol: Protocol,
        port: u16,
        file: FileId,
    ) -> impl Iterator<Item = FileId> + '_ {
        let there = self.bound.get(&(host, protocol, port)).map_or(&[][..], Vec::as_slice);
        let own = there.iter().find(|bound| bound.file == file);
        let others = there.iter().filter(move |other| other.file != file);
        others.filter(move |other| own.is_some_and(|own| own.meets(other))).map(|other| other.file)
    }

    /// Returns the sockets that may receive what is sent to `address` on `host`, of those that fit best, in the order
    /// in which they were bound. `rank` is how much a socket wants it, if it does.
    pub(super) fn find(
        &self,
        host: HostId,
        protocol: Protocol,
        address: SocketAddr,
        rank: impl Fn(FileId) -> Option<u8>,
    ) -> Vec<FileId> {
        let Some(there) = self.bound.get(&(host, protocol, address.port())) else { return Vec::new() };
        let fits = |bound: &Bound| Some((rank(bound.file)?, bound.fits(address.ip())?));
        let Some(best) = there.iter().filter_map(fits).max() else { return Vec::new() };
        there.iter().filter(|bound| fits(bound) == Some(best)).map(|bound| bound.file).collect()
    }

    /// Returns all sockets that may receive what is sent to `address`: that of a multicast group.
    pub(super) fn all(&self, host: HostId, protocol: Protocol, address: SocketAddr) -> Vec<FileId> {
        let there = self.bound.get(&(host, protocol, address.port())).map_or(&[][..], Vec::as_slice);
        there.iter().filter(|bound| bound.fits(address.ip()).is_some()).map(|bound| bound.file).collect()
    }

    pub(super) fn release(&mut self, file: FileId) {
        self.bound.retain(|_, there| {
            there.retain(|bound| bound.file != file);
            !there.is_empty()
        });
        self.names.retain(|_, other| *other != file);
    }

    pub(super) fn bind_name(&mut self, host: HostId, name: Vec<u8>, file: FileId) -> Result<(), i32> {
        if self.names.contains_key(&(host, name.clone())) {
            return Err(libc::EADDRINUSE);
        }
        self.names.insert((host, name), file);
        Ok(())
    }

    pub(super) fn find_name(&self, host: HostId, name: &[u8]) -> Option<FileId> {
        self.names.get(&(host, name.to_vec())).copied()
    }
}

impl Kernel {
    /// Binds a socket of `host`, as `inet_csk_get_port` and `udp_lib_get_port` of Linux allow it.
    pub(super) fn bind_port(
        &mut self,
        host: HostId,
        protocol: Protocol,
        wanted: SocketAddr,
        file: FileId,
    ) -> Result<SocketAddr, i32> {
        let only_v6 = self.has_set(file, (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY), &[1]);
        let mut ports = std::mem::take(&mut self.ports);
        let bound = ports.bind(host, protocol, wanted, (file, only_v6), |other| self.share(file, other));
        self.ports = ports;
        bound
    }

    /// Returns whether two sockets may have one address: both say so by `SO_REUSEPORT`, or by `SO_REUSEADDR` unless
    /// the other listens: [socket(7)](https://man7.org/linux/man-pages/man7/socket.7.html).
    fn share(&mut self, file: FileId, other: FileId) -> bool {
        let mut both = |name| {
            let option = (libc::SOL_SOCKET, name);
            self.has_set(file, option, &[1]) && self.has_set(other, option, &[1])
        };
        both(libc::SO_REUSEPORT) || both(libc::SO_REUSEADDR) && !self.is_listener(other)
    }

    pub(super) fn is_listener(&self, file: FileId) -> bool {
        self.file(file).is_some_and(|file| matches!(file.object, Object::Listener(_)))
    }

    /// Checks whether a socket that is bound may listen: no other that listens has its address, except by
    /// `SO_REUSEPORT`.
    pub(super) fn may_listen(&mut self, file: FileId, host: HostId, local: SocketAddr) -> Result<(), i32> {
        let rivals: Vec<_> = self.ports.rivals(host, Protocol::Tcp, local.port(), file).collect();
        match rivals.into_iter().all(|other| self.share(file, other)) {
            true => Ok(()),
            false => Err(libc::EADDRINUSE),
        }
    }

    /// Returns the socket that receives what `from` sends to `to` on `host`. Those with `SO_REUSEPORT` share by the
    /// addresses of sender and receiver, as the seed says; of others the last that was bound has it.
    pub(super) fn receiver(
        &mut self,
        host: HostId,
        protocol: Protocol,
        to: SocketAddr,
        from: SocketAddr,
    ) -> Option<FileId> {
        let rank = |file| match &self.file(file)?.object {
            Object::Listener(_) => Some(0),
            Object::Datagrams(datagrams) => match datagrams.peer {
                Some(peer) => (peer == from).then_some(1),
                None => Some(0),
            },
            _ => None,
        };
        let found = self.ports.find(host, protocol, to, rank);
        let last = *found.last()?;
        if found.len() == 1 || !self.has_set(last, (libc::SOL_SOCKET, libc::SO_REUSEPORT), &[1]) {
            return Some(last);
        }
        Some(found[Dice::new(self.seed(), &format!("{from} {to}")).below(found.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Binds a socket that shares with none.
    fn alone(ports: &mut Ports, host: HostId, wanted: SocketAddr, file: FileId) -> Result<SocketAddr, i32> {
        ports.bind(host, Protocol::Tcp, wanted, (file, false), |_| false)
    }

    fn found(ports: &Ports, host: HostId, text: &str) -> Vec<FileId> {
        ports.find(host, Protocol::Tcp, address(text), |_| Some(0))
    }

    #[test]
    fn who_asks_for_any_port_gets_the_next_that_is_free() {
        let mut ports = Ports::default();
        let any = address("10.0.0.1:0");
        let mut bind = |file| alone(&mut ports, 0, any, file).unwrap().port();
        assert_eq!([bind(0), bind(1)], [FIRST_EPHEMERAL, FIRST_EPHEMERAL + 1]);
        ports.release(0);
        let next = alone(&mut ports, 0, any, 2).unwrap().port();
        assert_eq!(next, FIRST_EPHEMERAL + 2, "a port that was used is not used again at once");
    }

    #[test]
    fn there_are_so_many_ports_and_no_more() {
        let mut ports = Ports::default();
        let any = address("10.0.0.1:0");
        for file in 0..u32::from(EPHEMERAL) {
            alone(&mut ports, 0, any, file).unwrap();
        }
        assert_eq!(alone(&mut ports, 0, any, 40_000), Err(libc::EADDRINUSE));
        ports.release(17);
        assert_eq!(alone(&mut ports, 0, any, 40_000).unwrap().port(), FIRST_EPHEMERAL + 17);
    }

    #[test]
    fn an_address_is_taken_on_its_host_for_its_protocol_by_itself_or_by_all() {
        let mut ports = Ports::default();
        let mut bind = |host, protocol, text, file| {
            ports.bind(host, protocol, address(text), (file, false), |_| false).map(|_| ())
        };
        assert_eq!(bind(0, Protocol::Tcp, "10.0.0.1:80", 0), Ok(()));
        assert_eq!(bind(0, Protocol::Tcp, "10.0.0.1:80", 1), Err(libc::EADDRINUSE));
        assert_eq!(bind(0, Protocol::Tcp, "0.0.0.0:80", 1), Err(libc::EADDRINUSE));
        assert_eq!(bind(0, Protocol::Tcp, "127.0.0.1:80", 1), Ok(()));
        assert_eq!(bind(0, Protocol::Udp, "10.0.0.1:80", 2), Ok(()));
        assert_eq!(bind(1, Protocol::Tcp, "0.0.0.0:80", 3), Ok(()));
        assert_eq!(found(&ports, 0, "127.0.0.1:80"), [1]);
        assert_eq!(found(&ports, 1, "10.0.0.2:80"), [3], "by all of its addresses");
        assert!(found(&ports, 0, "10.0.0.9:80").is_empty());
        ports.release(0);
        assert!(found(&ports, 0, "10.0.0.1:80").is_empty());
    }

    #[test]
    fn what_arrives_is_for_its_own_address_then_for_its_family_then_for_both() {
        let mut ports = Ports::default();
        for (file, text) in ["[::]:80", "0.0.0.0:80", "10.0.0.1:80", "[::1]:80"].into_iter().enumerate() {
            ports.bind(0, Protocol::Tcp, address(text), (file as FileId, false), |_| true).unwrap();
        }
        ports.bind(0, Protocol::Tcp, address("[::]:81"), (4, true), |_| false).unwrap();
        for (to, file) in [("10.0.0.1:80", 2), ("127.0.0.1:80", 1), ("[::1]:80", 3), ("[::1]:81", 4)] {
            assert_eq!(found(&ports, 0, to), [file], "{to}");
        }
        ports.release(1);
        assert_eq!(found(&ports, 0, "127.0.0.1:80"), [0]);
        assert!(found(&ports, 0, "127.0.0.1:81").is_empty(), "IPV6_V6ONLY");
        ports.bind(0, Protocol::Tcp, address("[::1]:80"), (5, false), |_| true).unwrap();
        assert_eq!(found(&ports, 0, "[::1]:80"), [3, 5]);
        let wants = |file| (file != 5).then_some(u8::from(file == 0));
        assert_eq!(ports.find(0, Protocol::Tcp, address("[::1]:80"), wants), [0], "one that wants it more");
    }

    #[test]
    fn a_name_is_one_sockets_on_one_host_until_it_is_released() {
        let mut ports = Ports::default();
        assert_eq!(ports.bind_name(0, b"/a".to_vec(), 0), Ok(()));
        assert_eq!(ports.bind_name(0, b"/a".to_vec(), 1), Err(libc::EADDRINUSE));
        assert_eq!(ports.bind_name(1, b"/a".to_vec(), 1), Ok(()));
        assert_eq!((ports.find_name(0, b"/a"), ports.find_name(0, b"\0/a")), (Some(0), None));
        ports.release(0);
        assert_eq!((ports.find_name(0, b"/a"), ports.find_name(1, b"/a")), (None, Some(1)));
    }
}
