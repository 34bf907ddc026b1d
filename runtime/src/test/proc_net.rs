//! The kernel's state of a TCP connection and of a UDP socket, from `/proc/net/tcp` and `/proc/net/udp`
//! ([`proc_pid_net(5)`]).
//!
//! A test reads here whether its bytes have arrived. An acknowledgement would tell as well, but is delayed by 40 ms
//! on a connection that is not new (measured on Linux 6.18, over the loopback device).
//!
//! [`proc_pid_net(5)`]: https://man7.org/linux/man-pages/man5/proc_pid_net.5.html

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;

/// One end of a connection. A closed socket has no line and no `TcpEnd`.
pub(super) struct TcpEnd {
    /// As `include/net/tcp_states.h` of the kernel numbers them.
    pub(super) state: u8,
    /// Bytes that the other end has not acknowledged; a FIN counts as one.
    pub(super) unacknowledged: u64,
    /// Bytes that have arrived and were not received, including an urgent one.
    pub(super) unread: u64,
}

pub(super) const ESTABLISHED: u8 = 1;
pub(super) const FIN_WAIT1: u8 = 4;
pub(super) const FIN_WAIT2: u8 = 5;

/// Returns both ends of a connection: the one bound to `here` and connected to `there`, and its peer.
///
/// While connections come and go a reading of the table misses others. So an end that is missing counts as gone when two
/// readings in a row agree.
pub(super) fn ends(here: SocketAddr, there: SocketAddr) -> (Option<TcpEnd>, Option<TcpEnd>) {
    agreed(|| read_ends(here, there))
}

fn agreed(mut read: impl FnMut() -> (Option<TcpEnd>, Option<TcpEnd>)) -> (Option<TcpEnd>, Option<TcpEnd>) {
    let mut before = None;
    loop {
        let now = read();
        let there = (now.0.is_some(), now.1.is_some());
        if there == (true, true) || before == Some(there) {
            return now;
        }
        before = Some(there);
    }
}

/// The table has a line for each connection of the machine, including those of the last minute: it is read once, up
/// to the second of the two.
fn read_ends(here: SocketAddr, there: SocketAddr) -> (Option<TcpEnd>, Option<TcpEnd>) {
    let path = if here.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let table = BufReader::with_capacity(1 << 16, File::open(path).expect("/proc is mounted"));
    let (mut ours, mut theirs) = (None, None);
    for line in table.lines().skip(1).map_while(Result::ok) {
        let Some((local, remote, end)) = parse(&line) else { continue };
        // Ports suffice: together they identify one connection.
        if (local, remote) == (here.port(), there.port()) {
            ours = Some(end);
        } else if (local, remote) == (there.port(), here.port()) {
            theirs = Some(end);
        }
        if ours.is_some() && theirs.is_some() {
            break;
        }
    }
    (ours, theirs)
}

/// Returns the memory that the datagrams queued for a UDP socket take, which is more than none for an empty one: of
/// the sockets bound to the port of `there`, and connected to that of `here` or not at all. `None` without such a
/// socket.
///
/// While sockets come and go the table shows some twice and misses others. So it is read until two readings agree, and
/// a socket counts once.
pub(super) fn queued(there: SocketAddr, here: SocketAddr) -> Option<u64> {
    let mut before = read_queued(there, here);
    loop {
        let now = read_queued(there, here);
        if now == before {
            return (!now.is_empty()).then(|| now.values().sum());
        }
        before = now;
    }
}

/// Returns the sockets by their inode.
fn read_queued(there: SocketAddr, here: SocketAddr) -> BTreeMap<u64, u64> {
    let mut found = BTreeMap::new();
    for path in ["/proc/net/udp", "/proc/net/udp6"] {
        let Ok(table) = std::fs::read_to_string(path) else { continue }; // without IPv6 there is one
        for line in table.lines().skip(1) {
            let (Some((local, remote, end)), Some(inode)) =
                (parse(line), line.split_ascii_whitespace().nth(9))
            else {
                continue;
            };
            if local == there.port() && [0, here.port()].contains(&remote) {
                found.insert(inode.parse().unwrap_or(0), end.unread);
            }
        }
    }
    found
}

/// Fields after the line number: local, remote, state, tx_queue:rx_queue, all in hexadecimal.
fn parse(line: &str) -> Option<(u16, u16, TcpEnd)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, remote) = (port(fields.next()?)?, port(fields.next()?)?);
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let (unacknowledged, unread) = fields.next()?.split_once(':')?;
    let (unacknowledged, unread) =
        (u64::from_str_radix(unacknowledged, 16).ok()?, u64::from_str_radix(unread, 16).ok()?);
    Some((local, remote, TcpEnd { state, unacknowledged, unread }))
}

fn port(address: &str) -> Option<u16> {
    u16::from_str_radix(address.rsplit(':').next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_one_reading_misses_is_not_gone() {
        let end = || Some(TcpEnd { state: ESTABLISHED, unacknowledged: 0, unread: 0 });
        let ended = |readings: &[(bool, bool)]| {
            let mut readings = readings.iter();
            let found = agreed(|| {
                let (ours, theirs) = readings.next().expect("a reading too many");
                (end().filter(|_| *ours), end().filter(|_| *theirs))
            });
            ((found.0.is_some(), found.1.is_some()), readings.len())
        };
        let (both, one, none) = ((true, true), (true, false), (false, false));
        assert_eq!(ended(&[both, none]), (both, 1), "one reading, as before");
        assert_eq!(ended(&[one, both]), (both, 0));
        assert_eq!(ended(&[one, one]), (one, 0));
        assert_eq!(ended(&[none, one, none, none]), (none, 0));
    }
}
