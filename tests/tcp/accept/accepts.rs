//! Connections in the backlog: how many an edge stands for, which task gets them, and that none is lost.

use crate::common::*;
use egret::net::{TcpListener, TcpStream};
use egret::runtime::Runtime;
use egret::task::yield_now;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

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

// All waiters of a listener are woken; one gets the connection, the others register again.
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

// An accept that is dropped while it waits takes neither a connection nor a wake-up.
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
