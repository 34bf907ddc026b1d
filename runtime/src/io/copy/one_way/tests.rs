//! When a copy reads and when it splices, step by step, on sockets of the kernel.

#![cfg(not(miri))] // which has no splice

use super::*;
use crate::io::pipe::{ReadEnd, WriteEnd};
use crate::runtime::Runtime;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::task::Waker;
use std::time::Duration;

/// A socket, and its other end for the test.
fn socket() -> (Fd, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (OwnedFd::from(ours).into(), theirs)
}

fn reader() -> (ReadEnd, UnixStream) {
    let (fd, theirs) = socket();
    (ReadEnd::new(fd).unwrap(), theirs)
}

fn writer() -> (WriteEnd, UnixStream) {
    let (fd, theirs) = socket();
    (WriteEnd::new(fd).unwrap(), theirs)
}

fn next(copy: &OneWay) -> &'static str {
    match copy.next {
        CopyStep::Read => "read",
        CopyStep::Splice => "splice",
        CopyStep::NeverSplice => "never splice",
    }
}

fn hand(copy: &OneWay) -> (&'static str, usize) {
    match &copy.hand {
        Hand::Empty => ("empty", 0),
        Hand::Buffer { start, end, .. } => ("buffer", end - start),
        Hand::Piped { len, .. } => ("pipe", *len),
    }
}

fn splicing() -> OneWay {
    OneWay { next: CopyStep::Splice, ..OneWay::new() }
}

#[test]
fn a_burst_that_filled_a_buffer_has_the_next_begin_with_a_splice() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let cx = &mut Context::from_waker(Waker::noop());
    let ((mut from, mut source), (mut to, mut sink)) = (reader(), writer());
    let mut copy = OneWay::new();
    let (mut moved, mut received) = (0, vec![0; BUFFER]);
    for (bytes, then) in [
        (0, "read"),
        (5, "read"),
        (BUFFER, "splice"),
        (BUFFER, "splice"), // this burst by a splice, which reads as much
        (5, "read"),
        (BUFFER - 1, "read"),
    ] {
        source.write_all(&received[..bytes]).unwrap();
        rt.turn(Some(Duration::ZERO));
        assert!(copy.poll(cx, &mut from, &mut to).is_pending());
        moved += bytes as u64;
        assert_eq!((copy.moved(), next(&copy), hand(&copy)), (moved, then, ("empty", 0)), "{bytes}");
        sink.read_exact(&mut received[..bytes]).unwrap();
    }
    drop(source);
    rt.turn(Some(Duration::ZERO));
    assert!(matches!(copy.poll(cx, &mut from, &mut to), Poll::Ready(Ok(all)) if all == moved));
}

#[test]
fn a_read_that_fills_its_buffer_is_followed_by_a_splice_where_there_may_be_one() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let cx = &mut Context::from_waker(Waker::noop());
    for (before, bytes, then) in [
        (CopyStep::Read, 5, "read"),
        (CopyStep::Read, BUFFER - 1, "read"),
        (CopyStep::Read, BUFFER, "splice"),
        (CopyStep::NeverSplice, BUFFER, "never splice"),
    ] {
        let ((mut from, mut source), (mut to, _sink)) = (reader(), writer());
        let mut copy = OneWay { next: before, ..OneWay::new() };
        source.write_all(&vec![0; bytes]).unwrap();
        assert!(matches!(copy.read_in(cx, &mut from, &mut to), Poll::Ready(Ok(()))));
        assert_eq!((next(&copy), hand(&copy), copy.burst), (then, ("buffer", bytes), bytes as u64));
        assert!(matches!(copy.write_out(cx, &mut to), Poll::Ready(Ok(()))));
        assert!(copy.own_buffer.is_none(), "the stock's goes back to the stock");
    }
}

#[test]
fn a_reader_that_is_no_descriptor_has_a_buffer_of_its_own() {
    let cx = &mut Context::from_waker(Waker::noop());
    let mut copy = OneWay::new();
    let mut to = Vec::new();
    let mut from = &[1; BUFFER][..];
    assert!(matches!(copy.read_in(cx, &mut from, &mut to), Poll::Ready(Ok(()))));
    assert_eq!((next(&copy), hand(&copy)), ("splice", ("buffer", BUFFER)));
    assert!(matches!(copy.write_out(cx, &mut to), Poll::Ready(Ok(()))));
    assert_eq!(copy.own_buffer.as_ref().unwrap().len(), BUFFER);
    assert!(matches!(copy.read_in(cx, &mut from, &mut to), Poll::Ready(Ok(()))));
    assert_eq!((next(&copy), hand(&copy), copy.ended), ("never splice", ("empty", 0), true));
}

