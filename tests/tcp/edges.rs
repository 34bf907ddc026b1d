//! Readiness of TCP streams, edge by edge. The rows are of docs/pitfalls.md: K are
//! facts of the kernel, L are lost wake-ups, B is about half-closed streams.

use crate::common::*;
use egret::io::Interest;
use egret::net::TcpStream;
use egret::runtime::Runtime;
use egret::task::yield_now;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Reads to the end of the stream.
async fn read_to_end(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

// K4, L19: after the short read of "hi" no edge follows, so the end must be found without one.
#[test]
fn data_and_fin_in_one_edge_are_both_read() {
    let rt = Runtime::new().unwrap();
    let (ours, mut peer) = run(&rt, with_peer());
    let (local, remote) = (ours.local_addr().unwrap(), ours.peer_addr().unwrap());
    let reading = rt.spawn(read_to_end(ours));
    settle(&rt); // The reader has seen EAGAIN and waits.
    let before = rt.metrics();

    peer.write_all(b"hi").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    wait_for_state(local, remote, CLOSE_WAIT);

    let turn = rt.turn(Some(Duration::ZERO));
    assert_eq!((turn.events, turn.woken, turn.polled), (1, 1, 1));
    assert!(reading.is_finished());
    assert_eq!(rt.block_on(reading).unwrap(), b"hi");
    assert_eq!(rt.metrics().epoll_ctls, before.epoll_ctls + 1, "one DEL");
}

// K4, as the first operation of the stream: readiness is unknown, no event has been seen.
#[test]
fn data_and_fin_before_the_first_poll_are_both_read() {
    let rt = Runtime::new().unwrap();
    let (ours, mut peer) = run(&rt, with_peer());
    peer.write_all(b"hi").unwrap();
    drop(peer);
    assert_eq!(run(&rt, read_to_end(ours)), b"hi");
}

// L4: `WouldBlock` of a read does not change the writing side.
#[test]
fn a_read_that_would_block_leaves_the_stream_writable() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    let write = run(&rt, async move {
        let both = poll_fn(|cx| {
            assert!(ours.poll_read(cx, &mut [0; 16]).is_pending());
            Poll::Ready(ours.poll_write(cx, b"hello"))
        });
        (both.await, ours)
    });
    assert!(matches!(write.0, Poll::Ready(Ok(5))));
    let mut got = [0; 5];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"hello");
}

// L4, the other way round: a write that would block leaves the stream readable.
#[test]
fn a_write_that_would_block_leaves_the_stream_readable() {
    let rt = Runtime::new().unwrap();
    let (ours, mut peer) = run(&rt, with_peer());
    fill(&ours);
    peer.write_all(b"hello").unwrap();
    let n = run(&rt, async move {
        let mut ours = ours;
        ours.read(&mut [0; 16]).await.unwrap()
    });
    assert_eq!(n, 5);
}

// L5: a peek that would block waits for the edge like a read, and one that succeeds leaves all to be read.
#[test]
fn a_peek_that_waited_sees_the_data_and_a_read_gets_it() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    let peeking = rt.spawn(async move {
        let mut buf = [0; 16];
        // A short peek must not count as a short read: the data is still there and no edge will say so.
        for _ in 0..3 {
            assert_eq!(ours.peek(&mut buf).await.unwrap(), 5);
        }
        ours.read(&mut buf).await.unwrap()
    });
    settle(&rt);
    assert!(!peeking.is_finished());
    peer.write_all(b"hello").unwrap();
    assert_eq!(run(&rt, peeking).unwrap(), 5);
}

