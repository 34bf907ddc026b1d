//! UDP.

use super::drawing::Packet;
use super::file::Object;
use super::host::HostId;
use super::kernel::{FileId, Kernel};
use super::option::OptionValues;
use super::plan::Fault;
use super::ports::Protocol;
use super::trace::Outcome;
use crate::sys::mask;
use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};

/// A UDP socket.
pub(super) struct SimUdp {
    pub(super) v6: bool,
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
    queue: VecDeque<(SocketAddr, Vec<u8>)>,
    queued: usize,
    pub(super) receive_buffer: usize,
    /// The ICMP error of a connected socket.
    error: i32,
    /// The multicast groups that it has joined.
    pub(super) groups: BTreeSet<Ipv4Addr>,
    pub(super) settings: OptionValues,
}

/// The largest UDP payload over IPv4.
const LARGEST: usize = 65_507;

impl SimUdp {
    /// Returns how many bytes are queued.
    pub(super) fn unread(&self) -> usize {
        self.queued
    }

    pub(super) fn state(&self) -> u32 {
        let readable = if self.queue.is_empty() { 0 } else { mask::IN };
        let failed = if self.error == 0 { 0 } else { mask::ERR };
        readable | failed | mask::OUT
    }
}

/// Returns whether this is a multicast group of IPv4.
fn is_group(address: SocketAddr) -> bool {
    address.is_ipv4() && address.ip().is_multicast()
}

impl Kernel {
    pub(super) fn datagrams(&mut self, file: FileId) -> Result<&mut SimUdp, i32> {
        match self.files.get_mut(file as usize).and_then(Option::as_mut).map(|file| &mut file.object) {
            Some(Object::Datagrams(datagrams)) => Ok(datagrams),
            Some(_) => Err(libc::ENOTSOCK),
            None => Err(libc::EBADF),
        }
    }

    pub(super) fn udp_open(&mut self, v6: bool) -> Result<FileId, i32> {
        self.check_limit()?;
        let datagrams = SimUdp {
            v6,
            local: None,
            peer: None,
            queue: VecDeque::new(),
            queued: 0,
            receive_buffer: self.plan.receive_buffer,
            error: 0,
            groups: BTreeSet::new(),
            settings: OptionValues::new(),
        };
        Ok(self.open(Object::Datagrams(Box::new(datagrams))))
    }

