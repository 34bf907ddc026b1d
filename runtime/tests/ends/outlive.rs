//! Objects that outlive their runtime are harmless, may be used, and may be dropped in any order.
//!
//! Wakers are used after their runtime here, which may change the counters of tests that run in parallel; so no
//! test of this file reads those of remote wakes.

#![allow(missing_docs)]

use crate::support::fds::{pipe, read, write};
use crate::support::wakers::Count;
use crate::support::{OnDrop, Trace, bounded, hold, many, permutations, this_waker, turn};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::{Runtime, is_rt_shutdown_err};
use egret_runtime::task::JoinHandle;
use std::fs::File;
use std::future::Future;
use std::io;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

/// One of each object that may outlive the runtime.
struct World {
    rt: Option<Runtime>,
    fd: Option<AsyncFd<File>>,
    writer: Option<File>,
    parked: Option<JoinHandle<()>>,
    done: Option<JoinHandle<OnDrop>>,
    waker: Option<Waker>,
}

const RUNTIME: usize = 0;
const DONE: usize = 4;

impl World {
    fn new(trace: &Trace) -> World {
        let rt = Runtime::new().unwrap();
        let (send, receive) = channel();
        let guard = trace.on_drop("future dropped");
        let parked = rt.spawn(async move {
            send.send(this_waker().await).unwrap();
            hold(guard).await
        });
        let output = trace.on_drop("output dropped");
        let done = rt.spawn(async move { output });
        turn(&rt);
        let (reader, writer) = pipe();
        let fd = {
            let _inside = rt.enter();
            AsyncFd::new(reader).unwrap()
        };
        let waker = receive.recv().unwrap();
        World {
            rt: Some(rt),
            fd: Some(fd),
            writer: Some(writer),
            parked: Some(parked),
            done: Some(done),
            waker: Some(waker),
        }
    }

    fn drop_one(&mut self, which: usize) {
        match which {
            RUNTIME => drop(self.rt.take()),
            1 => drop(self.fd.take()),
            2 => drop(self.writer.take()),
            3 => drop(self.parked.take()),
            DONE => drop(self.done.take()),
            _ => drop(self.waker.take()),
        }
    }

    /// Uses the objects that are left.
    fn use_the_rest(&mut self) {
        self.waker.iter().for_each(Waker::wake_by_ref);
        if let Some(rt) = &self.rt {
            turn(rt);
        }
        let cx = &mut Context::from_waker(Waker::noop());
        if let Some(fd) = &self.fd {
            match fd.poll_read_with(cx, read) {
                Poll::Pending => assert!(self.rt.is_some() && self.writer.is_some()),
                Poll::Ready(Ok(bytes)) => assert!(bytes.is_empty() && self.writer.is_none()),
                Poll::Ready(Err(e)) => {
                    assert!(self.rt.is_none());
                    assert!(e.to_string().contains("keep the Runtime for as long as its sockets"), "{e}");
                }
            }
        }
        if let Some(parked) = &self.parked {
            assert_eq!(parked.is_finished(), self.rt.is_none());
            if self.rt.is_none() {
                parked.abort();
            }
        }
        assert!(self.done.iter().all(JoinHandle::is_finished));
    }
}

// D2
#[test]
fn runtime_descriptor_peer_handles_and_waker_may_go_in_any_order_and_be_used_until_they_do() {
    let mut orders = 0;
    permutations(many(6, 4), &mut |order| {
        orders += 1;
        let trace = Trace::new();
        let mut world = World::new(&trace);
        for &which in order {
            world.use_the_rest();
            assert_eq!(trace.take(), [""; 0], "{order:?}");
            world.drop_one(which);
            let expected: &[&str] = match which {
                RUNTIME => &["future dropped"],
                DONE => &["output dropped"],
                _ => &[],
            };
            assert_eq!(trace.take(), expected, "{which} of {order:?}");
        }
        world.use_the_rest();
    });
    assert_eq!(orders, many(720, 24));
}

// D2: the handle of a task that the end of the runtime has cancelled, awaited in another.
#[test]
fn a_handle_outlives_its_runtime_and_says_that_the_task_was_cancelled() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let (parked, done) = (rt.spawn(std::future::pending::<()>()), rt.spawn(async { 5 }));
        turn(&rt);
        let never_polled = rt.spawn(async {});
        drop(rt);
        egret_runtime::block_on(async {
            assert!(parked.await.unwrap_err().is_cancelled());
            assert!(never_polled.await.unwrap_err().is_cancelled());
            assert_eq!(done.await.unwrap(), 5);
        });
    });
}

// D2: a waiter of a descriptor is woken when the runtime ends, with an error that says so.
#[test]
fn a_wait_outside_of_the_runtime_ends_with_the_runtime() {
    let rt = Runtime::new().unwrap();
    let (reader, writer) = pipe();
    let fd = {
        let _inside = rt.enter();
        AsyncFd::new(reader).unwrap()
    };
    let count = Count::new();
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    let mut wait = Box::pin(fd.read_with(read));
    assert!(wait.as_mut().poll(cx).is_pending());
    drop(rt);
    assert_eq!(count.take(), 1);
    let Poll::Ready(Err(error)) = wait.as_mut().poll(cx) else { panic!("it will not be woken") };
    assert!(error.to_string().contains("is gone; keep the Runtime"), "{error}");
    assert!(format!("{error:?}").contains("is gone; keep the Runtime"), "{error:?}");
    assert!(is_rt_shutdown_err(&error));
    assert!(!is_rt_shutdown_err(&io::Error::other(error.to_string())), "its words alone");
    drop(wait);
    // Bytes in the pipe can still be read.
    write(&writer, b"x");
    assert!(matches!(fd.poll_read_with(cx, read), Poll::Ready(Ok(bytes)) if bytes == b"x"));
    assert!(matches!(fd.poll_read_with(cx, read), Poll::Ready(Err(_))));
    assert_eq!(count.take(), 0);
}

// D2: a loop of `readable` and `try_io` must come to an end, too, and not try for ever what would block.
#[test]
fn readiness_that_was_cleared_is_an_error_once_the_runtime_is_gone() {
    let rt = Runtime::new().unwrap();
    let [before, after] = [(); 2].map(|()| {
        let (reader, writer) = pipe();
        let _inside = rt.enter();
        write(&writer, b"x");
        (AsyncFd::new(reader).unwrap(), writer)
    });
    assert_eq!(rt.turn(Some(std::time::Duration::ZERO)).events, 2);
    for (fd, _writer) in [&before, &after] {
        assert_eq!(read(fd.get_ref()).unwrap(), b"x");
    }
    let cx = &mut Context::from_waker(Waker::noop());
    let clear = |fd: &AsyncFd<File>, cx: &mut Context<'_>| {
        let Poll::Ready(Ok(mut guard)) = fd.poll_read_ready(cx) else { panic!("it was reported") };
        assert!(guard.try_io(|fd| read(fd.get_ref())).is_err());
    };
    clear(&before.0, cx);
    drop(rt);
    clear(&after.0, cx);
    for (fd, _writer) in [&before, &after] {
        let Poll::Ready(Err(error)) = fd.poll_read_ready(cx) else { panic!("it will never be ready") };
        assert!(error.to_string().contains("keep the Runtime"), "{error}");
    }
}
