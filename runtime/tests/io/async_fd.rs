//! `AsyncFd` over descriptors of every kind, for any number of tasks.

#![allow(missing_docs)]

use crate::support::fds::{eventfd, fill, packet_pipe, pair, pipe, read, seqpacket_pair, write};
use crate::support::wakers::Count;
use crate::support::{Trace, bounded, changes, many, outcome, poll_once, turn};
use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::runtime::Runtime;
use std::cell::Cell;
use std::fs::File;
use std::future::Future;
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn file(fd: impl Into<OwnedFd>) -> File {
    fd.into().into()
}

/// A waiting reader gets one event for two messages that are sent together, and reads both in one poll.
fn two_messages_in_one_event(name: &str, reader: File, send: impl FnOnce(), expected: [&[u8]; 2]) {
    let rt = Runtime::new().unwrap();
    let got = Trace::new();
    let log = got.clone();
    let _inside = rt.enter();
    let fd = AsyncFd::new(reader).unwrap();
    drop(rt.spawn(async move {
        loop {
            // With room for both of them and more.
            log.push(fd.read_with(read).await.unwrap());
        }
    }));
    turn(&rt);
    assert_eq!(got.take(), [b""; 0], "{name}");
    turn(&rt);
    send();
    assert_eq!(turn(&rt), (1, 1, 1), "{name}");
    assert_eq!(got.take(), expected, "{name}");
    // An eventfd reports that there is room in it after a read, which concerns no reader.
    let (_, woken, polled) = turn(&rt);
    assert_eq!((woken, polled), (0, 0), "{name}");
}

// K5
#[test]
#[cfg_attr(miri, ignore = "it has none of these")]
fn a_short_read_does_not_say_that_a_message_was_the_last() {
    let two = |fd: &File| {
        write(fd, b"first");
        write(fd, b"second");
    };
    let messages: [&[u8]; 2] = [b"first", b"second"];

    let (reader, writer) = packet_pipe();
    two_messages_in_one_event("packet pipe", reader, || two(&writer), messages);

    let (ours, theirs) = seqpacket_pair();
    two_messages_in_one_event("seqpacket", ours, || two(&theirs), messages);

    let (ours, theirs) = UnixDatagram::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let theirs = file(theirs);
    two_messages_in_one_event("unix datagram", file(ours), || two(&theirs), messages);

    let counter = eventfd(0, true);
    let writer = counter.try_clone().unwrap();
    let one = 1u64.to_ne_bytes();
    let send = || write(&writer, &2u64.to_ne_bytes());
    two_messages_in_one_event("eventfd semaphore", counter, send, [&one, &one]);
}

// K5: over a network device, even the loopback, a datagram may come when it likes.
#[test]
#[cfg_attr(miri, ignore = "no datagram sockets")]
fn two_datagrams_that_are_there_before_the_first_recv_are_both_received() {
    bounded(|| {
        let (ours, theirs) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        ours.set_nonblocking(true).unwrap();
        for message in [b"first ", b"second"] {
            theirs.send_to(message, ours.local_addr().unwrap()).unwrap();
        }
        egret_runtime::block_on(async {
            let fd = AsyncFd::new(ours).unwrap();
            let mut buffer = [0; 64 * 1024];
            for message in [b"first ", b"second"] {
                let (n, from) = fd.read_with(|socket| socket.recv_from(&mut buffer)).await.unwrap();
                assert_eq!((&buffer[..n], from), (&message[..], theirs.local_addr().unwrap()));
            }
        });
    });
}

#[test]
fn an_eventfd_is_read_when_it_was_written_and_not_before() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let counter = eventfd(0, false);
    let writer = counter.try_clone().unwrap();
    let fd = AsyncFd::new(counter).unwrap();
    let handle = rt.spawn(async move {
        let value = fd.read_with(read).await.unwrap();
        u64::from_ne_bytes(value.try_into().unwrap())
    });
    turn(&rt);
    turn(&rt);
    assert!(!handle.is_finished());
    for _ in 0..2 {
        write(&writer, &3u64.to_ne_bytes());
    }
    assert_eq!(turn(&rt).2, 1);
    assert_eq!(outcome(handle).unwrap(), 6);
}

// K9
#[test]
#[cfg_attr(miri, ignore = "no regular files in its epoll")]
fn a_regular_file_is_handed_back_with_an_error_that_says_what_to_do() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    for path in ["/proc/self/exe", "/proc/self"] {
        let number = File::open(path).unwrap();
        let raw = number.as_raw_fd();
        let refused = AsyncFd::try_new(number).unwrap_err();
        let message = refused.to_string();
        assert!(message.contains("a regular file, a directory and some devices"), "{message}");
        assert!(message.contains("read it on a thread instead"), "{message}");
        let (file, error) = refused.into_parts();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        assert_eq!(file.as_raw_fd(), raw);
        assert!(file.metadata().is_ok(), "it is open still");

        let error = AsyncFd::new(file).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::PermissionDenied, message));
    }
}

