//! The peers of Unix streams, pipes and UDP sockets.

use super::failure;
use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::runtime::Runtime;
use egret_runtime::test::{Mask, PipePeer, Ready, UdpPeer, UnixPeer, settle, within};
use egret_runtime::time::Duration;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn a_step_of_a_unix_peer_has_arrived_when_it_returns() {
    let rt = Runtime::new().unwrap();
    let (mut peer, stream) = UnixPeer::pair().unwrap();
    stream.set_nonblocking(true).unwrap();
    let stream = within(&rt, || AsyncFd::new(stream)).unwrap();
    let fd = stream.as_raw_fd();
    settle(&rt);
    assert_eq!(
        stream.try_io(Interest::READABLE, |mut s| s.read(&mut [0])).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );

    peer.send(b"abc").fin();
    let turn = rt.turn(NOW);
    let mask = Mask::IN | Mask::OUT | Mask::RDHUP;
    assert_eq!(turn.ready(), [Ready { fd, mask, read: true, write: false }]);
    let mut buffer = [0; 8];
    assert_eq!(stream.get_ref().read(&mut buffer).unwrap(), 3);
    stream.get_ref().write_all(b"defg").unwrap();
    peer.expect(b"de").expect(b"fg").expect_nothing();
    drop(stream);
    peer.expect_eof();
}

#[test]
fn what_a_unix_peer_expects_and_does_not_get_is_shown() {
    let (mut peer, mut stream) = UnixPeer::pair().unwrap();
    stream.write_all(b"abcd").unwrap();
    let message = failure(|| peer.expect(b"abxd"));
    assert_eq!(message, "expect: byte 2 of 4 is another\n expected \"abxd\"\n      got \"abcd\"");
    stream.write_all(b"ef").unwrap();
    assert_eq!(failure(|| peer.expect_nothing()), "expect_nothing: there are bytes");
    assert_eq!(failure(|| peer.expect_eof()), "expect_eof: there are bytes before the end of the stream");
    peer.expect(b"f");
    drop(stream);
    let message = failure(|| peer.expect(b"x"));
    assert_eq!(message, "expect: the stream has ended, after 0 of 1 bytes\n      got \"\"");
    assert!(failure(|| peer.send(b"x")).starts_with("send: Broken pipe"));
}

#[test]
fn a_unix_peer_connects_to_a_listener() {
    let path = std::env::temp_dir().join(format!("egret-kit-{}.sock", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mut peer = UnixPeer::connect(&path).unwrap();
    let _ = std::fs::remove_file(&path);
    let (mut stream, _) = listener.accept().unwrap();
    peer.send(b"hello");
    let mut read = [0; 5];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"hello");
    assert_eq!(UnixPeer::connect(&path).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_pipe_peer_has_the_end_that_the_program_has_not() {
    let rt = Runtime::new().unwrap();
    let (mut peer, end) = PipePeer::of_receiver().unwrap();
    let receiver = within(&rt, || AsyncFd::with_interest(File::from(end), Interest::READABLE)).unwrap();
    let fd = receiver.as_raw_fd();
    assert!(receiver.try_io(Interest::READABLE, |mut end| end.read(&mut [0; 4])).is_err());
    settle(&rt);
    peer.send(b"ab");
    assert_eq!(rt.turn(NOW).ready(), [Ready { fd, mask: Mask::IN, read: true, write: false }]);
    let mut buffer = [0; 8];
    assert_eq!(receiver.get_ref().read(&mut buffer).unwrap(), 2);
    assert!(failure(|| peer.expect(b"x")).starts_with("expect: Bad file descriptor"));

    let (mut peer, end) = PipePeer::of_sender().unwrap();
    let mut sender = File::from(end);
    peer.expect_nothing();
    sender.write_all(b"abc").unwrap();
    assert!(failure(|| peer.expect_nothing()).ends_with("there are bytes")); // of which it took one
    peer.expect(b"bc");
    assert!(failure(|| peer.send(b"x")).starts_with("send: Bad file descriptor"));
}

#[test]
fn a_datagram_is_queued_when_the_step_returns_and_its_length_counts() {
    let rt = Runtime::new().unwrap();
    let (mut peer, socket) = UdpPeer::pair().unwrap();
    socket.set_nonblocking(true).unwrap();
    let socket = within(&rt, || AsyncFd::new(socket)).unwrap();
    settle(&rt);
    assert!(socket.try_io(Interest::READABLE, |socket| socket.recv(&mut [0; 4])).is_err());
    for _ in 0..100 {
        peer.send(b"ab").send(b"").send(b"c");
        assert_eq!(rt.turn(NOW).events, 1);
        let mut buffer = [0; 4];
        let mut lengths = Vec::new();
        while let Ok(n) = socket.try_io(Interest::READABLE, |socket| socket.recv(&mut buffer)) {
            lengths.push(n);
        }
        assert_eq!(lengths, [2, 0, 1]);
    }
    socket.get_ref().send_to(b"abc", peer.local_addr()).unwrap();
    let message = failure(|| peer.expect(b"ab"));
    assert_eq!(message, "expect: 3 bytes instead of 2\n expected \"ab\"\n      got \"abc\"");
    socket.get_ref().send_to(b"d", peer.local_addr()).unwrap();
    let message = failure(|| {
        loop {
            peer.expect_nothing();
        }
    });
    assert_eq!(message, "expect_nothing: there is a datagram: \"d\"");
}

#[test]
fn a_datagram_to_a_socket_that_is_gone_is_an_error_that_says_so() {
    let (mut peer, socket) = UdpPeer::pair().unwrap();
    let there = socket.local_addr().unwrap();
    drop(socket);
    let message = failure(|| peer.send(b"x"));
    let refused = message.starts_with("send: Connection refused");
    assert!(refused || message == format!("send: no socket has the address {there}"), "{message}");
    let elsewhere = UdpPeer::connect("192.0.2.1:9").unwrap_err();
    assert_eq!(elsewhere.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_peer_of_a_socket_for_both_families_sees_its_datagrams_arrive() {
    let Ok(both) = UdpSocket::bind("[::]:0") else { return eprintln!("skipped: no IPv6") };
    let port = both.local_addr().unwrap().port();
    let mut peer = UdpPeer::connect(("127.0.0.1", port)).unwrap();
    peer.send(b"four");
    both.set_nonblocking(true).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(both.recv(&mut buffer).unwrap(), 4);
}