// L5: the same by an operation of the user's own.
#[test]
fn an_operation_of_ones_own_that_would_block_is_noticed() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    let reading = rt.spawn(async move {
        let fd = std::os::fd::AsFd::as_fd(&ours).try_clone_to_owned().unwrap();
        let mut duplicate = std::net::TcpStream::from(fd);
        loop {
            ours.readable().await.unwrap();
            let read = ours.try_io(Interest::READABLE, || {
                counted.set(counted.get() + 1);
                duplicate.read(&mut [0; 2])
            });
            match read {
                Ok(1) => continue, // what was there at first
                Err(e) if e.kind() == ErrorKind::WouldBlock => continue,
                result => break assert_eq!(result.unwrap(), 2),
            }
        }
        ours.read(&mut [0; 16]).await.unwrap()
    });
    settle(&rt);
    assert_eq!(calls.get(), 0, "tried before the kernel has reported anything to read");
    peer.write_all(b"x").unwrap();
    while calls.get() == 0 {
        assert_ne!(next_turn(&rt).events, 0);
    }
    settle(&rt);
    assert_eq!(calls.get(), 2, "tried until it would block, and then waited");
    assert_idle(&rt);
    peer.write_all(b"hello").unwrap();
    assert_eq!(run(&rt, reading).unwrap(), 3);
    assert_eq!(calls.get(), 3);
}

