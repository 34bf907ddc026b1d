//! Connecting. The rows are of docs/pitfalls.md: K are facts of the kernel, A is
//! about accepting, connecting and binding, F about descriptors.

use crate::common::*;
use egret::net::{TcpSocket, TcpStream};
use egret::runtime::Runtime;
use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

const ECONNREFUSED: i32 = 111;

/// An address that refuses: bound, so that no other socket gets the port, and not listening.
fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A listener whose queue is full: it answers no SYN until something is accepted.
fn full() -> (std::net::TcpListener, SocketAddr, std::net::TcpStream) {
    let rt = Runtime::new().unwrap();
    let _guard = rt.enter();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap().into_std().unwrap();
    listener.set_nonblocking(false).unwrap();
    let address = listener.local_addr().unwrap();
    let first = std::net::TcpStream::connect(address).unwrap();
    wait_for_backlog(address, 1);
    (listener, address, first)
}

// A6: writable is not connected; SO_ERROR says so, with its errno.
#[test]
fn a_refused_connection_is_an_error_and_leaves_nothing_registered() {
    let rt = Runtime::new().unwrap();
    let (_closed, address) = refusing();
    let error = run(&rt, TcpStream::connect(address)).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::ConnectionRefused, Some(ECONNREFUSED)));
    let metrics = rt.metrics();
    assert_eq!(metrics.sources_alive, 0);
    assert_eq!(metrics.epoll_ctl_errors, 0);
    assert_idle(&rt);
}

#[test]
fn every_address_is_tried_and_the_last_error_reported() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let (_listener, good) = listener().await;
        let (_closed, refused) = refusing();
        let stream = TcpStream::connect(&[refused, refused, good][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);

        // An IPv4 broadcast address: TCP has no way there.
        let unreachable = SocketAddr::from((Ipv4Addr::BROADCAST, 1));
        let error = TcpStream::connect(&[unreachable, refused][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect(&[refused, unreachable][..]).await.unwrap_err();
        assert_ne!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.raw_os_error().is_some());
    });
    assert_eq!(rt.metrics().sources_alive, 0);
}

#[test]
fn no_address_is_an_error_of_use() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let error = TcpStream::connect(&[] as &[SocketAddr]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = TcpStream::connect("localhost").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("host:port"), "{error}");
    });
}

#[test]
fn a_name_is_looked_up() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let (_listener, address) = listener().await;
        // Where the name has an IPv6 address too, that one refuses and the other is tried.
        let stream = TcpStream::connect(("localhost", address.port())).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        TcpStream::connect(format!("localhost:{}", address.port())).await.unwrap();
    });
}

// K10: a socket that is not connected reports OUT|HUP when it is registered, and any edge may be spurious. While
// the handshake is under way the future sleeps; when it is done nothing of it sticks.
#[test]
fn a_connection_is_not_there_before_the_handshake_and_then_it_is() {
    let rt = Runtime::new().unwrap();
    let (listener, address, _first) = full();
    let connecting = rt.spawn(TcpStream::connect(address));
    settle(&rt);
    assert!(!connecting.is_finished());
    let before = rt.metrics();
    assert_idle(&rt);
    assert_eq!(rt.metrics().polls, before.polls);

    // Makes room; the kernel sends the SYN again after a second.
    listener.accept().unwrap();
    let mut stream = run(&rt, connecting).unwrap().unwrap();
    let (mut server, _) = listener.accept().unwrap();

    // No HUP has stuck: a read waits, and the loop with it.
    let reading = rt.spawn(async move {
        let mut buf = [0; 16];
        stream.write_all(b"question").await.unwrap();
        let n = stream.read(&mut buf).await.unwrap();
        buf[..n].to_vec()
    });
    settle(&rt);
    assert!(!reading.is_finished());
    assert_idle(&rt);
    server.read_exact(&mut [0; 8]).unwrap();
    server.write_all(b"answer").unwrap();
    assert_eq!(run(&rt, reading).unwrap(), b"answer");
}

// A connect that is dropped takes its registration and its socket with it.
#[test]
fn a_dropped_connect_gives_the_attempt_up() {
    let rt = Runtime::new().unwrap();
    let (_listener, address, _first) = full();
    let connecting = rt.spawn(TcpStream::connect(address));
    settle(&rt);
    assert_eq!(rt.metrics().sources_alive, 1);
    connecting.abort();
    assert_eq!(rt.metrics().sources_alive, 0);
    assert_eq!(rt.metrics().epoll_ctl_errors, 0);
    settle(&rt);
    assert_idle(&rt);
}

