//! Shared by the TCP tests: a run that fails instead of hanging, pairs of streams, and the kernel's state.

#![allow(dead_code, reason = "each test binary uses a part of it")]

#[cfg(feature = "test-util")]
#[path = "../../runtime/tests/support/descriptors_at_exit.rs"]
mod descriptors_at_exit;

#[path = "../../runtime/tests/support/full_tcp.rs"]
mod full_tcp;

#[path = "../../runtime/tests/support/next_turn.rs"]
mod next_turn;

use egret::net::{TcpListener, TcpStream};
use egret::runtime::{Runtime, Turn};
use std::future::Future;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

pub use next_turn::{HANG, next_turn};

/// A client that is not under test.
pub fn connect(address: SocketAddr) -> std::net::TcpStream {
    std::net::TcpStream::connect(address).unwrap()
}

/// Runs `future` as a task. Panics when it is not done and the loop is idle: a wake-up was lost.
#[track_caller]
pub fn run<T: 'static>(rt: &Runtime, future: impl Future<Output = T> + 'static) -> T {
    let task = rt.spawn(future);
    while !task.is_finished() {
        next_turn(rt);
    }
    rt.block_on(task).unwrap()
}

/// Turns the loop until it has nothing to do, without waiting.
#[track_caller]
pub fn settle(rt: &Runtime) {
    for _ in 0..1000 {
        if rt.turn(Some(Duration::ZERO)) == Turn::default() {
            return;
        }
    }
    panic!("the loop has had something to do for a thousand turns: it spins");
}

/// Asserts that the loop is idle, and stays so.
#[track_caller]
pub fn assert_idle(rt: &Runtime) {
    for _ in 0..100 {
        assert_eq!(rt.turn(Some(Duration::ZERO)), Turn::default());
    }
}

pub async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A connected pair: the one that connected, and the one that was accepted.
pub async fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listener().await;
    let client = TcpStream::connect(address).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// One of ours, and a blocking peer whose calls take effect at once; its reads fail instead of hanging.
pub async fn with_peer() -> (TcpStream, std::net::TcpStream) {
    let (listener, address) = listener().await;
    let peer = std::net::TcpStream::connect(address).unwrap();
    if !cfg!(miri) {
        peer.set_read_timeout(Some(HANG)).unwrap();
    }
    let (ours, _) = listener.accept().await.unwrap();
    (ours, peer)
}

/// Writes until the kernel takes no more, now and later, and returns how much that was.
#[track_caller]
pub fn fill(stream: &TcpStream) -> u64 {
    let (local, remote) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    full_tcp::fill(local, remote, |bytes| stream.try_write(bytes))
}

/// The states of `/proc/net/tcp`, as `include/net/tcp_states.h` of the kernel numbers them.
pub const CLOSE: u8 = 7;
pub const CLOSE_WAIT: u8 = 8;
pub const LISTEN: u8 = 10;

/// Waits until the socket with these ports is in `state`: what the peer sent has been taken in by then.
#[track_caller]
pub fn wait_for_state(local: SocketAddr, remote: SocketAddr, state: u8) {
    wait_until(|| {
        let fields = socket_line(local.port(), remote.port());
        fields.map_or(state == CLOSE, |fields| hex(&fields[3]) == u64::from(state))
    });
}

/// Waits until `count` connections are in the queue of the listener at this address.
#[track_caller]
pub fn wait_for_backlog(address: SocketAddr, count: u64) {
    wait_until(|| {
        // The column of unread bytes has, for a listener, the connections that wait.
        socket_line(address.port(), 0).is_some_and(|fields| {
            let waiting = fields[4].rsplit(':').next().unwrap();
            hex(&fields[3]) == u64::from(LISTEN) && hex(waiting) == count
        })
    });
}

#[track_caller]
fn wait_until(condition: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANG, "the kernel has not got there in {HANG:?}");
        std::thread::yield_now();
    }
}

/// The fields of the line of `/proc/net/tcp` for a pair of ports.
fn socket_line(local: u16, remote: u16) -> Option<Vec<String>> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |field: &str| hex(field.rsplit(':').next().unwrap()) as u16;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        (port(&fields[1]) == local && port(&fields[2]) == remote).then_some(fields)
    })
}

fn hex(digits: &str) -> u64 {
    u64::from_str_radix(digits, 16).unwrap()
}

/// How many descriptors the process has open. The count is of the whole process: callers run alone in it.
pub fn open_descriptors() -> usize {
    // One is that of the directory itself.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// `O_NONBLOCK` and `O_CLOEXEC` of a descriptor, as the kernel has them.
pub fn flags(fd: &impl AsRawFd) -> (bool, bool) {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
    (flags & 0o4000 != 0, flags & 0o2000000 != 0)
}
