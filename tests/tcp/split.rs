//! The halves of a stream. The rows are of docs/pitfalls.md: B is about half-closed
//! streams, D about the order of drops.

use crate::common::*;
use crate::uninterrupted::uninterrupted;
use egret::net::tcp::ReuniteError;
use egret::runtime::Runtime;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::pin::pin;
use std::task::Poll;

/// Asserts that the stream is open: nothing to read and no end.
fn assert_open(peer: &mut std::net::TcpStream) {
    peer.set_nonblocking(true).unwrap();
    assert_eq!(peer.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    peer.set_nonblocking(false).unwrap();
}

// B7
#[test]
fn a_dropped_write_half_ends_the_stream_for_the_peer_and_reading_goes_on() {
    let rt = Runtime::new().unwrap();
    let (ours, mut peer) = run(&rt, with_peer());
    let (mut reader, mut writer) = ours.into_split();
    run(&rt, async move { writer.write_all(b"all").await.unwrap() });
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "all");

    peer.write_all(b"answer").unwrap();
    let n = run(&rt, async move { reader.read(&mut [0; 16]).await.unwrap() });
    assert_eq!(n, 6);
}

// B7
#[test]
fn reunited_halves_are_a_whole_stream_and_the_peer_sees_no_end() {
    let rt = Runtime::new().unwrap();
    let (ours, mut peer) = run(&rt, with_peer());
    let (reader, writer) = ours.into_split();
    let (reader, writer) = reader.reunite(writer).unwrap().into_split();
    let mut ours = writer.reunite(reader).unwrap();
    assert_open(&mut peer);
    run(&rt, async move { ours.write_all(b"whole").await.unwrap() });
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "whole");
    assert_eq!(rt.metrics().sources_alive, 0);
}

// B7
#[test]
fn halves_of_different_streams_come_back_as_they_were() {
    let rt = Runtime::new().unwrap();
    let (one, mut peer_of_one) = run(&rt, with_peer());
    let (other, mut peer_of_other) = run(&rt, with_peer());
    let (one_reader, one_writer) = one.into_split();
    let (other_reader, other_writer) = other.into_split();

    let error = one_reader.reunite(other_writer).unwrap_err();
    assert_eq!(error.to_string(), "the halves are of different streams");
    let ReuniteError(one_reader, other_writer) = error;
    assert_open(&mut peer_of_one);
    assert_open(&mut peer_of_other);
    one_reader.reunite(one_writer).unwrap();
    other_writer.reunite(other_reader).unwrap();
}

// B7
#[test]
fn both_halves_dropped_close_the_descriptor_once() {
    for writer_first in [true, false] {
        let rt = Runtime::new().unwrap();
        let (ours, mut peer) = run(&rt, with_peer());
        let before = rt.metrics();
        let (reader, writer) = ours.into_split();
        if writer_first {
            drop(writer);
            assert_eq!(rt.metrics().sources_alive, 1);
            drop(reader);
        } else {
            drop(reader);
            assert_open(&mut peer);
            drop(writer);
        }
        assert_eq!(uninterrupted(HANG, || peer.read(&mut [0; 1])).unwrap(), 0);
        let after = rt.metrics();
        assert_eq!(after.sources_alive, 0);
        assert_eq!(after.epoll_ctls - before.epoll_ctls, 1, "one DEL");
        assert_eq!(after.epoll_ctl_errors, 0);
    }
}

// B7
#[test]
fn a_forgotten_write_half_leaves_the_stream_open_for_as_long_as_the_read_half() {
    let rt = Runtime::new().unwrap();
    let (ours, mut peer) = run(&rt, with_peer());
    let (reader, writer) = ours.into_split();
    writer.forget();
    assert_open(&mut peer);
    drop(reader);
    assert_eq!(uninterrupted(HANG, || peer.read(&mut [0; 1])).unwrap(), 0);
}

#[test]
fn borrowed_halves_read_and_write_at_once_and_leave_the_stream_whole() {
    const SIZE: usize = 4 << 20;
    let rt = Runtime::new().unwrap();
    let (mut client, mut server) = run(&rt, pair());
    // More in each direction than the kernel buffers: neither side may only write, or only read.
    let echo = rt.spawn(async move {
        let mut buf = vec![0; 10_000];
        loop {
            match server.read(&mut buf).await.unwrap() {
                0 => return,
                n => server.write_all(&buf[..n]).await.unwrap(),
            }
        }
    });
    run(&rt, async move {
        let data = vec![7; SIZE];
        let mut back = vec![0; SIZE];
        {
            let (mut reader, mut writer) = client.split();
            let mut writing = pin!(writer.write_all(&data));
            let mut reading = pin!(reader.read_exact(&mut back));
            let (mut written, mut read) = (false, false);
            poll_fn(|cx| {
                written = written || writing.as_mut().poll(cx).map(Result::unwrap).is_ready();
                read = read || reading.as_mut().poll(cx).map(Result::unwrap).is_ready();
                if written && read { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        assert!(back == data);
        // Dropping the halves has shut nothing down.
        client.write_all(b"still").await.unwrap();
        client.read_exact(&mut [0; 5]).await.unwrap();
    });
    run(&rt, echo).unwrap();
}

// D2: sockets may outlive their runtime, in any order; what would wait for ever is an error.
#[test]
fn a_stream_that_outlives_its_runtime_fails_instead_of_waiting() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    drop(rt);
    let rt = Runtime::new().unwrap();
    let (error, ours) = run(&rt, async move {
        ours.write_all(b"the kernel still takes it").await.unwrap();
        (ours.read(&mut [0; 16]).await.unwrap_err(), ours)
    });
    assert!(error.to_string().contains("runtime"), "{error}");
    drop(rt);
    let (reader, writer) = ours.into_split();
    drop(writer);
    drop(reader);
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "the kernel still takes it");
}
