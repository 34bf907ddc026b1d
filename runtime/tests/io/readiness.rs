//! Edge-triggered readiness through `AsyncFd`: what an event sets, what clears it, and which tasks it wakes. A rule that
//! clears too much hangs here, and one that clears too little spins.

#![allow(missing_docs)]

use crate::support::fds::{close, fill, pair, pipe, raw_terminal, read, write};
use crate::support::wakers::Count;
use crate::support::{Trace, bounded, counted, many, turn};
use egret_runtime::io::{AsyncFd, AsyncFdReadyGuard, Interest};
use egret_runtime::runtime::Runtime;
use egret_runtime::sys::{Backend, Events, mask};
use egret_runtime::task::yield_now;
use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The guard of a descriptor that was reported as readable.
fn readable(fd: &AsyncFd<File>) -> AsyncFdReadyGuard<'_, File> {
    match fd.poll_read_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(guard)) => guard,
        _ => panic!("it is not ready"),
    }
}

fn is_readable(fd: &AsyncFd<File>) -> bool {
    fd.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// The events that a new registration of `fd` would get at once.
fn events_of(fd: impl AsFd) -> u32 {
    let (epoll, mut events) = (Backend::current().epoll().unwrap(), Events::with_capacity(1));
    epoll.add(fd.as_fd(), mask::IN | mask::OUT | mask::RDHUP | mask::PRI, 0).unwrap();
    epoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
    events.iter().map(|(_, events)| events).sum()
}

// L1: what was learned before an event must not undo what the event has set.
#[test]
fn a_guard_from_before_an_event_clears_nothing() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = AsyncFd::new(ours).unwrap();
    write(&theirs, b"one");
    assert_eq!(turn(&rt).0, 1);
    let mut old = readable(&fd);
    assert_eq!(read(fd.get_ref()).unwrap(), b"one");
    write(&theirs, b"two");
    assert_eq!(turn(&rt).0, 1);
    old.clear_ready();
    // Nor does an operation through it that would have blocked before the event.
    assert!(old.try_io(|_| io::Result::<()>::Err(io::ErrorKind::WouldBlock.into())).is_err());
    assert!(matches!(
        fd.poll_read_with(&mut Context::from_waker(Waker::noop()), read),
        Poll::Ready(Ok(bytes)) if bytes == b"two"
    ));
    // A guard that knows of the event does.
    readable(&fd).clear_ready();
    assert!(!is_readable(&fd));
}

/// A guard, then so many events on its descriptor.
fn clear_after(events: usize) {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = AsyncFd::new(ours).unwrap();
    write(&theirs, b"the first");
    assert_eq!(turn(&rt), (1, 0, 0));
    let mut old = readable(&fd);
    assert_eq!(read(fd.get_ref()).unwrap(), b"the first");
    for _ in 0..events {
        write(&theirs, b"x");
        assert_eq!(turn(&rt), (1, 0, 0));
        assert_eq!(read(fd.get_ref()).unwrap(), b"x");
    }
    write(&theirs, b"the last");
    old.clear_ready();
    assert!(is_readable(&fd), "after {events} events");
}

// L2
#[test]
fn a_guard_clears_nothing_after_1_or_255_or_256_or_257_events() {
    for events in if cfg!(miri) { vec![1] } else { vec![1, 127, 128, 255, 256, 257, 512] } {
        clear_after(events);
    }
}

// L2
#[test]
#[cfg_attr(miri, ignore = "too many events")]
fn a_guard_clears_nothing_after_65_536_events() {
    clear_after(1 << 15);
    clear_after(1 << 16);
}

// L1: and it does clear when nothing has come, or a loop of readable and try_io would spin.
#[test]
fn a_guard_with_no_event_since_clears_its_direction_alone() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = AsyncFd::new(ours).unwrap();
    write(&theirs, b"x");
    turn(&rt);
    let mut guard = readable(&fd);
    assert_eq!(read(fd.get_ref()).unwrap(), b"x");
    guard.retain_ready();
    assert!(is_readable(&fd));
    assert!(guard.try_io(|fd| read(fd.get_ref())).is_err());
    assert!(!is_readable(&fd));
    assert!(fd.poll_write_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    write(&theirs, b"x");
    assert_eq!(turn(&rt).0, 1);
    assert_eq!(readable(&fd).try_io(|fd| read(fd.get_ref())).unwrap().unwrap(), b"x");
}

