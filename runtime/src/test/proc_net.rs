//! What the kernel knows of a TCP connection, from `/proc/net/tcp` ([`proc_pid_net(5)`]).
//!
//! A test asks here whether what it sent has arrived. An acknowledgement would say so as well, but is delayed by 40 ms on
//! a connection that is not new (measured on Linux 6.18, over the loopback device).
//!
//! [`proc_pid_net(5)`]: https://man7.org/linux/man-pages/man5/proc_pid_net.5.html

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;

/// One end of a connection. What is gone has no line and no `TcpEnd`.
pub(super) struct TcpEnd {
    /// As `include/net/tcp_states.h` of the kernel numbers them.
    pub(super) state: u8,
    /// Bytes that the other end has not acknowledged; a FIN counts as one.
    pub(super) unacknowledged: u64,
    /// Bytes that have come and were not received, with an urgent one.
    pub(super) unread: u64,
}

pub(super) const ESTABLISHED: u8 = 1;
pub(super) const FIN_WAIT1: u8 = 4;
pub(super) const FIN_WAIT2: u8 = 5;

/// Both ends of a connection: that which is bound to `here` and connected to `there`, and that on the other side.
///
/// The table has a line for every connection of the machine, those that ended a minute ago among them: it is read once,
/// and no further than to the second of the two.
pub(super) fn ends(here: SocketAddr, there: SocketAddr) -> (Option<TcpEnd>, Option<TcpEnd>) {
    let path = if here.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let table = BufReader::with_capacity(1 << 16, File::open(path).expect("/proc is mounted"));
    let (mut ours, mut theirs) = (None, None);
    for line in table.lines().skip(1).map_while(Result::ok) {
        let Some((local, remote, end)) = parse(&line) else { continue };
        // Ports are enough: each is in use, and together they are of one connection.
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

/// After the number of the line: local, remote, state, tx_queue:rx_queue, all in hexadecimal.
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
