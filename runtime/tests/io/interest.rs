//! Waits and operations for a set: reading, writing, urgent data and errors.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no urgent data and no errors of UDP

use crate::support::fds::{close, fill, pair, pipe, read, write};
use crate::support::wakers::Count;
use crate::support::{Trace, bounded, poll_once, poll_with, turn};
use egret_runtime::io::{AsyncFd, Interest, Ready};
use egret_runtime::runtime::Runtime;
use egret_runtime::sys::Fd;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// A connection of TCP: ours, which does not block, and the peer.
fn tcp_pair() -> (TcpStream, Fd) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, OwnedFd::from(peer).into())
}

/// What is reported at once.
fn reported<T: AsFd>(fd: &AsyncFd<T>, interest: Interest) -> Ready {
    match poll_once(fd.ready(interest)) {
        Poll::Ready(guard) => guard.unwrap().ready(),
        Poll::Pending => Ready::EMPTY,
    }
}

/// Turns the loop until an event has come.
fn event(rt: &Runtime) {
    while turn(rt).0 == 0 {}
}

#[test]
fn a_set_adds_removes_and_names_itself() {
    let all = BOTH | Interest::PRIORITY | Interest::ERROR;
    assert_eq!(format!("{all:?}"), "READABLE | WRITABLE | PRIORITY | ERROR");
    assert!(all.is_readable() && all.is_writable() && all.is_priority() && all.is_error());
    assert_eq!(all.remove(BOTH), Some(Interest::PRIORITY | Interest::ERROR));
    assert_eq!(BOTH.remove(Interest::ERROR), Some(BOTH));
    assert_eq!(BOTH.remove(all), None);
    let mut one = Interest::READABLE;
    one |= Interest::WRITABLE;
    assert_eq!(one, BOTH);
    assert_eq!(format!("{:?} {:?}", Ready::EMPTY, Ready::ALL - Ready::READABLE), {
        "EMPTY WRITABLE | READ_CLOSED | WRITE_CLOSED | PRIORITY | ERROR"
    });
    assert!(Ready::READ_CLOSED.is_readable() && Ready::WRITE_CLOSED.is_writable());
}

#[test]
fn a_wait_for_both_directions_ends_by_either_and_is_woken_once() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    fill(&ours);
    let fd = AsyncFd::new(ours).unwrap();
    turn(&rt);
    for (cause, expected) in [("bytes", Ready::READABLE), ("room", Ready::WRITABLE)] {
        let count = Count::new();
        let waker = Waker::from(count.clone());
        let mut wait = pin!(fd.ready(BOTH));
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
        match cause {
            "bytes" => write(&theirs, b"x"),
            _ => while read(&theirs).is_ok() {},
        }
        event(&rt);
        assert_eq!(count.take(), 1, "{cause}");
        let Poll::Ready(Ok(mut guard)) = poll_with(wait.as_mut(), &waker) else { panic!("{cause}") };
        assert_eq!(guard.ready(), expected, "{cause}");
        // The other direction is not touched by what is cleared.
        guard.clear_ready_matching(Ready::ALL - expected);
        assert_eq!(reported(&fd, BOTH), expected);
        guard.clear_ready();
        assert_eq!((guard.ready(), reported(&fd, BOTH)), (Ready::EMPTY, Ready::EMPTY));
        let _ = read(fd.get_ref()); // what is left would be in the next event
    }
}

#[test]
fn a_wait_for_a_set_that_is_dropped_wakes_nothing() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    fill(&ours);
    let fd = AsyncFd::new(ours).unwrap();
    turn(&rt);
    let count = Count::new();
    {
        let waker = Waker::from(count.clone());
        let mut wait = Box::pin(fd.ready(BOTH | Interest::PRIORITY));
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    assert_eq!(std::sync::Arc::strong_count(&count), 1);
    write(&theirs, b"x");
    event(&rt);
    assert_eq!(count.take(), 0);
}

#[test]
fn a_direction_that_was_cleared_leaves_the_other() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = AsyncFd::new(ours).unwrap();
    write(&theirs, b"x");
    event(&rt);
    let Poll::Ready(Ok(mut guard)) = poll_once(fd.ready(BOTH)) else { panic!("it is ready") };
    assert_eq!(guard.ready(), Ready::READABLE | Ready::WRITABLE);
    guard.clear_ready_matching(Ready::READABLE);
    assert_eq!(guard.ready(), Ready::WRITABLE);
    assert_eq!(reported(&fd, BOTH), Ready::WRITABLE);
}