#[test]
fn a_descriptor_that_is_registered_already_is_refused_and_the_first_goes_on() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let reader = Rc::new(reader);
    let first = AsyncFd::new(reader.clone()).unwrap();
    let (handed_back, error) = AsyncFd::try_new(reader.clone()).unwrap_err().into_parts();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(Rc::ptr_eq(&handed_back, &reader));
    let count = Count::new();
    let waker = Waker::from(count.clone());
    assert!(first.poll_read_with(&mut Context::from_waker(&waker), |fd| read(fd)).is_pending());
    write(&writer, b"x");
    assert_eq!((turn(&rt).0, count.take()), (1, 1));
    // Another runtime may watch it as well.
    let other = Runtime::new().unwrap();
    let _inside = other.enter();
    assert!(AsyncFd::new(reader).is_ok());
}

#[test]
fn an_async_fd_may_own_borrow_or_share_its_descriptor_and_is_one_itself() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let raw = reader.as_raw_fd();
    let borrows = AsyncFd::new(&reader).unwrap();
    assert_eq!(
        (borrows.as_raw_fd(), borrows.as_fd().as_raw_fd(), borrows.get_ref().as_raw_fd()),
        (raw, raw, raw)
    );
    drop(borrows);
    let owns = AsyncFd::new(OwnedFd::from(reader)).unwrap();
    assert!(format!("{owns:?}").contains(&raw.to_string()));
    let shares = AsyncFd::new(Arc::new(writer)).unwrap();
    assert_eq!(rt.metrics().sources_alive, 2);
    drop((owns.into_inner(), shares));
    assert_eq!(rt.metrics().sources_alive, 0);
}

// All waiters through `&self` are woken, in their order; none replaces another.
#[test]
fn any_number_of_tasks_may_wait_for_one_descriptor_and_an_event_wakes_them_all_in_order() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = Rc::new(AsyncFd::new(ours).unwrap());
    let trace = Trace::<(usize, bool)>::new();
    for task in 0..20 {
        let (fd, trace) = (fd.clone(), trace.clone());
        drop(rt.spawn(async move {
            // Every other one by the poll function, which has no place of its own.
            let got = if task % 2 == 0 {
                fd.read_with(read).await
            } else {
                std::future::poll_fn(|cx| fd.poll_read_with(cx, read)).await
            };
            trace.push((task, got.unwrap() == b"x"));
        }));
    }
    assert_eq!(turn(&rt).2, 20);
    for task in 0..20 {
        write(&theirs, b"x");
        // All are polled, the first of them gets it, and the others wait again, in this order.
        assert_eq!(turn(&rt), (1, 20 - task, 20 - task));
        assert_eq!(trace.take(), [(task, true)]);
    }
    assert_eq!(rt.metrics().tasks_alive, 0);
}

// W14
#[test]
fn waits_that_are_given_up_leave_no_waker_and_take_none_from_who_still_waits() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let fd = AsyncFd::new(reader).unwrap();
    let (alive, given_up) = (Count::new(), Count::new());
    let [alive_waker, given_up_waker] = [&alive, &given_up].map(|count| Waker::from(count.clone()));
    assert!(fd.poll_read_with(&mut Context::from_waker(Waker::noop()), read).is_pending());
    let mut wait = pin!(fd.readable());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&alive_waker)).is_pending());
    for _ in 0..many(1_000_000, 100) {
        let wait = pin!(fd.readable());
        assert!(wait.poll(&mut Context::from_waker(&given_up_waker)).is_pending());
        assert!(Arc::strong_count(&given_up) <= 3, "a waker was left behind");
    }
    assert_eq!(Arc::strong_count(&given_up), 2);
    write(&writer, b"x");
    assert_eq!((turn(&rt).0, alive.take(), given_up.take()), (1, 1, 0));
    assert!(wait.poll(&mut Context::from_waker(&alive_waker)).is_ready());
}

// W14, W10: a task that ended while a poll function of its was pending can give nothing up.
#[test]
fn wakers_of_tasks_that_are_over_are_swept_from_a_descriptor_that_stays_idle() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let fd = Rc::new(AsyncFd::new(reader).unwrap());
    let tasks = many(10_000, 50);
    for _ in 0..tasks {
        let fd = fd.clone();
        let handle = rt.spawn(std::future::poll_fn(move |cx| fd.poll_read_with(cx, read).map(drop)));
        turn(&rt);
        handle.abort();
        turn(&rt);
    }
    let before = rt.metrics();
    write(&writer, b"x");
    turn(&rt);
    let moved = changes(before, rt.metrics());
    let stale = moved.iter().find(|(name, _)| *name == "stale_generations").map_or(0, |(_, by)| *by);
    assert!(stale <= 9, "{stale} of {tasks} wakers were kept");
}

