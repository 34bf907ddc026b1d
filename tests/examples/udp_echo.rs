//! `udp_echo`.

use std::net::UdpSocket;

use crate::server::{PATIENCE, Server, assert_explains_itself};
use crate::uninterrupted::uninterrupted;

fn client(server: &Server) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
    socket.connect(server.address).expect("it has an address");
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let n = uninterrupted(PATIENCE, || socket.recv(&mut buffer)).expect("the answer comes in time");
    buffer.truncate(n);
    buffer
}

#[test]
fn datagrams_come_back_as_they_are_whether_empty_or_as_long_as_can_be() {
    let server = Server::start("udp_echo", &["127.0.0.1:0"]);
    let socket = client(&server);
    for len in [0, 1, 1472, 9000, 65_507] {
        let bytes: Vec<_> = (0..len).map(|n: u32| (n % 251) as u8).collect();
        assert_eq!(socket.send(&bytes).expect("it fits"), bytes.len());
        assert!(receive(&socket) == bytes, "of {len} bytes");
    }
}

// While it stands still, more datagrams come than one call receives; then each client gets its own, in order.
#[test]
fn a_batch_of_many_clients_goes_back_to_each() {
    let server = Server::start("udp_echo", &["127.0.0.1:0"]);
    let sockets: Vec<_> = (0..10).map(|_| client(&server)).collect();
    server.stop();
    for message in 0..15 {
        for (number, socket) in sockets.iter().enumerate() {
            socket.send(format!("{message} of {number}").as_bytes()).expect("there is room");
        }
    }
    server.go_on();
    for (number, socket) in sockets.iter().enumerate() {
        for message in 0..15 {
            assert_eq!(receive(socket), format!("{message} of {number}").as_bytes());
        }
    }
}

#[test]
fn a_client_that_has_gone_harms_nobody_else() {
    let server = Server::start("udp_echo", &["127.0.0.1:0"]);
    let (stays, goes) = (client(&server), client(&server));
    server.stop();
    goes.send(b"nobody will be there").expect("there is room");
    drop(goes);
    stays.send(b"first").expect("there is room");
    server.go_on();
    assert_eq!(receive(&stays), b"first");
    stays.send(b"second").expect("there is room");
    assert_eq!(receive(&stays), b"second");
    assert_explains_itself("udp_echo", &["127.0.0.1:x"]);
}
