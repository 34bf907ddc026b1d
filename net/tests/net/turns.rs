//! An operation that is ready at once is charged to the task, so that a loop around it lets others run; a no-op is not.

#![cfg(not(miri))] // which has no names and no Unix sockets

use crate::sockets_common::{name, run};
use egret_net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream, lookup_host};
use egret_runtime::task::coop::has_budget_remaining;
use egret_runtime::task::{consume_budget, yield_now};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;

/// Operations that a task completes in one poll.
const BUDGET: usize = 128;

/// How many of `count` rounds are done in each poll of a task that does nothing else.
async fn done_in_each_poll<F: Future>(count: usize, round: impl Fn() -> F) -> Vec<usize> {
    yield_now().await; // a full budget
    let done = Cell::new(0);
    let mut work = pin!(async {
        for _ in 0..count {
            round().await;
            done.set(done.get() + 1);
        }
    });
    let mut counts = Vec::new();
    poll_fn(|cx| {
        let before = done.get();
        let polled = work.as_mut().poll(cx);
        counts.push(done.get() - before);
        polled
    })
    .await;
    counts
}

#[test]
fn addresses_that_need_no_look_up_are_charged() {
    run(async {
        let looked_up = done_in_each_poll(300, async || {
            assert_eq!(lookup_host("127.0.0.1:80").await.unwrap().count(), 1);
        });
        assert_eq!(looked_up.await, [BUDGET, BUDGET, 44]);
        let refused =
            done_in_each_poll(200, async || drop(lookup_host("no port").await.map(drop).unwrap_err()));
        assert_eq!(refused.await, [BUDGET, 72]);
    });
}

#[test]
fn sockets_that_are_bound_or_fail_to_connect_at_once_are_charged() {
    run(async {
        let listeners =
            done_in_each_poll(200, async || drop(TcpListener::bind("127.0.0.1:0").await.unwrap()));
        assert_eq!(listeners.await, [BUDGET, 72]);
        let udp = done_in_each_poll(200, async || drop(UdpSocket::bind("127.0.0.1:0").await.unwrap()));
        assert_eq!(udp.await, [BUDGET, 72]);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let connected = done_in_each_poll(200, async || socket.connect("127.0.0.1:9").await.unwrap());
        assert_eq!(connected.await, [BUDGET, 72]);
        // TCP has no broadcast: the kernel refuses without a packet.
        let failed =
            done_in_each_poll(200, async || drop(TcpStream::connect("255.255.255.255:9").await.unwrap_err()));
        assert_eq!(failed.await, [BUDGET, 72]);
    });
}

#[test]
fn connects_to_a_unix_socket_are_charged_whether_they_succeed_or_fail() {
    run(async {
        let path = name();
        let _listener = UnixListener::bind(&path).unwrap();
        let connected = done_in_each_poll(130, async || drop(UnixStream::connect(&path).await.unwrap()));
        assert_eq!(connected.await, [BUDGET, 2]);
        let failed =
            done_in_each_poll(130, async || drop(UnixStream::connect("/nonexistent").await.unwrap_err()));
        assert_eq!(failed.await, [BUDGET, 2]);
    });
}

#[test]
fn empty_buffers_and_flushes_are_not_charged() {
    run(async {
        let (mut stream, _peer) = UnixStream::pair().unwrap();
        yield_now().await;
        for _ in 0..2 * BUDGET {
            assert_eq!(stream.read(&mut []).await.unwrap(), 0);
            assert_eq!(stream.write(&[]).await.unwrap(), 0);
            stream.flush().await.unwrap();
        }
        let mut left = 0;
        while has_budget_remaining() {
            consume_budget().await;
            left += 1;
        }
        assert_eq!(left, BUDGET);
    });
}
