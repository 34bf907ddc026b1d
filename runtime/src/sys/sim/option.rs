//! Socket options, kept by level and name for every kind of socket.
//!
//! * An option that a kind does not have, or a value out of range, fails with Linux's errno.
//! * These have an effect: `SO_SNDBUF`, `SO_RCVBUF`, `SO_LINGER` with zero and `TCP_NOTSENT_LOWAT`, and those of the bind
//!   (`ports.rs`): `SO_REUSEADDR`, `SO_REUSEPORT` and `IPV6_V6ONLY`. Others are only kept, and inherited by accepted
//!   connections.

use super::descriptor::SimDescriptor;
use super::file::Object;
use super::kernel::{FileId, Kernel};
use super::trace::Outcome;
use super::unix::UnixKind;
use libc::c_int;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;

/// The values that were set, as integers, by level and name.
pub(super) type OptionValues = BTreeMap<(c_int, c_int), Vec<c_int>>;

/// The interfaces of each host.
const INTERFACES: [&[u8]; 2] = [b"lo", b"eth0"];

const DEVICE: (c_int, c_int) = (libc::SOL_SOCKET, libc::SO_BINDTODEVICE);

/// The kind of a socket, for the options that it has.
struct Socket {
    domain: c_int,
    kind: c_int,
    listens: bool,
    is_bound: bool,
    buffers: [usize; 2],
}

impl SimDescriptor {
    /// `getsockopt(2)`.
    pub(crate) fn option<const N: usize>(&self, level: c_int, name: c_int) -> io::Result<[c_int; N]> {
        let value = self.world.ask(|kernel| kernel.option(self.file, level, name));
        let value = value.map_err(io::Error::from_raw_os_error)?;
        Ok(std::array::from_fn(|at| value.get(at).copied().unwrap_or(0)))
    }

    /// `setsockopt(2)`.
    pub(crate) fn set_option(
        &self,
        text: &'static str,
        level: c_int,
        name: c_int,
        value: &[c_int],
    ) -> io::Result<()> {
        let call = |kernel: &mut Kernel| kernel.set_option(self.file, level, name, value);
        self.world.call(text, Some(self.file), call, |()| Outcome::Done)
    }

    /// `IP_ADD_MEMBERSHIP`, or `IP_DROP_MEMBERSHIP` without `joins`.
    pub(crate) fn member(&self, joins: bool, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        let call = |kernel: &mut Kernel| match joins {
            true => kernel.join(self.file, group, interface),
            false => kernel.leave(self.file, group, interface),
        };
        let name = if joins { "IP_ADD_MEMBERSHIP" } else { "IP_DROP_MEMBERSHIP" };
        self.world.call(name, Some(self.file), call, |()| Outcome::Text(group.to_string().into()))
    }

    /// `SO_BINDTODEVICE`. Kept: a bound socket still reaches every host.
    pub(crate) fn bind_device(&self, name: &[u8]) -> io::Result<()> {
        let call = |kernel: &mut Kernel| {
            let settings = kernel.settings(self.file)?;
            match name {
                [] => settings.remove(&DEVICE),
                _ if !INTERFACES.contains(&name) => return Err(libc::ENODEV),
                _ => settings.insert(DEVICE, name.iter().copied().map(c_int::from).collect()),
            };
            Ok(())
        };
        self.world.call("SO_BINDTODEVICE", Some(self.file), call, |()| Outcome::Done)
    }

    pub(crate) fn device(&self) -> io::Result<Option<Vec<u8>>> {
        let settings = |kernel: &mut Kernel| Ok(kernel.settings(self.file)?.get(&DEVICE).cloned());
        let name = self.world.ask(settings).map_err(io::Error::from_raw_os_error)?;
        Ok(name.map(|name| name.into_iter().map(|byte| byte as u8).collect()))
    }
}

