//! Descriptors that are closed and reused: reused numbers, duplicates that outlive a registration, and descriptors closed by
//! egret or by other code. No event may reach the next owner of a slot.
//!
//! A number that has to be reused is a high one, which tests that run in parallel do not get.

#![allow(missing_docs)]

use crate::support::fds::{duplicate_at, eventfd, pair, pipe, read, write};
use crate::support::wakers::{Call, Count, hooked};
use crate::support::{Trace, counted, many, turn};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::Future;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The reading end of a new pipe under the number `at`, and its writing end.
fn pipe_at(at: RawFd) -> (File, File) {
    let (reader, writer) = pipe();
    let reader: File = duplicate_at(at, reader).into();
    assert_eq!(reader.as_raw_fd(), at, "the number is taken");
    (reader, writer)
}

/// Reads until nothing is left, and then waits with `count`.
fn wait_for(fd: &AsyncFd<File>, count: &std::sync::Arc<Count>) {
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    while fd.poll_read_with(cx, read).is_ready() {}
}

// F1: both are ready in one batch; the handler of the first closes the second and reuses its number.
#[test]
#[cfg_attr(miri, ignore = "no F_DUPFD with a high number")]
fn an_event_of_a_batch_does_not_reach_the_descriptor_that_took_the_number_meanwhile() {
    const NUMBER: RawFd = 700;
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (trigger, trigger_writer) = pipe();
    let (second, second_writer) = pipe_at(NUMBER);
    let trigger = AsyncFd::new(trigger).unwrap();
    let place = Rc::new(RefCell::new(Some(AsyncFd::new(second).unwrap())));
    let third_writer = Rc::new(RefCell::new(None));
    let (old, new) = (Count::new(), Count::new());

    let replace = hooked({
        let (place, new, third_writer) = (place.clone(), new.clone(), third_writer.clone());
        move |call| {
            if call == Call::Wake {
                drop(place.take());
                let (third, writer) = pipe_at(NUMBER);
                let third = AsyncFd::new(third).unwrap();
                wait_for(&third, &new);
                place.replace(Some(third));
                third_writer.replace(Some(writer));
            }
        }
    });
    assert!(trigger.poll_read_with(&mut Context::from_waker(&replace), read).is_pending());
    wait_for(place.borrow().as_ref().unwrap(), &old);
    write(&trigger_writer, b"x");
    write(&second_writer, b"x");
    assert_eq!(turn(&rt).0, 2);
    // The waiter of the old one was woken; the waiter of the new one was not, now or later.
    assert_eq!((old.take(), new.take()), (1, 0));
    assert_eq!(counted(&rt, || assert_eq!(turn(&rt), (0, 0, 0))), [("turns", 1), ("epoll_waits", 1)]);
    write(third_writer.borrow().as_ref().unwrap(), b"x");
    assert_eq!(turn(&rt).0, 1);
    assert_eq!((old.take(), new.take()), (0, 1));
}

// F4
#[test]
#[cfg_attr(miri, ignore = "no F_DUPFD with a high number")]
fn a_number_that_is_used_again_is_registered_again() {
    const NUMBER: RawFd = 710;
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (kept, writer) = pipe();
    for _ in 0..100 {
        // A duplicate of one and the same open file, too, whose registration would be found under that number.
        let duplicate: File = duplicate_at(NUMBER, &kept).into();
        assert_eq!(duplicate.as_raw_fd(), NUMBER);
        let fd = AsyncFd::new(duplicate).unwrap();
        let count = Count::new();
        wait_for(&fd, &count);
        write(&writer, b"x");
        assert_eq!((turn(&rt).0, count.take()), (1, 1));
        wait_for(&fd, &count);
    }
    let metrics = rt.metrics();
    assert_eq!((metrics.epoll_ctls, metrics.epoll_ctl_errors, metrics.sources_alive), (201, 0, 0));
}

// K8: the duplicate keeps the open file alive, and must not keep the registration.
#[test]
fn a_duplicate_that_outlives_its_async_fd_delivers_nothing() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let _duplicate = reader.try_clone().unwrap();
    let fd = AsyncFd::new(reader).unwrap();
    wait_for(&fd, &Count::new());
    drop(fd);
    write(&writer, b"x");
    assert_eq!(counted(&rt, || assert_eq!(turn(&rt), (0, 0, 0))), [("turns", 1), ("epoll_waits", 1)]);
    assert_eq!(rt.metrics().epoll_ctl_errors, 0);
}

