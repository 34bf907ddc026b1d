//! Descriptors in words, and the direction of connections.

use super::dump::{SourceView, WaitKind};
use crate::sys::{Described, SocketName, append_number};
use std::os::fd::RawFd;

/// Returns the kind of a wait for a descriptor, and its verb.
pub(super) fn verb(source: &SourceView, writes: bool) -> (WaitKind, &'static str) {
    match (writes, source.kind) {
        (false, "TcpListener" | "UnixListener" | "UnixSeqpacketListener") => {
            (WaitKind::Accept, "accepts on ")
        }
        (false, _) => (WaitKind::Read, "reads "),
        (true, "TcpStream") if source.peer.is_none() => (WaitKind::Write, "connects or writes "),
        (true, _) => (WaitKind::Write, "writes "),
    }
}

pub(super) fn source(fd: RawFd, of: &Described, inbound: &Inbound) -> SourceView {
    let (local, peer) = (of.local.as_ref().map(address), of.peer.as_ref().map(address));
    let mut text = String::with_capacity(64);
    text.push_str(of.kind);
    text.push_str(" #");
    if fd < 0 {
        text.push('-');
    }
    append_number(fd.unsigned_abs(), &mut text);
    let arrow = peer.as_ref().map(|_| if local.is_some() { inbound.arrow(of) } else { "->" });
    let parts = [local.as_deref(), arrow, peer.as_deref(), of.what.as_deref()];
    for part in parts.into_iter().flatten() {
        text.push(' ');
        text.push_str(part);
    }
    SourceView { fd, kind: of.kind, local, peer, text, ..SourceView::default() }
}

fn address(name: &SocketName) -> String {
    let mut text = String::with_capacity(24);
    name.append_to(&mut text);
    text
}

/// Which connections were accepted: those on a port or a path that this runtime listens on, and those on a port that
/// the kernel does not give to clients.
pub(super) struct Inbound {
    ports: Vec<u16>,
    /// The lowest and the highest port that a client is given.
    clients: (u16, u16),
}

impl Inbound {
    pub(super) fn of(sources: &[(RawFd, Described)]) -> Inbound {
        let listener = |(_, of): &(RawFd, Described)| match &of.local {
            Some(SocketName::Ip(local)) if of.kind == "TcpListener" => Some(local.port()),
            _ => None,
        };
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let mut ends = range.split_whitespace().filter_map(|end| end.parse().ok());
        let clients = (ends.next().unwrap_or(32_768), ends.next().unwrap_or(60_999));
        let mut ports: Vec<_> = sources.iter().filter_map(listener).collect();
        ports.sort_unstable();
        Inbound { ports, clients }
    }

    fn arrow(&self, of: &Described) -> &'static str {
        match &of.local {
            Some(SocketName::Ip(local)) if of.kind == "TcpStream" => {
                let port = local.port();
                let is_of_a_client = (self.clients.0..=self.clients.1).contains(&port);
                if self.ports.binary_search(&port).is_ok() || !is_of_a_client { "<-" } else { "->" }
            }
            // A client of the Unix domain has no name of its own.
            Some(SocketName::Unix(_)) => "<-",
            _ => "->",
        }
    }
}