impl Kernel {
    fn settings(&mut self, file: FileId) -> Result<&mut OptionValues, i32> {
        match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Tcp(tcp)) => Ok(&mut tcp.settings),
            Some(Object::Listener(listener)) => Ok(&mut listener.settings),
            Some(Object::Datagrams(datagrams)) => Ok(&mut datagrams.settings),
            Some(Object::Unix(unix)) => Ok(&mut unix.settings),
            _ => Err(libc::ENOTSOCK),
        }
    }

    fn socket(&self, file: FileId) -> Result<Socket, i32> {
        let inet = |v6| if v6 { libc::AF_INET6 } else { libc::AF_INET };
        let plan = [self.plan.send_buffer, self.plan.receive_buffer];
        let (domain, kind, listens, is_bound, buffers) = match self.file(file).map(|file| &file.object) {
            Some(Object::Tcp(tcp)) => {
                (inet(tcp.v6), libc::SOCK_STREAM, false, tcp.local.is_some(), tcp.buffers())
            }
            Some(Object::Listener(listener)) => {
                (inet(listener.local.is_ipv6()), libc::SOCK_STREAM, true, true, plan)
            }
            Some(Object::Datagrams(udp)) => {
                (inet(udp.v6), libc::SOCK_DGRAM, false, udp.local.is_some(), [plan[0], udp.receive_buffer])
            }
            Some(Object::Unix(unix)) => {
                let kind = match unix.kind {
                    UnixKind::Stream => libc::SOCK_STREAM,
                    UnixKind::Datagram => libc::SOCK_DGRAM,
                    UnixKind::Sequence => libc::SOCK_SEQPACKET,
                };
                (libc::AF_UNIX, kind, unix.listens(), false, plan)
            }
            _ => return Err(libc::ENOTSOCK),
        };
        Ok(Socket { domain, kind, listens, is_bound, buffers })
    }

    fn option(&mut self, file: FileId, level: c_int, name: c_int) -> Result<Vec<c_int>, i32> {
        let socket = self.socket(file)?;
        // `ip_getsockopt` has an errno of its own for the level of another protocol.
        let is_v4 = socket.domain == libc::AF_INET;
        socket.has(level, name).map_err(|errno| if is_v4 { libc::EOPNOTSUPP } else { errno })?;
        if let Some(set) = self.settings(file)?.get(&(level, name)) {
            return Ok(set.clone());
        }
        let [send, receive] = socket.buffers;
        let value = match (level, name) {
            (libc::SOL_SOCKET, libc::SO_DOMAIN) => socket.domain,
            (libc::SOL_SOCKET, libc::SO_TYPE) => socket.kind,
            (libc::SOL_SOCKET, libc::SO_ACCEPTCONN) => socket.listens.into(),
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => integer(send),
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => integer(receive),
            (libc::SOL_SOCKET, libc::SO_INCOMING_CPU) => -1,
            (libc::SOL_SOCKET, libc::SO_RCVLOWAT) => 1,
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE) => 7200,
            (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL) => 75,
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => 9,
            (libc::IPPROTO_TCP, libc::TCP_QUICKACK) => 1,
            (libc::IPPROTO_IP, libc::IP_TTL) => 64,
            (libc::IPPROTO_IP, libc::IP_MULTICAST_TTL | libc::IP_MULTICAST_LOOP) => 1,
            (libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS | libc::IPV6_MULTICAST_LOOP) => 1,
            _ => 0,
        };
        Ok(vec![value])
    }

    pub(super) fn set_option(
        &mut self,
        file: FileId,
        level: c_int,
        name: c_int,
        value: &[c_int],
    ) -> Result<(), i32> {
        let socket = self.socket(file)?;
        socket.has(level, name)?;
        let [first, rest @ ..] = value else { return Err(libc::EINVAL) };
        let mut kept = vec![socket.check(level, name, *first)?];
        kept.extend(rest);
        self.keep(file, (level, name), kept)
    }

    /// Stores a value and applies it.
    fn keep(&mut self, file: FileId, option: (c_int, c_int), value: Vec<c_int>) -> Result<(), i32> {
        let size = usize::try_from(value[0]).unwrap_or(0);
        self.settings(file)?.insert(option, value);
        match (option, self.files[file as usize].as_mut().map(|file| &mut file.object)) {
            ((libc::SOL_SOCKET, libc::SO_SNDBUF), Some(Object::Tcp(tcp))) => tcp.send_buffer = size,
            ((libc::SOL_SOCKET, libc::SO_RCVBUF), Some(Object::Tcp(tcp))) => tcp.receive_buffer = size,
            ((libc::SOL_SOCKET, libc::SO_RCVBUF), Some(Object::Datagrams(udp))) => udp.receive_buffer = size,
            ((libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT), Some(Object::Tcp(tcp))) => {
                tcp.notsent_lowat = if size == 0 { usize::MAX } else { size };
            }
            _ => {}
        }
        Ok(())
    }

    /// An accepted connection has the options of its listener.
    pub(super) fn inherit_options(&mut self, listener: FileId, accepted: FileId) {
        for (option, value) in self.settings(listener).map(|settings| settings.clone()).unwrap_or_default() {
            let _ = self.keep(accepted, option, value);
        }
    }

    /// Returns whether a close discards what is unsent: `SO_LINGER` with zero time.
    pub(super) fn resets_on_close(&mut self, file: FileId) -> bool {
        self.has_set(file, (libc::SOL_SOCKET, libc::SO_LINGER), &[1, 0])
    }

    /// Returns whether the option has been set to this value.
    pub(super) fn has_set(&mut self, file: FileId, option: (c_int, c_int), value: &[c_int]) -> bool {
        self.settings(file).is_ok_and(|settings| settings.get(&option).is_some_and(|set| set == value))
    }
}