/// An `AsyncFd` whose descriptor was closed and replaced by `other` behind egret's back, while a duplicate keeps its
/// registration in the kernel alive.
fn replaced(reader: File, other: File) -> AsyncFd<File> {
    let mut fd = AsyncFd::new(reader).unwrap();
    *fd.get_mut() = other;
    fd
}

// K8, F3: events under the old number keep coming, and the place of the old source is a new one's.
#[test]
#[cfg_attr(miri, ignore = "no F_DUPFD with a high number")]
fn events_of_a_registration_that_outlived_its_source_reach_nobody() {
    const NUMBER: RawFd = 720;
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (old, old_writer) = pipe_at(NUMBER);
    let _duplicate = old.try_clone().unwrap();
    let gone = replaced(old, eventfd(0, false));
    turn(&rt);
    let moved = counted(&rt, || drop(gone));
    assert_eq!(moved, [("epoll_ctls", 1), ("epoll_ctl_errors", 1), ("sources_alive", -1)]);

    // The same number, and the same place in the slab.
    let (new, new_writer) = pipe_at(NUMBER);
    let new = AsyncFd::new(new).unwrap();
    let count = Count::new();
    wait_for(&new, &count);
    for _ in 0..3 {
        write(&old_writer, b"x");
        let moved = counted(&rt, || assert_eq!(turn(&rt), (1, 0, 0)));
        assert_eq!(moved, [("turns", 1), ("stale_generations", 1), ("epoll_waits", 1), ("events", 1)]);
        // No busy loop of it: one event for each write.
        assert_eq!(turn(&rt), (0, 0, 0));
        assert!(new.poll_read_ready(&mut Context::from_waker(&Waker::from(count.clone()))).is_pending());
        assert_eq!(count.take(), 0);
    }
    write(&new_writer, b"x");
    assert_eq!((turn(&rt).0, count.take()), (1, 1));
}

// F9: a descriptor was closed behind egret's back, and its number is reused by the time its
// `AsyncFd` is dropped.
#[test]
#[cfg_attr(miri, ignore = "no F_DUPFD with a high number")]
fn an_async_fd_whose_descriptor_was_closed_does_not_end_the_registration_of_the_next_with_its_number() {
    const NUMBER: RawFd = 730;
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (old, _old_writer) = pipe_at(NUMBER);
    let gone = replaced(old, eventfd(0, false));
    let (new, new_writer) = pipe_at(NUMBER);
    let new = AsyncFd::new(new).unwrap();
    let count = Count::new();
    wait_for(&new, &count);
    turn(&rt);
    drop(gone);
    write(&new_writer, b"x");
    assert_eq!((turn(&rt).0, count.take()), (1, 1));
}

// F9
#[test]
#[cfg_attr(miri, ignore = "no F_DUPFD with a high number")]
fn a_descriptor_that_was_closed_first_and_its_async_fd_after_is_counted_and_nothing_else() {
    const NUMBER: RawFd = 740;
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, _writer) = pipe_at(NUMBER);
    // SAFETY: the number is open now. It is closed below while this lives, which is what the test is about; all
    // that is done with it then is EPOLL_CTL_DEL on the runtime's own epoll, which can hit no other descriptor.
    let borrowed = unsafe { BorrowedFd::borrow_raw(NUMBER) };
    let fd = AsyncFd::new(borrowed).unwrap();
    drop(reader);
    let moved = counted(&rt, || drop(fd));
    assert_eq!(moved, [("epoll_ctls", 1), ("epoll_ctl_errors", 1), ("sources_alive", -1)]);
}

