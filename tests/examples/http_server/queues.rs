//! The kernel's queues between a client and a server.

use std::fs;
use std::net::SocketAddr;

const ESTABLISHED: &str = "01";

/// The queues of an IPv4 connection at one end: unacknowledged and unread bytes. `None` when it has ended.
pub fn queues(local: SocketAddr, remote: SocketAddr) -> Option<(usize, usize)> {
    let named = |address: SocketAddr| match address {
        SocketAddr::V4(address) => {
            format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
        }
        SocketAddr::V6(address) => panic!("{address} is not of IPv4"),
    };
    let ends = [named(local), named(remote)];
    let table = fs::read_to_string("/proc/net/tcp").expect("/proc is mounted");
    let fields = table.lines().map(|line| line.split_whitespace().skip(1).take(4).collect::<Vec<_>>());
    let ours = fields.into_iter().find(|fields| fields.len() == 4 && fields[..2] == ends)?;
    if ours[2] != ESTABLISHED {
        return None;
    }
    let (sent, received) = ours[3].split_once(':').expect("two numbers");
    let number = |text| usize::from_str_radix(text, 16).expect("hexadecimal");
    Some((number(sent), number(received)))
}