// A6, L22: the server is gone when the client comes to read.
#[test]
fn what_the_server_sent_before_it_closed_is_read_and_then_the_end() {
    let rt = Runtime::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"bye").unwrap());
    run(&rt, async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut buf = [0; 16];
        assert_eq!(stream.read(&mut buf).await.unwrap(), 3);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 0, "and the end stays the end");
    });
    server.join().unwrap();
}

#[test]
fn a_bound_socket_connects_from_its_address() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let (listener, address) = listener().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let local = socket.local_addr().unwrap();
        let stream = socket.connect(address).await.unwrap();
        assert_eq!(stream.local_addr().unwrap(), local);
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, local);
    });
}

#[test]
fn options_set_before_the_connection_hold_after_it() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let (_listener, address) = listener().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_linger(Some(Duration::from_secs(3))).unwrap();
        let stream = socket.connect(address).await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(stream.linger().unwrap(), Some(Duration::from_secs(3)));
        stream.set_linger(None).unwrap();
    });
}

#[test]
fn a_socket_of_the_wrong_family_says_so_with_its_errno() {
    const EAFNOSUPPORT: i32 = 97;
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let socket = TcpSocket::new_v4().unwrap();
        let error = socket.connect("[::1]:1".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(EAFNOSUPPORT));
    });
}

// A12: a foreign socket may be blocking, and would block the loop.
#[test]
fn a_blocking_socket_from_elsewhere_is_made_non_blocking() {
    let made_elsewhere = || {
        let stream = std::net::TcpStream::from(OwnedFd::from(TcpSocket::new_v4().unwrap()));
        stream.set_nonblocking(false).unwrap();
        assert_eq!(flags(&stream), (false, true));
        TcpSocket::from_std_stream(stream)
    };
    let rt = Runtime::new().unwrap();
    run(&rt, async move {
        let listener = made_elsewhere().listen(16).unwrap();
        assert_eq!(flags(&listener), (true, true));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()));
        let stream = made_elsewhere().connect(address).await.unwrap();
        assert_eq!(flags(&stream), (true, true));
    });
}

#[test]
fn other_tasks_run_while_one_connects() {
    let rt = Runtime::new().unwrap();
    let (_listener, address, _first) = full();
    let connecting = rt.spawn(TcpStream::connect(address));
    let (mut ours, mut peer) = run(&rt, with_peer());
    peer.write_all(b"hello").unwrap();
    assert_eq!(run(&rt, async move { ours.read(&mut [0; 16]).await.unwrap() }), 5);
    assert!(!connecting.is_finished());
}

// F13: descriptor numbers are reused all the time; bytes for one connection must not reach another.
#[test]
fn ten_thousand_connections_each_hear_their_own_echo() {
    const TASKS: u32 = 20;
    const EACH: u32 = 500;
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    drop(rt.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            drop(egret::spawn(async move {
                let mut buf = [0; 8];
                while stream.read_exact(&mut buf).await.is_ok() {
                    stream.write_all(&buf).await.unwrap();
                }
            }));
        }
    }));
    let done = Rc::new(Cell::new(0));
    let clients: Vec<_> = (0..TASKS)
        .map(|task| {
            let done = done.clone();
            rt.spawn(async move {
                for round in 0..EACH {
                    let said = [task.to_be_bytes(), round.to_be_bytes()].concat();
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    stream.write_all(&said).await.unwrap();
                    let mut heard = [0; 8];
                    stream.read_exact(&mut heard).await.unwrap();
                    assert_eq!(heard[..], said);
                    // Leaves no port in TIME-WAIT.
                    stream.set_zero_linger().unwrap();
                    done.set(done.get() + 1);
                }
            })
        })
        .collect();
    for client in clients {
        run(&rt, client).unwrap();
    }
    assert_eq!(done.get(), TASKS * EACH);
    // The reset of a client can still be on its way when the loop is idle.
    let start = std::time::Instant::now();
    while rt.metrics().sources_alive > 1 {
        rt.turn(Some(std::time::Duration::from_millis(10)));
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "connections are left");
    }
    let metrics = rt.metrics();
    assert_eq!(metrics.sources_alive, 1, "the listener");
    assert_eq!(metrics.epoll_ctl_errors, 0);
}