    pub(super) fn udp_bind(&mut self, file: FileId, address: SocketAddr) -> Result<(), i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        let datagrams = self.datagrams(file)?;
        if datagrams.local.is_some() {
            return Err(libc::EINVAL);
        }
        if datagrams.v6 != address.is_ipv6() {
            return Err(libc::EAFNOSUPPORT);
        }
        if self.host_at(host, address.ip()) != Some(host) && !is_group(address) {
            return Err(libc::EADDRNOTAVAIL);
        }
        let address = self.bind_port(host, Protocol::Udp, address, file)?;
        self.datagrams(file)?.local = Some(address);
        Ok(())
    }

    pub(super) fn udp_connect(&mut self, file: FileId, address: SocketAddr) -> Result<(), i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        if !is_group(address) {
            self.host_at(host, address.ip()).ok_or(libc::ENETUNREACH)?;
        }
        self.bind_if_not_bound(file, address)?;
        self.datagrams(file)?.peer = Some(address);
        Ok(())
    }

    fn bind_if_not_bound(&mut self, file: FileId, to: SocketAddr) -> Result<SocketAddr, i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        let own = if to.ip().is_loopback() { to.ip() } else { self.hosts[usize::from(host)].address };
        match self.datagrams(file)?.local {
            Some(local) if local.ip().is_unspecified() || is_group(local) => {
                Ok(SocketAddr::new(own, local.port()))
            }
            Some(local) => Ok(local),
            None => {
                let local = self.bind_port(host, Protocol::Udp, SocketAddr::new(own, 0), file)?;
                self.datagrams(file)?.local = Some(local);
                Ok(local)
            }
        }
    }

    pub(super) fn udp_send(
        &mut self,
        file: FileId,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> Result<usize, i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        let datagrams = self.datagrams(file)?;
        match std::mem::take(&mut datagrams.error) {
            0 => {}
            errno => return Err(errno),
        }
        let to = to.or(datagrams.peer).ok_or(libc::EDESTADDRREQ)?;
        if bytes.len() > LARGEST {
            return Err(libc::EMSGSIZE);
        }
        let from = self.bind_if_not_bound(file, to)?;
        if is_group(to) {
            self.progress += 1;
            self.send_to_group(file, from, to, bytes);
            return Ok(bytes.len());
        }
        let target = self.host_at(host, to.ip()).ok_or(libc::ENETUNREACH)?;
        self.progress += 1;
        self.carry(host, target, bytes, move |kernel, bytes| {
            kernel.datagram_arrives(file, host, target, from, to, bytes);
        });
        Ok(bytes.len())
    }

    /// Carries a datagram to a host: none arrives, or one, or two, each with a latency of its own, so that one may overtake
    /// another.
    pub(super) fn carry(
        &mut self,
        host: HostId,
        target: HostId,
        bytes: &[u8],
        arrive: impl Fn(&mut Kernel, Vec<u8>) + Copy + 'static,
    ) {
        let copies = match () {
            () if self.loses(host, target, Fault::DatagramLoss) => 0,
            () if target != host && self.fault(Fault::DatagramDuplicate) => 2,
            () => 1,
        };
        for _ in 0..copies {
            let takes = self.travel(host, target);
            let (bytes, sent) = (bytes.to_vec(), self.moment());
            self.later(takes, move |kernel| {
                if kernel.reaches(host, target) {
                    kernel.arrived(Packet::Datagram(bytes.len()), host, target, sent);
                    arrive(kernel, bytes);
                }
            });
        }
    }

    fn datagram_arrives(
        &mut self,
        sender: FileId,
        host: u16,
        target: u16,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    ) {
        let Some(file) = self.receiver(target, Protocol::Udp, to, from) else {
            let back = self.travel(target, host);
            return self.later(back, move |kernel| kernel.port_unreachable(sender, to));
        };
        self.queue_datagram(file, from, bytes);
    }

    /// Queues what has arrived for a socket, if it has room.
    pub(super) fn queue_datagram(&mut self, file: FileId, from: SocketAddr, bytes: Vec<u8>) {
        let Ok(datagrams) = self.datagrams(file) else { return };
        if datagrams.queued + bytes.len() > datagrams.receive_buffer {
            return;
        }
        datagrams.queued += bytes.len();
        let len = bytes.len() as u64;
        datagrams.queue.push_back((from, bytes));
        self.note("datagram", Some(file), Outcome::Value(len));
        self.notify(file, mask::IN);
    }

    /// An ICMP error returns: only a connected socket gets it.
    fn port_unreachable(&mut self, sender: FileId, to: SocketAddr) {
        let Ok(datagrams) = self.datagrams(sender) else { return };
        if datagrams.peer == Some(to) {
            datagrams.error = libc::ECONNREFUSED;
            self.notify(sender, mask::ERR);
        }
    }

    pub(super) fn udp_recv(
        &mut self,
        file: FileId,
        len: usize,
        peek: bool,
    ) -> Result<(Vec<u8>, SocketAddr), i32> {
        let datagrams = self.datagrams(file)?;
        match std::mem::take(&mut datagrams.error) {
            0 => {}
            errno => return Err(errno),
        }
        let Some((from, bytes)) = datagrams.queue.front() else {
            self.came_back_short(file, mask::IN);
            return Err(libc::EAGAIN);
        };
        let (from, whole) = (*from, bytes.len());
        let bytes = bytes[..len.min(whole)].to_vec();
        if !peek {
            datagrams.queue.pop_front();
            datagrams.queued -= whole;
            self.progress += 1;
        }
        Ok((bytes, from))
    }

    pub(super) fn udp_names(&mut self, file: FileId) -> Result<(SocketAddr, Option<SocketAddr>), i32> {
        let datagrams = self.datagrams(file)?;
        let any = if datagrams.v6 { SocketAddr::from(([0; 8], 0)) } else { SocketAddr::from(([0; 4], 0)) };
        Ok((datagrams.local.unwrap_or(any), datagrams.peer))
    }

    pub(super) fn udp_error(&mut self, file: FileId) -> Result<i32, i32> {
        Ok(std::mem::take(&mut self.datagrams(file)?.error))
    }

    pub(super) fn datagrams_close(&mut self, file: FileId) {
        self.ports.release(file);
        self.remove(file);
    }
}
