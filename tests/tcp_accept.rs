//! Listening and accepting. The rows are of the list of pitfalls that the project keeps: K are facts of the
//! kernel, A is about accepting, connecting and binding.

mod tcp_common;

use egret::net::{TcpListener, TcpSocket, TcpStream};
use egret::runtime::Runtime;
use egret::task::yield_now;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tcp_common::*;

fn connect(address: SocketAddr) -> std::net::TcpStream {
    std::net::TcpStream::connect(address).unwrap()
}

// K6: a hundred connections, one edge.
#[test]
fn a_hundred_connections_of_one_edge_are_all_accepted() {
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    let accepting = rt.spawn(async move {
        let mut accepted = Vec::new();
        while accepted.len() < 100 {
            accepted.push(listener.accept().await.unwrap());
        }
        (accepted, listener)
    });
    settle(&rt); // The task has seen EAGAIN and waits.

    let clients: Vec<_> = (0..100).map(|_| connect(address)).collect();
    wait_for_backlog(address, 100);
    let turn = rt.turn(Some(Duration::ZERO));
    assert_eq!((turn.events, turn.woken, turn.polled), (1, 1, 1));
    assert!(accepting.is_finished(), "all by the one edge");

    let (accepted, _listener) = rt.block_on(accepting).unwrap();
    for (client, (stream, peer)) in clients.iter().zip(&accepted) {
        assert_eq!(*peer, client.local_addr().unwrap());
        assert_eq!(*peer, stream.peer_addr().unwrap());
    }
}

// K6, before the first accept: no event has been seen and readiness is unknown.
#[test]
fn connections_from_before_the_first_accept_are_accepted_without_an_event() {
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    let _clients: Vec<_> = (0..100).map(|_| connect(address)).collect();
    wait_for_backlog(address, 100);
    let accepting = rt.spawn(async move {
        for _ in 0..100 {
            listener.accept().await.unwrap();
        }
    });
    let turn = rt.turn(Some(Duration::ZERO));
    assert_eq!(turn.polled, 1);
    assert!(accepting.is_finished());
}

// Whoever waits on a listener is woken; one gets the connection, the others wait on and are not forgotten.
#[test]
fn several_tasks_accept_on_one_listener_and_none_is_stranded() {
    const TASKS: usize = 4;
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    let listener = Rc::new(listener);
    let accepted = Rc::new(RefCell::new(Vec::new()));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (listener, accepted) = (listener.clone(), accepted.clone());
            rt.spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                accepted.borrow_mut().push(stream);
            })
        })
        .collect();
    settle(&rt);

    for served in 1..=TASKS {
        let _client = connect(address);
        wait_for_backlog(address, 1);
        let turn = rt.turn(Some(Duration::ZERO));
        let waiting = TASKS - served + 1;
        assert_eq!((turn.woken, turn.polled), (waiting, waiting));
        assert_eq!(accepted.borrow().len(), served);
        settle(&rt);
    }
    assert!(tasks.iter().all(|task| task.is_finished()));
}

#[test]
fn many_connections_are_shared_among_the_tasks_each_going_to_one() {
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    let listener = Rc::new(listener);
    let peers = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..4 {
        let (listener, peers) = (listener.clone(), peers.clone());
        drop(rt.spawn(async move {
            loop {
                let (_, peer) = listener.accept().await.unwrap();
                peers.borrow_mut().push(peer);
                yield_now().await;
            }
        }));
    }
    let clients: Vec<_> = (0..100).map(|_| connect(address)).collect();
    wait_for_backlog(address, 100);
    settle(&rt);
    let mut expected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
    expected.sort();
    peers.borrow_mut().sort();
    assert_eq!(*peers.borrow(), expected);
}

// An accept that was dropped while it waited neither takes a connection nor a wake-up.
#[test]
fn a_dropped_accept_loses_no_connection() {
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    let listener = Rc::new(listener);
    let theirs = listener.clone();
    run(&rt, async move {
        let mut accept = pin!(theirs.accept());
        poll_fn(|cx| {
            assert!(accept.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    });
    let client = connect(address);
    let (_, peer) = run(&rt, async move { listener.accept().await.unwrap() });
    assert_eq!(peer, client.local_addr().unwrap());
}

// A4: Linux hands the dead connection out; the next one is not held up by it.
#[test]
fn a_peer_that_is_gone_before_accept_does_not_hold_up_the_next() {
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    let gone = connect(address);
    wait_for_backlog(address, 1);
    {
        let _guard = rt.enter();
        TcpStream::from_std(gone).unwrap().set_zero_linger().unwrap();
    }
    let mut good = connect(address);
    good.write_all(b"good").unwrap();
    let served = run(&rt, async move {
        loop {
            let (mut stream, peer) = listener.accept().await.unwrap();
            let mut buf = [0; 4];
            match stream.read_exact(&mut buf).await {
                Ok(_) => break (buf, peer),
                Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionReset),
            }
        }
    });
    assert_eq!(served, (*b"good", good.local_addr().unwrap()));
}

// A12: a blocking socket would stop the loop; none may come in or out of accept.
#[test]
fn sockets_from_std_and_from_accept_do_not_block_the_thread() {
    let rt = Runtime::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(flags(&listener), (false, true));
    let _guard = rt.enter();
    let listener = TcpListener::from_std(listener).unwrap();
    assert_eq!(flags(&listener), (true, true));

    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(flags(&client), (false, true));
    let mut client = TcpStream::from_std(client).unwrap();
    assert_eq!(flags(&client), (true, true));
    let (mut server, _) = run(&rt, async move { listener.accept().await.unwrap() });
    assert_eq!(flags(&server), (true, true));

    // Nothing to read on either: the reads wait, and the loop goes on.
    let reads = rt.spawn(async move {
        poll_fn(|cx| {
            assert!(client.poll_read(cx, &mut [0; 16]).is_pending());
            assert!(server.poll_read(cx, &mut [0; 16]).is_pending());
            Poll::Ready(())
        })
        .await
    });
    run(&rt, reads).unwrap();
}

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

// Bad addresses and taken ones are told apart, and keep their errno.
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
        // Longer than a name may be (RFC 1035, 2.3.4), so no server is asked.
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
    let message = panic.downcast_ref::<&str>().unwrap();
    assert!(message.contains("block_on"), "{message}");
}

#[test]
fn a_client_of_std_is_served() {
    let rt = Runtime::new().unwrap();
    let (listener, address) = run(&rt, listener());
    let client = std::thread::spawn(move || {
        let mut client = connect(address);
        client.write_all(b"question").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    });
    run(&rt, async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 8]).await.unwrap();
        stream.write_all(b"answer").await.unwrap();
    });
    assert_eq!(client.join().unwrap(), "answer");
}