#[test]
fn a_splice_of_few_bytes_is_followed_by_a_read_and_the_end_is_looked_for() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let cx = &mut Context::from_waker(Waker::noop());
    for (bytes, then) in [(5, "read"), (BUFFER - 1, "read"), (BUFFER, "splice")] {
        let (from, mut source) = reader();
        let mut copy = splicing();
        source.write_all(&vec![0; bytes]).unwrap();
        let spliced = copy.splice_in(cx, from.as_registration().unwrap());
        assert!(matches!(spliced, Poll::Ready(Ok(Spliced::Some))));
        assert_eq!((next(&copy), hand(&copy), copy.ended), (then, ("pipe", bytes), false));
    }
    let (from, source) = reader();
    let mut copy = splicing();
    let spliced = copy.splice_in(cx, from.as_registration().unwrap());
    assert!(matches!(spliced, Poll::Ready(Ok(Spliced::None))));
    assert_eq!((next(&copy), hand(&copy), copy.ended), ("read", ("empty", 0), false));
    drop(source);
    let mut copy = splicing();
    let spliced = copy.splice_in(cx, from.as_registration().unwrap());
    assert!(matches!(spliced, Poll::Ready(Ok(Spliced::Some))));
    assert_eq!((hand(&copy), copy.ended), (("empty", 0), true));
}

#[test]
fn what_cannot_be_spliced_is_read_for_good_and_any_other_error_is_the_error() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let cx = &mut Context::from_waker(Waker::noop());
    // An eventfd can be polled but not spliced from.
    let eventfd = Backend::current().eventfd().unwrap();
    let from = ReadEnd::new(eventfd).unwrap();
    let mut copy = splicing();
    let spliced = copy.splice_in(cx, from.as_registration().unwrap());
    assert!(matches!(spliced, Poll::Ready(Ok(Spliced::None))));
    assert_eq!(next(&copy), "never splice");

    let (from, source) = reader();
    // A peer that leaves bytes unread resets the connection.
    let mut ours = UnixStream::from(std::os::fd::AsFd::as_fd(&from).try_clone_to_owned().unwrap());
    ours.write_all(b"unread").unwrap();
    drop(source);
    rt.turn(Some(Duration::ZERO));
    let mut copy = splicing();
    match copy.splice_in(cx, from.as_registration().unwrap()) {
        Poll::Ready(Err(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        _ => panic!("an error"),
    }
    assert_eq!((next(&copy), hand(&copy)), ("splice", ("empty", 0)));
}

#[test]
fn bytes_in_a_pipe_whose_writer_is_broken_are_the_writers_error() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let cx = &mut Context::from_waker(Waker::noop());
    let ((from, mut source), (mut to, sink)) = (reader(), writer());
    let mut copy = splicing();
    source.write_all(b"bytes").unwrap();
    assert!(copy.splice_in(cx, from.as_registration().unwrap()).is_ready());
    drop(sink);
    match copy.write_out(cx, &mut to) {
        Poll::Ready(Err(error)) => assert_eq!(error.kind(), io::ErrorKind::BrokenPipe),
        _ => panic!("an error"),
    }
    assert_eq!((next(&copy), hand(&copy)), ("read", ("pipe", 5)));
}

/// Records the buffer that it is given, and fills none of it.
struct Looks(Option<Vec<u8>>);

impl AsyncRead for Looks {
    fn poll_read(&mut self, _cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0 = Some(buf.to_vec());
        Poll::Ready(Ok(0))
    }
}

#[test]
fn a_buffer_of_the_stock_is_lent_to_streams_of_egret_and_to_no_other() {
    // On a thread of its own, because the stock belongs to the thread.
    let looked = std::thread::spawn(|| {
        let rt = Runtime::new().unwrap();
        let _entered = rt.enter();
        let cx = &mut Context::from_waker(Waker::noop());
        stock::give_back_buffer(vec![b's'; BUFFER].into_boxed_slice());
        let mut looks = Looks(None);
        assert!(OneWay::new().read_in(cx, &mut looks, &mut Vec::new()).is_ready());

        let (mut from, mut source) = reader();
        source.write_all(b"bytes").unwrap();
        let mut copy = OneWay::new();
        assert!(copy.read_in(cx, &mut from, &mut Vec::new()).is_ready());
        let lent = match copy.hand {
            Hand::Buffer { buffer, of_stock: true, .. } => buffer,
            _ => panic!("a buffer of the stock"),
        };
        (looks.0.unwrap(), lent)
    });
    let (own, lent) = looked.join().unwrap();
    assert!(own.len() == BUFFER && own.iter().all(|byte| *byte == 0), "another connection's bytes");
    assert_eq!(lent[..6], *b"bytess");
}

#[test]
fn with_bytes_in_hand_a_writer_that_is_gone_is_found_by_the_next_write() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let cx = &mut Context::from_waker(Waker::noop());
    let ((mut from, mut source), (mut to, sink)) = (reader(), writer());
    while to.try_write(&[0; 4096]).is_ok() {}
    source.write_all(b"bytes").unwrap();
    let mut copy = OneWay::new();
    assert!(copy.poll(cx, &mut from, &mut to).is_pending());
    assert_eq!(hand(&copy), ("buffer", 5));
    drop(sink);
    rt.turn(Some(Duration::ZERO));
    assert!(copy.poll_hung_up(cx, &to).is_pending());
    match copy.poll(cx, &mut from, &mut to) {
        Poll::Ready(Err(error)) => assert_eq!(error.kind(), io::ErrorKind::BrokenPipe),
        _ => panic!("an error"),
    }
}