// EPOLLPRI; a read that would block says nothing about it.
#[test]
fn urgent_data_is_a_readiness_of_its_own() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, peer) = tcp_pair();
    let fd = AsyncFd::new(ours).unwrap();
    turn(&rt);
    assert_eq!(reported(&fd, Interest::PRIORITY), Ready::EMPTY);
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let mut wait = pin!(fd.ready(Interest::PRIORITY));
    assert!(poll_with(wait.as_mut(), &waker).is_pending());
    peer.send_urgent(b'!').unwrap();
    event(&rt);
    assert_eq!(count.take(), 1);
    // Nothing has come in the ordinary way.
    let plain = fd.try_io(Interest::READABLE, |stream| stream.peek(&mut [0; 8])).unwrap_err();
    assert_eq!(plain.kind(), ErrorKind::WouldBlock);
    assert_eq!(reported(&fd, Interest::READABLE), Ready::EMPTY);
    let Poll::Ready(Ok(mut guard)) = poll_with(wait.as_mut(), &waker) else { panic!("it is urgent") };
    assert_eq!(guard.ready(), Ready::PRIORITY);
    guard.clear_ready();
    assert_eq!(reported(&fd, Interest::PRIORITY), Ready::EMPTY);
    peer.send_urgent(b'?').unwrap();
    event(&rt);
    assert_eq!(reported(&fd, Interest::PRIORITY), Ready::PRIORITY);
}

// A task that waits for urgent data is woken by bytes too, and goes on waiting without clearing them.
#[test]
fn a_wait_for_urgent_data_leaves_the_bytes_to_their_reader() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, peer) = tcp_pair();
    let fd = AsyncFd::new(ours).unwrap();
    turn(&rt);
    let mut wait = pin!(fd.ready(Interest::PRIORITY));
    assert!(poll_with(wait.as_mut(), Waker::noop()).is_pending());
    peer.send(b"bytes").unwrap();
    event(&rt);
    assert!(poll_with(wait.as_mut(), Waker::noop()).is_pending());
    assert_eq!(reported(&fd, Interest::READABLE), Ready::READABLE);
}

// EPOLLERR of a datagram that was refused.
#[test]
fn an_error_is_a_readiness_of_its_own() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    ours.connect(closed).unwrap();
    ours.set_nonblocking(true).unwrap();
    let fd = AsyncFd::new(ours).unwrap();
    turn(&rt);
    assert_eq!(reported(&fd, Interest::ERROR), Ready::EMPTY);
    fd.get_ref().send(b"refused").unwrap();
    event(&rt);
    let Poll::Ready(Ok(mut guard)) = poll_once(fd.ready(Interest::ERROR)) else { panic!("it has failed") };
    assert_eq!(guard.ready(), Ready::ERROR);
    guard.clear_ready_matching(Ready::ERROR);
    assert_eq!((guard.ready(), reported(&fd, Interest::ERROR)), (Ready::EMPTY, Ready::EMPTY));
    // A reader still finds the error.
    assert!(reported(&fd, Interest::READABLE).is_readable());
    let refused = fd.try_io(Interest::READABLE, |socket| socket.recv(&mut [0; 8])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn the_end_of_a_stream_is_reported_after_all_else_is_cleared() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, peer) = tcp_pair();
    let fd = AsyncFd::new(ours).unwrap();
    peer.send(b"five.").unwrap();
    event(&rt);
    assert_eq!(reported(&fd, Interest::READABLE), Ready::READABLE);
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    event(&rt);
    assert_eq!(reported(&fd, Interest::READABLE), Ready::READABLE | Ready::READ_CLOSED);
    let Poll::Ready(Ok(mut guard)) = poll_once(fd.ready(Interest::READABLE)) else { panic!("it is ready") };
    guard.clear_ready();
    assert_eq!(guard.ready(), Ready::EMPTY);
    assert_eq!(reported(&fd, Interest::READABLE), Ready::READ_CLOSED);
}

// A pipe without a reader.
#[test]
fn a_pipe_without_a_reader_is_closed_for_writing() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let fd = AsyncFd::new(writer).unwrap();
    turn(&rt);
    assert_eq!(reported(&fd, BOTH), Ready::WRITABLE);
    close(reader, &fd);
    event(&rt);
    assert!(reported(&fd, Interest::WRITABLE).is_write_closed());
    assert_eq!(reported(&fd, Interest::ERROR), Ready::ERROR);
}

/// Events of a socket that is writable at once, when it is registered for `interest`.
fn first_events(interest: Interest) -> usize {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, _theirs) = pair();
    let _fd = AsyncFd::with_interest(ours, interest).unwrap();
    turn(&rt).0
}

