//! Connecting Unix sockets, and their addresses. Codes (K11, A9 and so on) are rows of docs/pitfalls.md.

#![cfg(not(miri))] // which has no sockets of the Unix domain with addresses

use crate::sockets_common::{Directory, finish, name, run, settle};
use egret_net::unix::SocketAddr;
use egret_net::{UnixDatagram, UnixListener, UnixSeqpacket, UnixSeqpacketListener, UnixSocket, UnixStream};
use egret_runtime::runtime::Runtime;
use egret_runtime::time::{Duration, sleep};
use std::io::ErrorKind;

async fn assert_connected(one: &mut UnixStream, other: &mut UnixStream) {
    one.write_all(b"ping").await.unwrap();
    let mut buf = [0; 16];
    assert_eq!(other.read(&mut buf).await.unwrap(), 4);
    other.write_all(b"pong").await.unwrap();
    assert_eq!(one.read(&mut buf).await.unwrap(), 4);
}

// The kernel lets one more wait than the backlog says, so of a backlog of 0 there is one.
fn listener_with_room_for_one(name: &str) -> UnixListener {
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(name).unwrap();
    socket.listen(0).unwrap()
}

#[test]
fn k11_a_full_backlog_is_waited_for_and_never_taken_for_a_connection() {
    let rt = Runtime::new().unwrap();
    let name = name();
    let listener = rt.block_on(async { listener_with_room_for_one(&name) });
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let name = name.clone();
            rt.spawn(async move { UnixStream::connect(&name).await.unwrap() })
        })
        .collect();
    settle(&rt);
    let connected = || clients.iter().filter(|client| client.is_finished()).count();
    assert_eq!(connected(), 1);
    // Through a few attempts more, and what is registered is the listener and the one client.
    finish(&rt, rt.spawn(sleep(Duration::from_millis(20))));
    assert_eq!(connected(), 1);
    assert_eq!(rt.metrics().sources_alive, 2);

    let serving = rt.spawn(async move {
        let mut servers = Vec::new();
        while servers.len() < 3 {
            servers.push(listener.accept().await.unwrap().0);
        }
        servers
    });
    let servers = finish(&rt, serving);
    let clients: Vec<_> = clients.into_iter().map(|client| finish(&rt, client)).collect();
    let checking = rt.spawn(async move {
        for (mut client, mut server) in clients.into_iter().zip(servers) {
            client.write_all(b"x").await.unwrap();
            server.write_all(b"y").await.unwrap();
            assert_eq!(client.read(&mut [0; 4]).await.unwrap(), 1);
            assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 1);
        }
    });
    finish(&rt, checking);
}

#[test]
fn k11_a_connect_that_waits_is_refused_when_the_listener_goes() {
    let rt = Runtime::new().unwrap();
    let name = name();
    let listener = rt.block_on(async { listener_with_room_for_one(&name) });
    let first = rt.block_on(UnixStream::connect(&name)).unwrap();
    let theirs = name.clone();
    let waiting = rt.spawn(async move { UnixStream::connect(&theirs).await.unwrap_err() });
    settle(&rt);
    assert!(!waiting.is_finished());
    drop(listener);
    assert_eq!(finish(&rt, waiting).kind(), ErrorKind::ConnectionRefused);
    // The client in the backlog counts as connected, and is reset.
    let mut first = first;
    let reading = rt.spawn(async move { first.read(&mut [0; 4]).await });
    assert_eq!(finish(&rt, reading).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn k11_a_connect_that_is_given_up_leaves_nothing() {
    let rt = Runtime::new().unwrap();
    let name = name();
    let listener = rt.block_on(async { listener_with_room_for_one(&name) });
    let first = rt.block_on(UnixStream::connect(&name)).unwrap();
    let waiting = rt.spawn(async move { UnixStream::connect(&name).await });
    settle(&rt);
    waiting.abort();
    settle(&rt);
    assert_eq!((rt.metrics().sources_alive, rt.metrics().timers_alive), (2, 0));
    drop((listener, first));
}

#[test]
fn k11_messages_wait_for_the_backlog_too() {
    run(async {
        let name = name();
        let listener = UnixSeqpacketListener::bind(&name).unwrap();
        let client = UnixSeqpacket::connect(&name).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.send(b"ping").await.unwrap();
        assert_eq!(server.recv(&mut [0; 16]).await.unwrap(), 4);
    });
}

#[test]
fn a6_nobody_there_is_an_error_that_says_which() {
    run(async {
        let directory = Directory::new();
        let path = directory.0.join("socket");
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);

        drop(UnixListener::bind(&path).unwrap());
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);

        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"no socket").unwrap();
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

        let path = directory.0.join("datagrams");
        let _datagrams = UnixDatagram::bind(&path).unwrap();
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPROTOTYPE));
        // Abstract names are of a type each.
        let name = name();
        let _datagrams = UnixDatagram::bind(&name).unwrap();
        let error = UnixStream::connect(&name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let stream = UnixSocket::new_stream().unwrap().datagram().unwrap_err();
        assert_eq!(stream.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn an_address_that_cannot_be_is_refused_before_the_kernel_is_asked() {
    run(async {
        let long = "x".repeat(109);
        for path in ["", "a\0b", &long, &format!("\0{}", "y".repeat(108))] {
            let errors = [
                UnixListener::bind(path).unwrap_err(),
                UnixStream::connect(path).await.unwrap_err(),
                UnixDatagram::bind(path).unwrap_err(),
                UnixSeqpacket::connect(path).await.unwrap_err(),
                UnixDatagram::unbound().unwrap().send_to(b"x", path).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::InvalidInput, None), "{path:?}");
            }
        }
    });
}

