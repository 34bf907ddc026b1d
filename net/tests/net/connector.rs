//! Connecting to several addresses at a time: when attempts begin, which wins, and what is left of the others.

#![allow(missing_docs)]
#![cfg(not(miri))] // whose listeners have no full backlog

use egret_net::tcp::Connector;
use egret_net::{TcpListener, TcpStream};
use egret_runtime::runtime::{Builder, Runtime};
use egret_runtime::time::{Duration, Instant};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

const DELAY: Duration = Duration::from_millis(250);

/// An address that does not answer: the backlog of its listener is full, so the kernel drops each SYN.
struct Hole {
    address: SocketAddr,
    _listener: OwnedFd,
    _queued: std::net::TcpStream,
}

impl Hole {
    fn new() -> Hole {
        let socket = egret_net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        // Room for one.
        let listener = socket.listen(0).unwrap().into_std().unwrap();
        let address = listener.local_addr().unwrap();
        let queued = std::net::TcpStream::connect(address).unwrap();
        Hole { address, _listener: listener.into(), _queued: queued }
    }
}

/// An address where nothing listens.
fn refusing() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}

/// A runtime whose clock goes on when there is nothing to do but to wait.
fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

#[test]
fn an_address_that_does_not_answer_delays_the_next_by_a_quarter_of_a_second() {
    let (holes, rt) = ([Hole::new(), Hole::new()], paused());
    rt.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let before = rt.metrics().sources_alive;
        let start = Instant::now();
        let stream = Connector::new().connect(&[holes[0].address, holes[1].address, live][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), live);
        assert_eq!(start.elapsed(), 2 * DELAY);
        // The other attempts are closed.
        assert_eq!(rt.metrics().sources_alive, before + 1);
    });
}

#[test]
fn an_attempt_that_fails_starts_the_next_at_once() {
    let rt = paused();
    rt.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let start = Instant::now();
        let stream = Connector::new().connect(&[refusing(), refusing(), live][..]).await.unwrap();
        assert_eq!((stream.peer_addr().unwrap(), start.elapsed()), (live, Duration::ZERO));
    });
}

// No third attempt is needed, so none is made.
#[test]
fn the_first_that_answers_is_the_only_one_asked() {
    let rt = paused();
    rt.block_on(async {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let second = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        second.set_nonblocking(true).unwrap();
        let addresses = [first.local_addr().unwrap(), second.local_addr().unwrap()];
        let stream: TcpStream = Connector::new().connect(&addresses[..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[0]);
        assert_eq!(second.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn each_address_has_its_limit_and_the_error_names_it() {
    let (holes, rt) = ([Hole::new(), Hole::new()], paused());
    rt.block_on(async {
        let start = Instant::now();
        let connector =
            Connector::new().address_limit(Duration::from_secs(2)).attempt_delay(Duration::from_secs(1));
        let error = connector.connect(&[holes[0].address, holes[1].address][..]).await.unwrap_err();
        // The second began a second after the first.
        assert_eq!((error.kind(), start.elapsed()), (ErrorKind::TimedOut, Duration::from_secs(3)));
        let message = error.to_string();
        assert!(message.contains(&holes[1].address.to_string()) && message.contains("2s"), "{message}");
        assert_eq!(rt.metrics().sources_alive, 0);
    });
}

#[test]
fn the_error_is_that_of_the_attempt_that_failed_last() {
    let (hole, rt) = (Hole::new(), paused());
    rt.block_on(async {
        let refused = Connector::new().connect(&[refusing(), refusing()][..]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let connector = Connector::new().address_limit(Duration::from_secs(1));
        let late = connector.connect(&[hole.address, refusing()][..]).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        let none = Connector::new().connect(&[][..]).await.unwrap_err();
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_connector_that_is_dropped_closes_its_attempts() {
    let (hole, rt) = (Hole::new(), paused());
    rt.block_on(async {
        let (connector, addresses) = (Connector::new(), [hole.address; 3]);
        let connecting = connector.connect(&addresses[..]);
        let late = egret_runtime::time::timeout(2 * DELAY + DELAY / 2, connecting).await;
        assert!(late.is_err());
        assert_eq!(rt.metrics().sources_alive, 0);
    });
}
