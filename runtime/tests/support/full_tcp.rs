//! Fills the send queue of a TCP connection so that it stays full, for tests that wait for room.
//!
//! A refused write alone does not show that: bytes on their way arrive later, and their acknowledgement makes room.
//! On a busy machine that takes any time. What the kernel has taken is full when each of its bytes is either unread
//! at the peer or not acknowledged there, by `/proc/net/tcp` ([`proc_pid_net(5)`]), and the next write is refused.
//!
//! Even then a probe of the peer's window, 200 ms later, may move a little and make room for a write, but not so much
//! that the kernel reports it: what must not succeed is an operation that waits for an event.
//!
//! [`proc_pid_net(5)`]: https://man7.org/linux/man-pages/man5/proc_pid_net.5.html

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Writes with `write` to the connection from `local` to `remote`, both IPv4, until it takes no more. Returns the
/// number of bytes.
#[track_caller]
pub fn fill(local: SocketAddr, remote: SocketAddr, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> u64 {
    let (start, mut written, mut before) = (Instant::now(), 0, None);
    loop {
        match write(&[b'x'; 65536]) {
            Ok(n) => written += n as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let queues = queues(local, remote);
                if before == Some(queues) && queues.0 + queues.1 == written {
                    return written;
                }
                before = Some(queues);
                assert!(
                    start.elapsed() < Duration::from_secs(60),
                    "bytes stay on their way: {queues:?} of {written}"
                );
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Bytes that the end at `local` has sent and not seen acknowledged, and bytes that the end at `remote` has not read.
fn queues(local: SocketAddr, remote: SocketAddr) -> (u64, u64) {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let hex = |digits: &str| u64::from_str_radix(digits, 16).unwrap();
    let port = |address: &str| hex(address.rsplit(':').next().unwrap()) as u16;
    let column = |from: u16, to: u16, column: usize| {
        let mut lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = lines.find(|fields| port(fields[1]) == from && port(fields[2]) == to);
        hex(line.expect("the connection is there")[4].split(':').nth(column).unwrap())
    };
    (column(local.port(), remote.port(), 0), column(remote.port(), local.port(), 1))
}
