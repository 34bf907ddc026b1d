//! `Registration`, the base of the socket types: the single waiter of a direction, and what a transfer clears.

#![allow(missing_docs)]

use crate::support::fds::{fill, pair, read, write};
use crate::support::wakers::Count;
use crate::support::{Trace, turn};
use egret_runtime::io::{Clears, Direction, Registration, Start};
use egret_runtime::runtime::Runtime;
use std::fs::File;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn register(file: File, start: Start) -> Registration<File> {
    Registration::new(file, start).map_err(|(_, error)| error).unwrap()
}

/// Reads into `room` bytes, by the rule `clears`.
fn poll_read(
    fd: &Registration<File>,
    cx: &mut Context<'_>,
    clears: Clears,
    room: usize,
) -> Poll<std::io::Result<usize>> {
    fd.poll_transfer(cx, Direction::Read, clears, |mut file| file.read(&mut vec![0; room]))
}

fn poll_write(fd: &Registration<File>, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
    fd.poll_transfer(cx, Direction::Write, Clears::WouldBlock, |mut file| file.write(b"x"))
}

// L8: each direction has a place of its own, for tasks of egret and for foreign wakers.
#[test]
fn an_event_of_one_direction_leaves_the_waiter_of_the_other_in_its_place() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    fill(&ours);
    let fd = std::rc::Rc::new(register(ours, Start::Unknown));
    let trace = Trace::new();
    for (name, direction) in [("reader", Direction::Read), ("writer", Direction::Write)] {
        let (fd, trace) = (fd.clone(), trace.clone());
        drop(rt.spawn(poll_fn(move |cx| {
            trace.push(name);
            match direction {
                Direction::Read => poll_read(&fd, cx, Clears::WouldBlock, 8),
                Direction::Write => poll_write(&fd, cx),
            }
            .map(drop)
        })));
    }
    turn(&rt);
    assert_eq!(trace.take(), ["reader", "writer"]);
    write(&theirs, b"x");
    assert_eq!(turn(&rt), (1, 1, 1));
    assert_eq!(trace.take(), ["reader"]);
    while read(&theirs).is_ok() {}
    assert_eq!(turn(&rt), (1, 1, 1));
    assert_eq!(trace.take(), ["writer"]);
    assert_eq!(rt.metrics().tasks_alive, 0);

    let (for_read, for_write) = (Count::new(), Count::new());
    fill(fd.get_ref());
    let [reader, writer] = [&for_read, &for_write].map(|count| Waker::from(count.clone()));
    assert!(poll_read(&fd, &mut Context::from_waker(&reader), Clears::WouldBlock, 8).is_pending());
    assert!(poll_write(&fd, &mut Context::from_waker(&writer)).is_pending());
    write(&theirs, b"x");
    assert_eq!(turn(&rt).0, 1);
    assert_eq!((for_read.take(), for_write.take()), (1, 0));
    while read(&theirs).is_ok() {}
    assert_eq!(turn(&rt).0, 1);
    assert_eq!((for_read.take(), for_write.take()), (0, 1));
}

// W8: the last task that polled is the waiter.
#[test]
fn a_later_waiter_of_a_direction_takes_the_place_of_the_one_before() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = register(ours, Start::Unknown);
    let (first, second) = (Count::new(), Count::new());
    for count in [&first, &second] {
        let waker = Waker::from(count.clone());
        assert!(poll_read(&fd, &mut Context::from_waker(&waker), Clears::WouldBlock, 8).is_pending());
    }
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
    write(&theirs, b"x");
    assert_eq!(turn(&rt).0, 1);
    assert_eq!((first.take(), second.take()), (0, 1));
}

// W8, W10: a task of egret is kept as a number, apart from a foreign waker, which the next event drops.
#[test]
fn a_foreign_waker_that_a_task_took_the_place_of_is_kept_until_the_next_event_at_most() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, theirs) = pair();
    let fd = register(ours, Start::Unknown);
    let foreign = Count::new();
    let waker = Waker::from(foreign.clone());
    assert!(poll_read(&fd, &mut Context::from_waker(&waker), Clears::WouldBlock, 8).is_pending());
    drop(waker);
    let task = rt.spawn(poll_fn(move |cx| poll_read(&fd, cx, Clears::WouldBlock, 8)));
    turn(&rt);
    write(&theirs, b"x");
    turn(&rt);
    assert!(task.is_finished());
    assert!(foreign.take() <= 1);
    assert_eq!(Arc::strong_count(&foreign), 1);
}

#[test]
fn what_starts_empty_is_not_tried_before_its_first_event() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, _theirs) = pair();
    let fd = register(ours, Start::Empty);
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(
        fd.poll_transfer(cx, Direction::Write, Clears::WouldBlock, |_| -> std::io::Result<usize> {
            panic!("too early")
        })
        .is_pending()
    );
    assert_eq!(turn(&rt).0, 1);
    assert!(poll_write(&fd, cx).is_ready());
}

// C2: with `Clears::ShortOf`, the read after a short one waits without a system call.
#[test]
fn a_short_transfer_clears_where_it_is_allowed_to_and_nowhere_else() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    for (clears, tried_again) in [(Clears::ShortOf(8), 0), (Clears::WouldBlock, 1)] {
        let (ours, theirs) = pair();
        let fd = register(ours, Start::Unknown);
        let cx = &mut Context::from_waker(Waker::noop());
        let mut tries = 0;
        write(&theirs, b"short");
        assert!(matches!(poll_read(&fd, cx, clears, 8), Poll::Ready(Ok(5))));
        let again = fd.poll_transfer(cx, Direction::Read, clears, |mut file| {
            tries += 1;
            file.read(&mut [0; 8])
        });
        assert!(again.is_pending());
        assert_eq!(tries, tried_again);
        // A full one clears nothing by itself.
        write(&theirs, b"8 bytes.and more");
        assert_eq!(turn(&rt).0, 1);
        for bytes in [8, 8] {
            assert!(matches!(poll_read(&fd, cx, clears, 8), Poll::Ready(Ok(n)) if n == bytes));
        }
        assert!(poll_read(&fd, cx, clears, 8).is_pending());
    }
}

#[test]
fn a_registration_prints_its_descriptor() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, _theirs) = pair();
    let printed = format!("Registration({ours:?})");
    assert_eq!(format!("{:?}", register(ours, Start::Unknown)), printed);
}

/// A task belongs to a runtime by the runtime's number, whichever it is.
#[test]
fn in_each_of_several_runtimes_every_task_that_polls_a_descriptor_is_woken() {
    let runtimes: Vec<_> = (0..3).map(|_| Runtime::new().unwrap()).collect();
    for rt in &runtimes {
        let _inside = rt.enter();
        let (ours, theirs) = pair();
        let fd = std::rc::Rc::new(register(ours, Start::Empty));
        for _ in 0..2 {
            let fd = fd.clone();
            drop(rt.spawn(poll_fn(move |cx| fd.poll_ready(cx, Direction::Read).map(drop))));
        }
        turn(rt); // both wait; the first event may say that there is room to write
        turn(rt);
        write(&theirs, b"x");
        assert_eq!(turn(rt), (1, 2, 2));
    }
}
