//! Wakers that panic: the wakers behind them are woken all the same, and the loop continues.

#![allow(missing_docs)]

use crate::support::fds::{pipe, read, write};
use crate::support::wakers::{Call, Count, hooked};
use crate::support::{Gate, OnDrop, Trace, hold, outcome, turn};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Panics when it is woken.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("in wake");
    }
}

/// Waits for `fd` to be readable until the future is dropped: any number may, by futures.
fn wait_for(fd: &AsyncFd<std::fs::File>, waker: Waker) -> Pin<Box<impl Future + '_>> {
    let mut wait = Box::pin(fd.readable());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    wait
}

// P4
#[test]
fn a_waker_that_panics_does_not_keep_those_behind_it_in_the_batch_from_being_woken() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (first, behind, on_the_other) = (Count::new(), Count::new(), Count::new());
    let pipes = [pipe(), pipe()];
    let fds = pipes.each_ref().map(|(reader, _)| AsyncFd::new(reader.try_clone().unwrap()).unwrap());
    for round in 0..2 {
        let _waits = [
            wait_for(&fds[0], first.clone().into()),
            wait_for(&fds[0], Arc::new(Bomb).into()),
            wait_for(&fds[0], behind.clone().into()),
            wait_for(&fds[1], on_the_other.clone().into()),
        ];
        for (_, writer) in &pipes {
            write(writer, b"x");
        }
        assert_eq!(turn(&rt).0, 2);
        assert_eq!((first.take(), behind.take(), on_the_other.take()), (1, 1, 1), "{round}");
        for fd in &fds {
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(matches!(fd.poll_read_with(cx, read), Poll::Ready(Ok(bytes)) if bytes == b"x"));
            assert!(fd.poll_read_with(cx, read).is_pending());
        }
    }
}

// P4
#[test]
fn a_waker_that_panics_when_its_descriptor_or_its_runtime_is_dropped_harms_nobody() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let ((one, _writer), (two, _other_writer)) = (pipe(), pipe());
    let [one, two] = [one, two].map(|reader| AsyncFd::new(reader).unwrap());
    let count = Count::new();
    for fd in [&one, &two] {
        // The one that waits to read is woken before the one that waits to write.
        let (bomb, behind) = (Waker::from(Arc::new(Bomb)), Waker::from(count.clone()));
        assert!(fd.poll_read_with(&mut Context::from_waker(&bomb), read).is_pending());
        let refused = |_: &std::fs::File| std::io::Result::<()>::Err(std::io::ErrorKind::WouldBlock.into());
        assert!(fd.poll_write_with(&mut Context::from_waker(&behind), refused).is_pending());
    }
    drop(one);
    assert_eq!((count.take(), rt.metrics().sources_alive), (1, 1));
    let trace = Trace::new();
    drop(rt.spawn(hold(trace.on_drop("task dropped"))));
    drop(inside);
    drop(rt);
    assert_eq!((count.take(), trace.take()), (1, vec!["task dropped"]));
}

/// The payload of a panic, which panics when it is dropped.
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("the payload");
    }
}

// P4
#[test]
fn a_waker_that_panics_with_a_payload_that_panics_harms_nobody() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let fd = AsyncFd::new(reader).unwrap();
    let behind = Count::new();
    let bomb = hooked(|call| {
        if call == Call::Wake {
            panic_any(PanicsInDrop)
        }
    });
    let _waits = [wait_for(&fd, bomb), wait_for(&fd, behind.clone().into())];
    write(&writer, b"x");
    let turned = catch_unwind(AssertUnwindSafe(|| turn(&rt)));
    assert_eq!(behind.take(), 1);
    assert_eq!(turned.unwrap().0, 1);
}

// P7
#[test]
fn a_task_that_panics_with_a_payload_that_panics_ends_alone() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    drop(rt.spawn(async { panic_any(PanicsInDrop) }));
    drop(rt.spawn(hold(OnDrop::new(|| panic_any(PanicsInDrop)))));
    drop(rt.spawn(hold(trace.on_drop("the last"))));
    assert_eq!(turn(&rt), (0, 0, 3));
    assert_eq!(rt.metrics().tasks_alive, 2);
    drop(rt);
    assert_eq!(trace.take(), ["the last"]);
}

// P4
#[test]
fn a_waker_that_panics_when_it_is_told_of_a_finished_task_does_not_end_the_loop() {
    let rt = Runtime::new().unwrap();
    let gate = Gate::default();
    let bomb = Waker::from(Arc::new(Bomb));
    let mut handle = rt.spawn(gate.clone().wait());
    turn(&rt);
    assert!(Pin::new(&mut handle).poll(&mut Context::from_waker(&bomb)).is_pending());
    let trace = Trace::new();
    drop(rt.spawn({
        let (gate, trace) = (gate.clone(), trace.clone());
        async move {
            gate.wait().await;
            trace.push("behind it");
        }
    }));
    turn(&rt);
    gate.open();
    assert_eq!(turn(&rt).2, 2);
    assert_eq!(trace.take(), ["behind it"]);
    assert!(outcome(handle).is_ok());
    assert_eq!(rt.metrics().tasks_alive, 0);
}