#[test]
#[cfg_attr(miri, ignore = "it has no error for that")]
fn the_error_of_an_operation_comes_out_and_clears_nothing() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (_reader, writer) = pipe();
    let fd = AsyncFd::new(writer).unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    // Reading from the end that is for writing.
    for _ in 0..3 {
        let refused = fd.poll_read_with(cx, read);
        assert!(matches!(refused, Poll::Ready(Err(e)) if e.raw_os_error() == Some(libc::EBADF)));
    }
    let refused = fd.try_io(Interest::READABLE, read).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EBADF));
}

// Waiting takes the word of the kernel; an operation finds out for itself.
#[test]
fn a_descriptor_is_not_ready_before_its_first_event_and_an_operation_is_tried() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = AsyncFd::new(ours).unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    write(&theirs, b"x");
    assert_eq!(fd.try_io(Interest::READABLE, read).unwrap(), b"x");
    assert!(poll_once(fd.readable()).is_pending() && poll_once(fd.ready(Interest::READABLE)).is_pending());
    assert!(poll_once(fd.writable()).is_pending() && poll_once(fd.ready(Interest::WRITABLE)).is_pending());
    assert!(fd.poll_read_ready(cx).is_pending() && fd.poll_write_ready(cx).is_pending());
    turn(&rt);
    assert!(poll_once(fd.writable()).is_ready() && fd.poll_write_ready(cx).is_ready());
    assert!(poll_once(fd.readable()).is_pending() && fd.poll_read_ready(cx).is_pending());
    write(&theirs, b"y");
    turn(&rt);
    assert!(poll_once(fd.readable()).is_ready() && fd.poll_read_ready(cx).is_ready());
}

// A future made anew for each poll, inside another, has a new waker each time and does not deregister it when dropped.
#[test]
fn of_a_thousand_foreign_wakers_that_poll_one_is_kept_in_each_direction() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    fill(&ours);
    let fd = AsyncFd::new(ours).unwrap();
    type PollFn = fn(&AsyncFd<File>, &mut Context<'_>) -> bool;
    let functions: [(&str, PollFn); 4] = [
        ("poll_read_with", |fd, cx| fd.poll_read_with(cx, read).is_pending()),
        ("poll_read_ready", |fd, cx| fd.poll_read_ready(cx).is_pending()),
        ("poll_write_with", |fd, cx| {
            fd.poll_write_with(cx, |mut file| io::Write::write(&mut file, b"x")).is_pending()
        }),
        ("poll_write_ready", |fd, cx| fd.poll_write_ready(cx).is_pending()),
    ];
    let mut last = Vec::new();
    for (name, poll) in functions {
        let mut before = None::<Arc<Count>>;
        for _ in 0..many(1000, 20) {
            let count = Count::new();
            assert!(poll(&fd, &mut Context::from_waker(&Waker::from(count.clone()))), "{name}");
            assert!(
                before.is_none_or(|before| Arc::strong_count(&before) == 1),
                "{name} keeps more than the last"
            );
            before = Some(count);
        }
        last.extend(before);
    }
    // The two functions of a direction share its place.
    let [read_with, read_ready, write_with, write_ready] = &last[..] else { panic!() };
    assert_eq!([1, 2, 1, 2], [read_with, read_ready, write_with, write_ready].map(Arc::strong_count));
    write(&theirs, b"x");
    turn(&rt);
    assert_eq!([0, 1, 0, 0], [read_with, read_ready, write_with, write_ready].map(|count| count.take()));
    while read(&theirs).is_ok() {}
    turn(&rt);
    assert_eq!([0, 0, 0, 1], [read_with, read_ready, write_with, write_ready].map(|count| count.take()));
}

#[test]
fn async_io_takes_the_direction_as_a_value() {
    bounded(|| {
        egret_runtime::block_on(async {
            let (ours, theirs) = pair();
            let fd = AsyncFd::new(ours).unwrap();
            let sent = fd.async_io(Interest::WRITABLE, |mut fd| io::Write::write(&mut fd, b"x"));
            assert_eq!(sent.await.unwrap(), 1);
            assert_eq!(read(&theirs).unwrap(), b"x");
            let polls = Cell::new(0);
            let answer = egret_runtime::spawn(async move {
                write(&theirs, b"y");
                theirs // kept open
            });
            let got = fd.async_io(Interest::READABLE, |fd| {
                polls.set(polls.get() + 1);
                read(fd)
            });
            assert_eq!(got.await.unwrap(), b"y");
            assert_eq!(polls.get(), 2);
            assert!(fd.ready(Interest::WRITABLE).await.is_ok());
            answer.await.unwrap();
        });
    });
}
