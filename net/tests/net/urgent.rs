//! Urgent data: `recv` stops at the mark with bytes queued and no new edge. Row K3 of docs/pitfalls.md.

use crate::sockets_common::next_turn;
use egret_net::{TcpListener, TcpStream};
use egret_runtime::runtime::{Runtime, Turn};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

fn send_urgent(stream: &std::net::TcpStream, byte: u8) {
    // SAFETY: the pointer is to one byte, which lives across the call.
    let sent = unsafe { libc::send(stream.as_raw_fd(), (&raw const byte).cast(), 1, libc::MSG_OOB) };
    assert_eq!(sent, 1);
}

/// How many bytes the kernel holds for this socket, up to the mark.
fn queued(stream: &impl AsRawFd) -> i32 {
    let mut count = 0;
    // SAFETY: FIONREAD writes one `int` at the pointer, which is that of `count`, alive across the call.
    let done = unsafe { libc::ioctl(stream.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    assert_eq!(done, 0);
    count
}

fn pair(rt: &Runtime) -> (TcpStream, std::net::TcpStream) {
    rt.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_nodelay(true).unwrap();
        (listener.accept().await.unwrap().0, peer)
    })
}

/// Reads until six bytes of stream data have come, with a buffer that none of the reads can fill.
async fn read_six(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buf = [0; 4096];
    while all.len() < 6 {
        let n = stream.read(&mut buf).await.unwrap();
        assert_ne!(n, 0, "the peer is still there");
        all.extend_from_slice(&buf[..n]);
    }
    all
}

#[track_caller]
fn assert_reads_six(rt: &Runtime, reading: egret_runtime::task::JoinHandle<Vec<u8>>) {
    while !reading.is_finished() {
        next_turn(rt);
    }
    assert_eq!(rt.block_on(reading).unwrap(), b"AAABBB");
}

#[track_caller]
fn wait_for(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(5));
        std::thread::yield_now();
    }
}

// K3: all of it in one edge.
#[test]
fn bytes_behind_the_urgent_mark_are_read_when_all_came_at_once() {
    let rt = Runtime::new().unwrap();
    let (stream, mut peer) = pair(&rt);
    let fd = std::os::fd::AsFd::as_fd(&stream).try_clone_to_owned().unwrap();
    let reading = rt.spawn(read_six(stream));
    while rt.turn(Some(Duration::ZERO)) != Turn::default() {}
    peer.write_all(b"AAA").unwrap();
    send_urgent(&peer, b'!');
    peer.write_all(b"BBB").unwrap();
    wait_for(|| queued(&fd) >= 3);
    assert_reads_six(&rt, reading);
}

// K3: nothing has been seen of the stream yet when it is first read.
#[test]
fn bytes_behind_the_urgent_mark_are_read_before_any_event() {
    let rt = Runtime::new().unwrap();
    let (stream, mut peer) = pair(&rt);
    peer.write_all(b"AAA").unwrap();
    send_urgent(&peer, b'!');
    peer.write_all(b"BBB").unwrap();
    wait_for(|| queued(&stream) >= 3);
    let reading = rt.spawn(read_six(stream));
    assert_reads_six(&rt, reading);
}

// K3: each part in an edge of its own.
#[test]
fn bytes_behind_the_urgent_mark_are_read_when_they_come_one_by_one() {
    let rt = Runtime::new().unwrap();
    let (stream, mut peer) = pair(&rt);
    let reading = rt.spawn(read_six(stream));
    let mut part = |send: &mut dyn FnMut(&mut std::net::TcpStream)| {
        while rt.turn(Some(Duration::ZERO)) != Turn::default() {}
        send(&mut peer);
        assert_ne!(next_turn(&rt).events, 0);
    };
    part(&mut |peer| peer.write_all(b"AAA").unwrap());
    part(&mut |peer| send_urgent(peer, b'!'));
    part(&mut |peer| peer.write_all(b"BBB").unwrap());
    assert_reads_six(&rt, reading);
}