impl Socket {
    /// Fails when this kind has no such option.
    fn has(&self, level: c_int, name: c_int) -> Result<(), i32> {
        let is_unix = self.domain == libc::AF_UNIX;
        let is_stream = self.kind == libc::SOCK_STREAM;
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_PASSCRED) if !is_unix => Err(libc::EOPNOTSUPP),
            (libc::SOL_SOCKET, _) => Ok(()),
            _ if is_unix => Err(libc::EOPNOTSUPP),
            (libc::IPPROTO_TCP, _) if is_stream => Ok(()),
            (libc::SOL_UDP, _) if !is_stream => Ok(()),
            (libc::IPPROTO_IP, _) => Ok(()),
            (libc::IPPROTO_IPV6, _) if self.domain == libc::AF_INET6 => Ok(()),
            _ => Err(libc::ENOPROTOOPT),
        }
    }

    /// Returns the value as Linux keeps it, or its errno for one out of range.
    fn check(&self, level: c_int, name: c_int, value: c_int) -> Result<c_int, i32> {
        let range = match (level, name) {
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => return Ok(value.saturating_mul(2).max(4608)),
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => return Ok(value.saturating_mul(2).max(2304)),
            (libc::SOL_SOCKET, libc::SO_RCVLOWAT) => return Ok(value.max(1)),
            (
                libc::SOL_SOCKET,
                libc::SO_BROADCAST
                | libc::SO_KEEPALIVE
                | libc::SO_REUSEADDR
                | libc::SO_REUSEPORT
                | libc::SO_PASSCRED,
            ) => return Ok((value != 0).into()),
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE | libc::TCP_KEEPINTVL) => 1..=32_767,
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => 1..=127,
            (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT) => return Ok(in_retransmissions(value)),
            (libc::IPPROTO_TCP, libc::TCP_FASTOPEN | libc::TCP_USER_TIMEOUT) => 0..=c_int::MAX,
            (libc::IPPROTO_IP, libc::IP_TTL) => 1..=255,
            (libc::IPPROTO_IP, libc::IP_MULTICAST_TTL) => 0..=255,
            (libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS | libc::IPV6_TCLASS) => 0..=255,
            (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) if self.is_bound => return Err(libc::EINVAL),
            _ => return Ok(value),
        };
        if range.contains(&value) { Ok(value) } else { Err(libc::EINVAL) }
    }
}

/// Seconds as the kernel keeps them for `TCP_DEFER_ACCEPT`: the sum of the fewest retransmission timeouts that is as
/// long. The first is a second, and each is twice as long as the one before, up to 120 s.
fn in_retransmissions(seconds: c_int) -> c_int {
    let (mut sum, mut timeout, mut count) = (0, 1, 0);
    while sum < seconds && count < 255 {
        sum += timeout;
        timeout = (timeout * 2).min(120);
        count += 1;
    }
    sum
}

fn integer(size: usize) -> c_int {
    c_int::try_from(size).unwrap_or(c_int::MAX)
}