// F6
#[test]
#[cfg_attr(miri, ignore = "no regular files in its epoll")]
fn refused_registrations_leave_nothing_in_the_slab() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (baseline, _writer) = pipe();
    let baseline = AsyncFd::new(baseline).unwrap();
    let file = File::open("/proc/self/exe").unwrap();
    for _ in 0..1000 {
        assert!(AsyncFd::new(&file).is_err());
        assert!(AsyncFd::try_new(baseline.get_ref()).is_err(), "registered already");
    }
    assert_eq!(rt.metrics().sources_alive, 1);
    // Where they would have been, others are: it is the first free place that is taken.
    let count = Count::new();
    let (reader, writer) = pipe();
    let fd = AsyncFd::new(reader).unwrap();
    wait_for(&fd, &count);
    write(&writer, b"x");
    assert_eq!((turn(&rt).0, count.take()), (1, 1));
}

/// A descriptor that records its close.
struct Noisy(Option<File>, Trace<String>);

impl AsFd for Noisy {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_ref().unwrap().as_fd()
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        drop(self.0.take());
        self.1.push("closed".to_owned());
    }
}

// The order of a drop: DEL, slot, waiters, close.
#[test]
fn an_async_fd_is_taken_from_epoll_then_from_the_slab_then_its_waiters_are_woken_then_it_is_closed() {
    let rt = Rc::new(Runtime::new().unwrap());
    let _inside = rt.enter();
    for by_into_inner in [false, true] {
        let trace = Trace::new();
        let (reader, writer) = pipe();
        let fd = AsyncFd::new(Noisy(Some(reader), trace.clone())).unwrap();
        let ctls = rt.metrics().epoll_ctls;
        let waker = hooked({
            let (rt, trace) = (rt.clone(), trace.clone());
            move |call| {
                if call == Call::Wake {
                    let metrics = rt.metrics();
                    let (ctls, alive) = (metrics.epoll_ctls - ctls, metrics.sources_alive);
                    trace.push(format!("woken after {ctls} epoll_ctl with {alive} alive"));
                    write(&writer, b"x"); // the other end is open still
                }
            }
        });
        let blocks = |noisy: &Noisy| read(noisy.0.as_ref().unwrap());
        assert!(fd.poll_read_with(&mut Context::from_waker(&waker), blocks).is_pending());
        let mut expected = vec!["woken after 1 epoll_ctl with 0 alive"];
        if by_into_inner {
            let handed_back = fd.into_inner();
            assert_eq!(trace.take(), expected);
            assert_eq!(read(handed_back.0.as_ref().unwrap()).unwrap(), b"x");
        } else {
            drop(fd);
            expected.push("closed");
            assert_eq!(trace.take(), expected);
        }
    }
}

#[test]
fn a_descriptor_that_was_handed_back_may_be_registered_again_here_or_elsewhere() {
    let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (mut reader, writer) = pipe();
    for rt in [&a, &b, &a] {
        let _inside = rt.enter();
        let fd = AsyncFd::new(reader).unwrap();
        let count = Count::new();
        wait_for(&fd, &count);
        write(&writer, b"x");
        assert_eq!((turn(rt).0, count.take()), (1, 1));
        reader = fd.into_inner();
        assert_eq!(read(&reader).unwrap(), b"x");
        assert_eq!(rt.metrics().sources_alive, 0);
    }
}

// The peer's close and a descriptor that goes in the poll that was woken for it.
#[test]
fn ten_thousand_descriptors_in_one_place_one_after_the_other_are_never_mixed_up() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let wakes = Rc::new(Cell::new(0));
    for round in 0..many(10_000, 30) as u32 {
        let (ours, theirs) = pair();
        let fd = AsyncFd::new(ours).unwrap();
        let handle = rt.spawn({
            let wakes = wakes.clone();
            async move {
                let got = fd.read_with(read).await.unwrap();
                wakes.set(wakes.get() + 1);
                u32::from_ne_bytes(got.try_into().unwrap())
            }
        });
        assert_eq!(turn(&rt), (1, 0, 1)); // the event of its registration: it is writable
        write(&theirs, &round.to_ne_bytes());
        drop(theirs);
        assert_eq!(turn(&rt), (1, 1, 1));
        let got = pin!(handle).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(got, Poll::Ready(Ok(got)) if got == round), "{round}");
    }
    let metrics = rt.metrics();
    assert_eq!((metrics.stale_generations, metrics.sources_alive, metrics.epoll_ctl_errors), (0, 0, 0));
}