/// Listens on and connects to `address`, and looks at what each end calls the other.
async fn assert_there_and_back(address: SocketAddr) {
    let listener = UnixListener::bind_addr(&address).unwrap();
    assert_eq!(listener.local_addr().unwrap(), address);
    let mut client = UnixStream::connect_addr(&address).await.unwrap();
    let (mut server, peer) = listener.accept().await.unwrap();
    assert_eq!(client.peer_addr().unwrap(), address);
    assert_eq!(server.local_addr().unwrap(), address);
    assert!(peer.is_unnamed() && client.local_addr().unwrap().is_unnamed());
    assert_connected(&mut client, &mut server).await;
}

#[test]
fn a9_the_kernel_gives_back_every_abstract_name_byte_for_byte() {
    run(async {
        // The pid keeps it from other runs, and the pattern has zeros everywhere, at the end too.
        let id = std::process::id().to_be_bytes();
        for len in 4..=107 {
            let pattern = (0..len - 4).map(|at| if (at + len) % 3 == 0 { 0 } else { at as u8 });
            let abstract_name: Vec<_> = id.into_iter().chain(pattern).collect();
            assert_there_and_back(SocketAddr::from_abstract_name(abstract_name).unwrap()).await;
        }
        // Names that other programs could have as well: refused only when they do.
        for short in [&b""[..], b"\0", b"a\0b"] {
            let address = SocketAddr::from_abstract_name(short).unwrap();
            match UnixDatagram::bind_addr(&address) {
                Ok(socket) => assert_eq!(socket.local_addr().unwrap(), address),
                Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
            }
        }
    });
}

#[test]
fn a9_the_kernel_gives_back_the_longest_paths_byte_for_byte() {
    run(async {
        let directory = Directory::new();
        for len in [100, 106, 107, 108] {
            let path = directory.path_of_len(len);
            assert_eq!(path.as_os_str().len(), len);
            let address = SocketAddr::from_pathname(&path).unwrap();
            assert_eq!(address.as_pathname(), Some(&*path));
            assert_there_and_back(address).await;
            assert!(path.exists());
        }
    });
}

#[test]
fn a9_a_sender_is_known_by_what_it_is_bound_to() {
    run(async {
        let directory = Directory::new();
        let receiver = UnixDatagram::bind(directory.path_of_len(108)).unwrap();
        let to = receiver.local_addr().unwrap();
        let mut buf = [0; 16];

        let unbound = UnixDatagram::unbound().unwrap();
        unbound.send_to_addr(b"x", &to).await.unwrap();
        assert!(receiver.recv_from(&mut buf).await.unwrap().1.is_unnamed());

        let unique = UnixDatagram::bind_unique().unwrap();
        unique.send_to_addr(b"x", &to).await.unwrap();
        let from = receiver.recv_from(&mut buf).await.unwrap().1;
        assert_eq!(from, unique.local_addr().unwrap());
        assert_eq!(from.as_abstract_name().unwrap().len(), 5);

        let path = UnixDatagram::bind(directory.path_of_len(107)).unwrap();
        path.send_to_addr(b"x", &to).await.unwrap();
        assert_eq!(receiver.recv_from(&mut buf).await.unwrap().1, path.local_addr().unwrap());

        let named = UnixSocket::new_stream().unwrap();
        let theirs = name();
        named.bind(&theirs).unwrap();
        let ours = name();
        let listener = UnixListener::bind(&ours).unwrap();
        let client = named.connect(&ours).await.unwrap();
        let (_server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(peer.as_abstract_name(), Some(&theirs.as_bytes()[1..]));
    });
}

#[test]
fn the_ends_of_a_pair_have_no_names_and_know_each_other() {
    run(async {
        let (one, other) = UnixStream::pair().unwrap();
        for end in [&one, &other] {
            assert!(end.local_addr().unwrap().is_unnamed() && end.peer_addr().unwrap().is_unnamed());
            assert_eq!(end.peer_cred().unwrap().pid(), Some(std::process::id() as i32));
            assert!(end.take_error().unwrap().is_none());
        }
    });
}
