//! Addresses to listen on: which are tried, which are refused, and with which error.

use crate::common::*;
use egret::net::{TcpListener, TcpSocket, TcpStream};
use egret::runtime::Runtime;
use egret::task::yield_now;
use std::cell::Cell;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

#[test]
fn a_listener_from_std_takes_what_waited_already() {
    let rt = Runtime::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = connect(listener.local_addr().unwrap());
    let (_, peer) = run(&rt, async move {
        let listener = TcpListener::from_std(listener).unwrap();
        listener.accept().await.unwrap()
    });
    assert_eq!(peer, client.local_addr().unwrap());
}

#[test]
fn a_listener_taken_back_to_std_is_no_longer_registered() {
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    assert_eq!(rt.metrics().sources_alive, 1);
    let listener = listener.into_std().unwrap();
    assert_eq!(rt.metrics().sources_alive, 0);
    assert_eq!(rt.metrics().epoll_ctl_errors, 0);
    let _client = connect(address);
    wait_for_backlog(address, 1);
    assert_idle(&rt);
    listener.set_nonblocking(false).unwrap();
    listener.accept().unwrap();
}

// Invalid and occupied addresses are distinct errors, and keep their errno.
#[test]
fn errors_of_bind_keep_their_kind_and_errno() {
    const EADDRINUSE: i32 = 98;
    const EADDRNOTAVAIL: i32 = 99;
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let (_listener, taken) = listener().await;
        let error = TcpListener::bind(taken).await.unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::AddrInUse, Some(EADDRINUSE)));

        // An address that is kept for documentation: no host has it.
        let error = TcpListener::bind("192.0.2.1:0").await.unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::AddrNotAvailable, Some(EADDRNOTAVAIL)));

        for no_address in ["127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", ""] {
            assert_eq!(TcpListener::bind(no_address).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        let error = TcpListener::bind(&[] as &[SocketAddr]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("no address"), "{error}");
    });
    assert_eq!(rt.metrics().sources_alive, 0);
}

#[test]
fn bind_tries_every_address_and_reports_the_last_error() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let (_listener, taken) = listener().await;
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
        let bound = TcpListener::bind(&[taken, foreign, free][..]).await.unwrap();
        assert_eq!(bound.local_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);

        let error = TcpListener::bind(&[taken, foreign][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        let error = TcpListener::bind(&[foreign, taken][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn a_name_is_looked_up() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        assert!(listener.local_addr().unwrap().ip().is_loopback());
        TcpListener::bind(("localhost", 0)).await.unwrap();
        // Longer than a name may be (RFC 1035, 2.3.4), so the resolver sends no query.
        assert!(TcpListener::bind(("a".repeat(300), 0)).await.is_err());
    });
}

// Without SO_REUSEADDR the port of a server that closed first is taken for a minute.
#[test]
fn a_server_is_started_again_while_its_connections_are_in_time_wait() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let (listener, address) = listener().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        drop(server); // The one that closes first gets TIME-WAIT.
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        drop(client);
        drop(listener);
        TcpListener::bind(address).await.unwrap();
    });
}

#[test]
fn a_short_backlog_of_a_socket_is_kept_to() {
    let rt = Runtime::new().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = run(&rt, async move { socket.listen(0).unwrap() });
    let address = listener.local_addr().unwrap();
    // Linux lets one more wait than was asked for. The next one's SYN is not answered.
    let _first = connect(address);
    wait_for_backlog(address, 1);
    let second = rt.spawn(TcpStream::connect(address));
    settle(&rt);
    assert!(!second.is_finished());
}

#[test]
fn two_sockets_listen_on_one_address_when_both_ask_for_it() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let (one, two) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
        one.set_reuseport(true).unwrap();
        two.set_reuseport(true).unwrap();
        one.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        two.bind(one.local_addr().unwrap()).unwrap();
        let (one, two) = (one.listen(16).unwrap(), two.listen(16).unwrap());
        let address = one.local_addr().unwrap();
        assert_eq!(address, two.local_addr().unwrap());

        // Each connection comes out of one of them.
        let accepted = Rc::new(Cell::new(0));
        let tasks: Vec<_> = [one, two]
            .into_iter()
            .map(|listener| {
                let accepted = accepted.clone();
                egret::spawn(async move {
                    loop {
                        listener.accept().await.unwrap();
                        accepted.set(accepted.get() + 1);
                    }
                })
            })
            .collect();
        for _ in 0..32 {
            TcpStream::connect(address).await.unwrap();
        }
        while accepted.get() < 32 {
            yield_now().await;
        }
        tasks.iter().for_each(|task| task.abort());
    });
}

#[test]
fn an_ipv6_listener_serves_ipv6() {
    let rt = Runtime::new().unwrap();
    run(&rt, async {
        let listener = match TcpListener::bind("[::1]:0").await {
            Ok(listener) => listener,
            Err(error) => return eprintln!("skipped: no IPv6 here ({error})"),
        };
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        client.write_all(b"six").await.unwrap();
        let mut buf = [0; 3];
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"six");
    });
}

#[test]
fn a_listener_made_outside_of_a_runtime_is_refused_with_the_remedy() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let panic = std::panic::catch_unwind(|| TcpListener::from_std(listener)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("block_on"), "{message}");
}