// L22: the reset reports ERR and HUP; the waiters of both directions are woken.
#[test]
fn a_reset_wakes_a_reader_and_a_writer_each_with_its_error() {
    let rt = Runtime::new().unwrap();
    let (mut reader, peer) = run(&rt, with_peer());
    let reading = rt.spawn(async move { reader.read(&mut [0; 16]).await });
    settle(&rt);
    reset(peer);
    assert_eq!(run(&rt, reading).unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);

    let (mut writer, peer) = run(&rt, with_peer());
    fill(&writer);
    let writing = rt.spawn(async move { writer.write(b"x").await });
    settle(&rt);
    reset(peer);
    assert_eq!(run(&rt, writing).unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(rt.metrics().sources_alive, 0);
}

/// Closes so that the other end gets RST and not FIN.
fn reset(peer: std::net::TcpStream) {
    let rt = Runtime::new().unwrap();
    let _guard = rt.enter();
    TcpStream::from_std(peer).unwrap().set_zero_linger().unwrap();
}

// B1: RDHUP stays while the peer does not read; it must neither be taken for room nor wake the writer for ever.
#[test]
fn a_writer_to_a_half_closed_peer_sleeps_until_the_peer_reads() {
    const SIZE: usize = 10 << 20;
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    peer.shutdown(Shutdown::Write).unwrap();
    let writing = rt.spawn(async move {
        assert_eq!(ours.read(&mut [0; 16]).await.unwrap(), 0);
        let data: Vec<u8> = (0..SIZE).map(|i| i as u8).collect();
        ours.write_all(&data).await.unwrap();
    });
    // The peer's own buffer goes on growing for some turns; then there is nothing to do.
    settle(&rt);
    assert!(!writing.is_finished());
    let before = rt.metrics();
    assert_idle(&rt);
    assert_eq!(rt.metrics().polls, before.polls);
    assert_eq!(rt.metrics().events, before.events);

    let received = std::thread::spawn(move || {
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        all
    });
    run(&rt, writing).unwrap();
    let received = received.join().unwrap();
    assert_eq!(received.len(), SIZE);
    assert!(received.iter().enumerate().all(|(i, byte)| *byte == i as u8));
}

// B1, C1: after the end was read nothing is sticky, so a task that reads on does not spin by itself.
#[test]
fn a_stream_at_its_end_costs_no_turns() {
    let rt = Runtime::new().unwrap();
    let (ours, peer) = run(&rt, with_peer());
    peer.shutdown(Shutdown::Both).unwrap();
    let reading = rt.spawn(async move {
        let mut ours = ours;
        assert_eq!(ours.read(&mut [0; 16]).await.unwrap(), 0);
        std::future::pending::<()>().await;
        drop(ours);
    });
    settle(&rt);
    assert_idle(&rt);
    reading.abort();
}

// The cost of a request on a kept-alive connection: one event, one poll, one wait, and no epoll_ctl.
#[test]
fn a_request_costs_one_event_one_poll_and_no_epoll_ctl() {
    const REQUESTS: u64 = 100;
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    let echo = rt.spawn(async move {
        let mut buf = [0; 4096];
        loop {
            match ours.read(&mut buf).await.unwrap() {
                0 => break,
                n => ours.write_all(&buf[..n]).await.unwrap(),
            }
        }
    });
    settle(&rt);
    let before = rt.metrics();
    for _ in 0..REQUESTS {
        peer.write_all(&[b'x'; 100]).unwrap();
        let turn = next_turn(&rt);
        assert_eq!((turn.events, turn.woken, turn.polled), (1, 1, 1));
        peer.read_exact(&mut [0; 100]).unwrap();
    }
    let after = rt.metrics();
    assert_eq!(after.events - before.events, REQUESTS);
    assert_eq!(after.polls - before.polls, REQUESTS);
    assert_eq!(after.epoll_waits - before.epoll_waits, REQUESTS);
    assert_eq!(after.epoll_ctls, before.epoll_ctls);
    assert_eq!(after.eventfd_writes, before.eventfd_writes);
    drop(peer);
    run(&rt, echo).unwrap();
    assert_eq!(rt.metrics().sources_alive, 0);
}

// L8, C2, C3: each direction has its own readiness and its own waiter.
#[test]
fn a_reader_and_a_writer_of_one_stream_wake_by_their_own_edges() {
    let rt = Runtime::new().unwrap();
    let (ours, mut peer) = run(&rt, with_peer());
    let filled = fill(&ours);
    let (mut reader, mut writer) = ours.into_split();
    let log = Rc::new(RefCell::new(Vec::new()));
    let (read_log, write_log) = (log.clone(), log.clone());
    let reading = rt.spawn(async move {
        reader.read(&mut [0; 16]).await.unwrap();
        read_log.borrow_mut().push("read");
        reader
    });
    let writing = rt.spawn(async move {
        writer.write(b"x").await.unwrap();
        write_log.borrow_mut().push("written");
        writer
    });
    settle(&rt);
    assert_eq!(*log.borrow(), [""; 0]);

    peer.write_all(b"hello").unwrap();
    let reader = run(&rt, reading).unwrap();
    settle(&rt);
    assert_eq!(*log.borrow(), ["read"]);

    std::io::copy(&mut (&mut peer).take(filled), &mut std::io::sink()).unwrap();
    let writer = run(&rt, writing).unwrap();
    assert_eq!(*log.borrow(), ["read", "written"]);
    drop(reader.reunite(writer).unwrap());
}

// L8: a reader that was cancelled takes nothing from the writer of the same stream.
#[test]
fn a_cancelled_reader_leaves_the_writer_its_wake_up() {
    let rt = Runtime::new().unwrap();
    let (ours, mut peer) = run(&rt, with_peer());
    let filled = fill(&ours);
    let (mut reader, mut writer) = ours.into_split();
    let reading = rt.spawn(async move {
        let _ = reader.read(&mut [0; 16]).await;
        unreachable!("aborted");
    });
    let writing = rt.spawn(async move { writer.write(b"x").await.unwrap() });
    settle(&rt);
    reading.abort();
    peer.write_all(b"hello").unwrap();
    settle(&rt);
    std::io::copy(&mut (&mut peer).take(filled), &mut std::io::sink()).unwrap();
    assert_eq!(run(&rt, writing).unwrap(), 1);
}

// A read that is dropped while it waits has taken no byte.
#[test]
fn a_read_that_was_dropped_loses_nothing() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    let got = rt.spawn(async move {
        let mut buf = [0; 16];
        let mut polled = false;
        {
            let mut read = std::pin::pin!(ours.read(&mut buf));
            poll_fn(|cx| {
                if std::mem::replace(&mut polled, true) {
                    return Poll::Ready(());
                }
                assert!(read.as_mut().poll(cx).is_pending());
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
        yield_now().await;
        let n = ours.read(&mut buf).await.unwrap();
        buf[..n].to_vec()
    });
    rt.turn(Some(Duration::ZERO));
    peer.write_all(b"hello").unwrap();
    assert_eq!(run(&rt, got).unwrap(), b"hello");
}