// L4
#[test]
fn a_read_that_would_block_leaves_the_write_ready_and_the_other_way_round() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = AsyncFd::new(ours).unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(fd.poll_read_with(cx, read).is_pending());
    assert!(fd.poll_write_with(cx, |mut fd| fd.write(b"x")).is_ready());

    fill(fd.get_ref());
    let full = |mut fd: &File| fd.write(b"x").map(drop);
    write(&theirs, b"y");
    assert_eq!(turn(&rt).0, 1);
    assert!(fd.poll_write_with(cx, full).is_pending());
    assert!(fd.poll_read_with(cx, read).is_ready());
}

// L5, for what a program does with the descriptor itself.
#[test]
fn an_attempt_through_try_io_that_would_block_makes_the_next_wait_wait_for_an_event() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let fd = AsyncFd::new(reader).unwrap();
    let blocked = fd.try_io(Interest::READABLE, read).unwrap_err();
    assert_eq!(blocked.kind(), io::ErrorKind::WouldBlock);
    // It is known now: no system call is made to find out.
    let unused = fd.try_io(Interest::READABLE, |_| -> io::Result<()> { panic!("not asked") });
    assert_eq!(unused.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let count = Count::new();
    let waker = Waker::from(count.clone());
    assert!(fd.poll_read_ready(&mut Context::from_waker(&waker)).is_pending());
    write(&writer, b"x");
    assert_eq!((turn(&rt).0, count.take()), (1, 1));
    assert_eq!(fd.try_io(Interest::READABLE, read).unwrap(), b"x");
}

// L7, L8
#[test]
fn a_writer_is_woken_although_the_reader_of_the_same_socket_was_cancelled_and_the_reverse() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    for cancel in [Interest::READABLE, Interest::WRITABLE] {
        let (ours, theirs) = pair();
        let fd = std::rc::Rc::new(AsyncFd::new(ours).unwrap());
        fill(fd.get_ref());
        let trace = Trace::new();
        let [reader, writer] = [Interest::READABLE, Interest::WRITABLE].map(|interest| {
            let (fd, trace) = (fd.clone(), trace.clone());
            rt.spawn(async move {
                if interest == Interest::READABLE {
                    fd.read_with(read).await.unwrap();
                    trace.push("read");
                } else {
                    fd.write_with(|mut fd| fd.write(b"x")).await.unwrap();
                    trace.push("written");
                }
            })
        });
        turn(&rt);
        if cancel == Interest::READABLE { &reader } else { &writer }.abort();
        turn(&rt);
        // Readable comes first, and has no waiter if the reader is gone.
        write(&theirs, b"x");
        turn(&rt);
        while read(&theirs).is_ok() {}
        turn(&rt);
        let expected = if cancel == Interest::READABLE { "written" } else { "read" };
        assert_eq!(trace.take(), [expected]);
        turn(&rt);
    }
    assert_eq!(rt.metrics().tasks_alive, 0);
}

// L10
#[test]
#[cfg_attr(miri, ignore = "no datagram sockets")]
fn what_is_always_writable_never_waits() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let waits = rt.block_on(async {
            let fd = AsyncFd::new(socket).unwrap();
            drop(fd.writable().await.unwrap()); // the first event
            let mut pending = 0;
            for _ in 0..1000 {
                let poll = fd.poll_write_ready(&mut Context::from_waker(Waker::noop()));
                pending += usize::from(poll.is_pending());
                yield_now().await;
            }
            pending
        });
        assert_eq!(waits, 0);
    });
}

