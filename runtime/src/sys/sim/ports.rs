//! Which socket is bound to which address.

use super::host::HostId;
use super::kernel::FileId;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The port number spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// The bound sockets, by address.
#[derive(Default)]
pub(super) struct Ports {
    bound: BTreeMap<(HostId, Protocol, u16), Vec<(IpAddr, FileId)>>,
    /// Unix sockets, by path or abstract name (which begins with a zero byte).
    names: BTreeMap<(HostId, Vec<u8>), FileId>,
    next: BTreeMap<(HostId, Protocol), u16>,
}

/// The first ephemeral port, as in `ip_local_port_range`.
const FIRST_EPHEMERAL: u16 = 32_768;
const EPHEMERAL: u16 = 28_232;

impl Ports {
    /// Binds `file` to `wanted`; port 0 picks a free one.
    pub(super) fn bind(
        &mut self,
        host: HostId,
        protocol: Protocol,
        wanted: SocketAddr,
        file: FileId,
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
        let ip = address.ip();
        if there.iter().any(|(other, _)| *other == ip || other.is_unspecified() || ip.is_unspecified()) {
            return Err(libc::EADDRINUSE);
        }
        there.push((ip, file));
        Ok(address)
    }

    /// The socket that receives what is sent to `address` on `host`.
    pub(super) fn find(&self, host: HostId, protocol: Protocol, address: SocketAddr) -> Option<FileId> {
        let there = self.bound.get(&(host, protocol, address.port()))?;
        there.iter().find(|(ip, _)| *ip == address.ip() || ip.is_unspecified()).map(|(_, file)| *file)
    }

    pub(super) fn release(&mut self, file: FileId) {
        self.bound.retain(|_, there| {
            there.retain(|(_, other)| *other != file);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_asks_for_any_port_gets_the_next_that_is_free() {
        let mut ports = Ports::default();
        let any = address("10.0.0.1:0");
        let mut bind = |file| ports.bind(0, Protocol::Tcp, any, file).unwrap().port();
        assert_eq!([bind(0), bind(1)], [FIRST_EPHEMERAL, FIRST_EPHEMERAL + 1]);
        ports.release(0);
        let next = ports.bind(0, Protocol::Tcp, any, 2).unwrap().port();
        assert_eq!(next, FIRST_EPHEMERAL + 2, "a port that was used is not used again at once");
    }

    #[test]
    fn there_are_so_many_ports_and_no_more() {
        let mut ports = Ports::default();
        let any = address("10.0.0.1:0");
        for file in 0..u32::from(EPHEMERAL) {
            ports.bind(0, Protocol::Tcp, any, file).unwrap();
        }
        assert_eq!(ports.bind(0, Protocol::Tcp, any, 40_000), Err(libc::EADDRINUSE));
        ports.release(17);
        assert_eq!(ports.bind(0, Protocol::Tcp, any, 40_000).unwrap().port(), FIRST_EPHEMERAL + 17);
    }

    #[test]
    fn an_address_is_taken_on_its_host_for_its_protocol_by_itself_or_by_all() {
        let mut ports = Ports::default();
        let mut bind =
            |host, protocol, text, file| ports.bind(host, protocol, address(text), file).map(|_| ());
        assert_eq!(bind(0, Protocol::Tcp, "10.0.0.1:80", 0), Ok(()));
        assert_eq!(bind(0, Protocol::Tcp, "10.0.0.1:80", 1), Err(libc::EADDRINUSE));
        assert_eq!(bind(0, Protocol::Tcp, "0.0.0.0:80", 1), Err(libc::EADDRINUSE));
        assert_eq!(bind(0, Protocol::Tcp, "127.0.0.1:80", 1), Ok(()));
        assert_eq!(bind(0, Protocol::Udp, "10.0.0.1:80", 2), Ok(()));
        assert_eq!(bind(1, Protocol::Tcp, "0.0.0.0:80", 3), Ok(()));
        assert_eq!(ports.find(0, Protocol::Tcp, address("127.0.0.1:80")), Some(1));
        assert_eq!(ports.find(1, Protocol::Tcp, address("10.0.0.2:80")), Some(3), "by all of its addresses");
        assert_eq!(ports.find(0, Protocol::Tcp, address("10.0.0.9:80")), None);
        ports.release(0);
        assert_eq!(ports.find(0, Protocol::Tcp, address("10.0.0.1:80")), None);
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
