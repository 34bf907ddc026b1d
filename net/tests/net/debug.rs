//! The `Debug` output of the sockets other than streams: their addresses and their descriptor.

#![cfg(not(miri))] // which has no sockets of the Unix domain with addresses

use egret_net::{TcpSocket, UdpSocket, UnixDatagram, UnixSeqpacket, UnixSeqpacketListener, UnixSocket};
use egret_runtime::block_on;
use std::fmt::Debug;
use std::os::fd::AsRawFd;

/// Asserts that `socket` prints its type, `addresses` and its descriptor.
#[track_caller]
fn prints(socket: &(impl Debug + AsRawFd), name: &str, addresses: &str) {
    assert_eq!(format!("{socket:?}"), format!("{name} {{ {addresses}, fd: {} }}", socket.as_raw_fd()));
}

#[test]
fn a_socket_prints_the_addresses_that_it_has_and_its_descriptor() {
    block_on(async {
        prints(&TcpSocket::new_v4().unwrap(), "TcpSocket", "addr: 0.0.0.0:0");
        prints(&UnixSocket::new_stream().unwrap(), "UnixSocket", "addr: (unnamed)");

        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (addr, peer) = (udp.local_addr().unwrap(), other.local_addr().unwrap());
        prints(&udp, "UdpSocket", &format!("addr: {addr}"));
        udp.connect(peer).await.unwrap();
        prints(&udp, "UdpSocket", &format!("addr: {addr}, peer: {peer}"));

        prints(&UnixDatagram::unbound().unwrap(), "UnixDatagram", "addr: (unnamed)");
        let (datagram, _other) = UnixDatagram::pair().unwrap();
        prints(&datagram, "UnixDatagram", "addr: (unnamed), peer: (unnamed)");

        let (seqpacket, _other) = UnixSeqpacket::pair().unwrap();
        prints(&seqpacket, "UnixSeqpacket", "addr: (unnamed)");
        let name = format!("\0egret-debug-{}", std::process::id());
        let listener = UnixSeqpacketListener::bind(&name).unwrap();
        let addr = listener.local_addr().unwrap();
        prints(&listener, "UnixSeqpacketListener", &format!("addr: {addr:?}"));
    });
}