// K12: a pipe that is not empty need not report again, so a reader must not wait before `WouldBlock`.
#[test]
fn a_reader_that_leaves_bytes_in_a_pipe_does_not_wait_for_an_event_to_get_them() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let fd = AsyncFd::new(reader).unwrap();
    turn(&rt);
    assert!(fd.poll_read_with(&mut Context::from_waker(Waker::noop()), read).is_pending());
    write(&writer, b"a");
    assert_eq!(turn(&rt).0, 1);
    assert!(is_readable(&fd)); // and reads nothing
    write(&writer, b"b");
    let one = |mut fd: &File| {
        let mut byte = [0];
        io::Read::read_exact(&mut fd, &mut byte).map(|()| byte[0])
    };
    let moved = counted(&rt, || {
        for byte in *b"ab" {
            let read = fd.poll_read_with(&mut Context::from_waker(Waker::noop()), one);
            assert!(matches!(read, Poll::Ready(Ok(got)) if got == byte));
        }
    });
    assert_eq!(moved, []);
}

// L22
#[test]
#[cfg_attr(miri, ignore = "it reports other events")]
fn a_writer_is_woken_by_an_event_that_says_nothing_but_error() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    fill(&writer);
    let fd = AsyncFd::new(writer).unwrap();
    turn(&rt);
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let mut wait = pin!(fd.write_with(|mut fd| fd.write(b"x")));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(turn(&rt).0, 0);
    close(reader, &fd);
    assert_eq!(events_of(&fd), mask::ERR);
    assert_eq!((turn(&rt).0, count.take()), (1, 1));
    let Poll::Ready(Err(error)) = wait.poll(&mut Context::from_waker(&waker)) else { panic!("it is broken") };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

// L22
#[test]
#[cfg_attr(miri, ignore = "it reports other events")]
fn a_reader_is_woken_by_an_event_that_says_nothing_but_hang_up() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let fd = AsyncFd::new(reader).unwrap();
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let mut wait = pin!(fd.read_with(read));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(turn(&rt).0, 0);
    close(writer, &fd);
    assert_eq!(events_of(&fd), mask::HUP);
    assert_eq!((turn(&rt).0, count.take()), (1, 1));
    assert!(matches!(wait.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(end)) if end.is_empty()));
}

// B13: an error that the operation does not consume comes out of it, and is no reason to try for ever.
#[test]
fn a_descriptor_in_error_that_answers_would_block_is_waited_for_and_not_tried_again() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let fd = AsyncFd::new(writer).unwrap();
    close(reader, &fd);
    assert_eq!(turn(&rt).0, 1);
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    let mut tries = 0;
    for _ in 0..3 {
        let poll = fd.poll_read_with(cx, |_| {
            tries += 1;
            io::Result::<()>::Err(io::ErrorKind::WouldBlock.into())
        });
        assert!(poll.is_pending());
        assert_eq!(turn(&rt), (0, 0, 0));
    }
    assert_eq!((tries, count.take()), (1, 0));
    // The other direction has its own copy of the error.
    let broken = fd.poll_write_with(cx, |mut fd| fd.write(b"x"));
    assert!(matches!(broken, Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::BrokenPipe));
}

// L19, B3: a terminal gives what is left in pieces after it has reported the hang-up, and no other event.
#[test]
#[cfg_attr(miri, ignore = "no terminals")]
fn what_was_written_to_a_terminal_before_it_hung_up_is_read_whole() {
    bounded(|| {
        let Some((master, slave)) = raw_terminal() else {
            return eprintln!("skipped: there is no devpts here");
        };
        let rt = Runtime::new().unwrap();
        let read = rt.spawn({
            let _inside = rt.enter();
            let fd = AsyncFd::new(master).unwrap();
            async move {
                let mut got = 0;
                let end = loop {
                    let mut buffer = [0; 4096];
                    match fd.read_with(|mut fd| io::Read::read(&mut fd, &mut buffer)).await {
                        Ok(0) => break None,
                        Ok(n) => got += n,
                        Err(error) => break error.raw_os_error(),
                    }
                };
                (got, end)
            }
        });
        turn(&rt);
        let sent = (&slave).write(&[b'x'; many(8192, 0)]).unwrap();
        drop(slave);
        let (got, end) = rt.block_on(read).unwrap();
        assert_eq!((sent, got), (8192, 8192));
        assert!(end.is_none() || end == Some(libc::EIO), "{end:?}");
    });
}