#[test]
fn a_descriptor_reports_what_it_was_registered_for() {
    assert_eq!(first_events(Interest::READABLE), 0);
    assert_eq!(first_events(Interest::WRITABLE), 1);
    assert_eq!(first_events(BOTH), 1);
    assert_eq!(first_events(Interest::PRIORITY | Interest::ERROR), 0);
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = AsyncFd::try_with_interest(ours, Interest::READABLE).unwrap();
    write(&theirs, b"x");
    event(&rt);
    assert_eq!(reported(&fd, BOTH), Ready::READABLE);
}

#[test]
fn a_descriptor_that_cannot_be_registered_for_an_interest_comes_back() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let regular = File::open("/proc/self/exe").unwrap();
    let (_file, error) = AsyncFd::try_with_interest(regular, Interest::READABLE).unwrap_err().into_parts();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[test]
fn an_operation_for_both_directions_is_tried_after_an_event_of_either() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let (ours, theirs) = pair();
        fill(&ours);
        let trace = Trace::new();
        let log = trace.clone();
        let _inside = rt.enter();
        let fd = AsyncFd::new(ours).unwrap();
        let task = rt.spawn(async move {
            let both = |fd: &File| {
                log.push("tried");
                read(fd)
            };
            fd.async_io(BOTH, both).await.unwrap()
        });
        turn(&rt);
        assert_eq!(trace.take(), [""; 0]);
        // Room alone: the operation would block, and clears both.
        while read(&theirs).is_ok() {}
        event(&rt);
        assert_eq!(trace.take(), ["tried"]);
        turn(&rt);
        assert_eq!(trace.take(), [""; 0]);
        write(&theirs, b"x");
        event(&rt);
        assert_eq!(trace.take(), ["tried"]);
        assert_eq!(rt.block_on(task).unwrap(), b"x");
    });
}

#[test]
fn the_owner_of_the_descriptor_is_changed_by_an_operation_with_mut() {
    bounded(|| {
        egret_runtime::block_on(async {
            let (ours, theirs) = pair();
            let mut fd = AsyncFd::new(ours).unwrap();
            assert_eq!(fd.try_io_mut(Interest::WRITABLE, |file| file.write(b"a")).unwrap(), 1);
            assert_eq!(fd.async_io_mut(Interest::WRITABLE, |file| file.write(b"b")).await.unwrap(), 1);
            let mut guard = fd.writable_mut().await.unwrap();
            assert_eq!(guard.ready(), Ready::WRITABLE);
            guard.retain_ready();
            assert_eq!(guard.try_io(|fd| fd.get_mut().write(b"c")).unwrap().unwrap(), 1);
            guard.get_inner_mut().write_all(b"d").unwrap();
            assert_eq!(read(&theirs).unwrap(), b"abcd");
            write(&theirs, b"x");
            let mut guard = fd.readable_mut().await.unwrap();
            assert_eq!(read(guard.get_inner()).unwrap(), b"x");
            assert!(guard.try_io(|fd| read(fd.get_ref())).is_err());
            assert_eq!(guard.ready(), Ready::EMPTY);
            let empty = fd.try_io_mut(Interest::READABLE, |_| -> io::Result<()> { panic!("not asked") });
            assert_eq!(empty.unwrap_err().kind(), ErrorKind::WouldBlock);
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(fd.poll_read_ready_mut(cx).is_pending());
            assert!(fd.poll_write_ready_mut(cx).is_ready());
            let mut guard = fd.ready_mut(BOTH).await.unwrap();
            assert_eq!(guard.ready(), Ready::WRITABLE);
            guard.clear_ready_matching(Ready::WRITABLE);
            assert!(guard.ready().is_empty() && guard.get_mut().poll_write_ready(cx).is_pending());
        });
    });
}

#[test]
fn a_wait_for_a_set_fails_when_the_runtime_is_gone() {
    let (ours, _theirs) = pair();
    fill(&ours);
    let fd = {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        Rc::new(AsyncFd::new(ours).unwrap())
    };
    let Poll::Ready(Err(error)) = poll_once(fd.ready(BOTH)) else { panic!("it would wait for ever") };
    assert_eq!(error.kind(), ErrorKind::Other);
}

// Readiness that is never cleared does not starve the other tasks.
#[test]
fn a_wait_for_a_set_is_charged_to_the_budget() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, _theirs) = pair();
    let fd = AsyncFd::new(ours).unwrap();
    turn(&rt);
    let waits = Rc::new(std::cell::Cell::new(0));
    let counted = waits.clone();
    drop(rt.spawn(async move {
        loop {
            let _ready = fd.ready(Interest::WRITABLE).await.unwrap();
            counted.set(counted.get() + 1);
        }
    }));
    assert_eq!(turn(&rt).2, 1);
    assert_eq!(waits.get(), 128);
}
