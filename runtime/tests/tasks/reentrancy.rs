//! User code that re-enters the runtime from a destructor, a waker or the task itself.
//!
//! A runtime that kept a borrow there would panic, and one with a half-made change would hang
//! or repeat it; so each test asserts the whole sequence.

#![allow(missing_docs)]

use crate::support::fds::{pipe, read, write};
use crate::support::wakers::{Call, hooked};
use crate::support::{Gate, OnDrop, Trace, bounded, counted, hold, outcome, this_waker, turn};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use egret_runtime::task::JoinHandle;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Does in its destructor all that a task may do. There are two other tasks then: one that it wakes, which is
/// the one of the handle, and one that it aborts.
fn busy_destructor(rt: &Runtime, trace: &Trace) -> (OnDrop, JoinHandle<()>) {
    let gate = Gate::default();
    let sleeper = rt.spawn({
        let (gate, trace) = (gate.clone(), trace.clone());
        async move {
            let _guard = trace.on_drop("sleeper dropped");
            gate.wait().await;
            trace.push("sleeper ran");
        }
    });
    let victim = rt.spawn(hold(trace.on_drop("victim dropped")));
    turn(rt);
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let registered = AsyncFd::new(reader).unwrap();
    let trace = trace.clone();
    let destructor = OnDrop::new(move || {
        trace.push("destructor");
        let (guard, ran) = (trace.on_drop("spawned dropped"), trace.clone());
        drop(egret_runtime::spawn(async move {
            let _guard = guard;
            ran.push("spawned ran");
        }));
        gate.open();
        victim.abort();
        drop(registered);
        let another = AsyncFd::new(writer).unwrap();
        let poll = another.poll_write_with(&mut Context::from_waker(Waker::noop()), |_| Ok(()));
        assert!(matches!(poll, Poll::Ready(Ok(()))));
        trace.push("destructor done");
    });
    (destructor, sleeper)
}

// R2
#[test]
fn a_destructor_may_spawn_wake_abort_register_and_close_when_its_task_completes() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let (destructor, _sleeper) = busy_destructor(&rt, &trace);
    let gate = Gate::default();
    let handle = rt.spawn({
        let gate = gate.clone();
        async move {
            let _destructor = destructor;
            gate.wait().await;
        }
    });
    turn(&rt);
    let inside = rt.enter();
    gate.open();
    drop(inside);
    turn(&rt);
    assert!(handle.is_finished());
    assert_eq!(trace.take(), ["destructor", "victim dropped", "destructor done"]);
    turn(&rt);
    assert_eq!(trace.take(), ["spawned ran", "spawned dropped", "sleeper ran", "sleeper dropped"]);
    assert_eq!((rt.metrics().tasks_alive, rt.metrics().sources_alive), (0, 0));
}

// R2
#[test]
fn a_destructor_may_spawn_wake_abort_register_and_close_when_its_task_is_aborted() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let (destructor, _sleeper) = busy_destructor(&rt, &trace);
    let handle = rt.spawn(hold(destructor));
    turn(&rt);
    let inside = rt.enter();
    handle.abort();
    drop(inside);
    assert!(handle.is_finished());
    assert_eq!(trace.take(), ["destructor", "victim dropped", "destructor done"]);
    turn(&rt);
    assert_eq!(trace.take(), ["spawned ran", "spawned dropped", "sleeper ran", "sleeper dropped"]);
    assert_eq!((rt.metrics().tasks_alive, rt.metrics().sources_alive), (0, 0));
}

// R2, D3
#[test]
fn a_destructor_may_spawn_wake_abort_register_and_close_when_its_runtime_is_dropped() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    // Its task is the first to be dropped, before the one that it wakes and the one that it aborts.
    let held = Rc::new(RefCell::new(None));
    drop(rt.spawn(hold(held.clone())));
    let (destructor, sleeper) = busy_destructor(&rt, &trace);
    held.replace(Some(destructor));
    drop(held);
    drop(rt);
    let expected = ["destructor", "spawned dropped", "victim dropped", "destructor done", "sleeper dropped"];
    assert_eq!(trace.take(), expected);
    assert!(sleeper.is_finished());
}

// R2: the executor drops the output of a detached task.
#[test]
fn the_destructor_of_an_output_may_spawn() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let output = {
        let trace = trace.clone();
        OnDrop::new(move || {
            trace.push("output dropped");
            let trace = trace.clone();
            drop(egret_runtime::spawn(async move { trace.push("spawned ran") }));
        })
    };
    drop(rt.spawn(async move { output }));
    assert_eq!(turn(&rt), (0, 0, 1));
    assert_eq!(turn(&rt), (0, 0, 1));
    assert_eq!(trace.take(), ["output dropped", "spawned ran"]);
}

// R3: a waker whose clone, wake and drop come back to the descriptor that it waits for, in either direction.
#[test]
fn a_waker_may_use_the_descriptor_that_it_waits_for_whenever_it_is_touched() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let (reader, writer) = pipe();
    let fd = Rc::new(AsyncFd::new(reader).unwrap());
    let trace = Trace::<Call>::new();
    let nested = Rc::new(Cell::new(0));
    let count = nested.clone();
    let other = hooked(move |call| count.set(count.get() + u32::from(call == Call::Wake)));
    let kept = RefCell::new(None::<Pin<Box<dyn Future<Output = ()>>>>);
    let waker = hooked({
        let (fd, trace) = (fd.clone(), trace.clone());
        move |call| {
            trace.push(call);
            // Waits there itself, in a place that it keeps and in one that it gives up, and registers another.
            let cx = &mut Context::from_waker(&other);
            let fd = fd.clone();
            let mut wait = kept.take().unwrap_or_else(|| {
                let fd = fd.clone();
                Box::pin(async move { drop(fd.readable().await) })
            });
            let ready = wait.as_mut().poll(cx).is_ready();
            assert_eq!(ready, call == Call::Wake);
            kept.replace((!ready).then_some(wait));
            assert_eq!(pin!(fd.readable()).poll(cx).is_ready(), ready);
            drop(AsyncFd::new(pipe().0)); // an error when the runtime is going
        }
    });
    let cx = &mut Context::from_waker(&waker);
    assert!(fd.poll_read_with(cx, read).is_pending());
    assert_eq!(trace.take(), [Call::Clone]);
    assert!(fd.poll_read_with(cx, read).is_pending());
    assert_eq!(trace.take(), []); // it waits already
    assert!(fd.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(trace.take(), [Call::Drop]); // its place is that of the last
    assert!(fd.poll_read_with(cx, read).is_pending());
    assert_eq!(trace.take(), [Call::Clone]);
    let mut wait = Box::pin(fd.read_with(read));
    assert!(wait.as_mut().poll(cx).is_pending());
    assert_eq!(trace.take(), [Call::Clone]);
    drop(wait);
    assert_eq!(trace.take(), [Call::Drop]);

    write(&writer, b"x");
    assert_eq!(turn(&rt).0, 1);
    assert_eq!((trace.take(), nested.take()), (vec![Call::Wake], 1));
    assert!(matches!(fd.poll_read_with(cx, read), Poll::Ready(Ok(bytes)) if bytes == b"x"));
    assert!(fd.poll_read_with(cx, read).is_pending());
    assert_eq!(trace.take(), [Call::Clone]);
    assert_eq!(rt.metrics().sources_alive, 1);
    drop(waker);
    assert_eq!(trace.take(), [Call::Drop]);
    drop(inside);
    drop(rt);
    assert_eq!((trace.take(), nested.take()), (vec![Call::Wake], 1));
}

// R3: the same for the one that waits in a handle.
#[test]
fn a_waker_may_spawn_abort_and_close_whenever_a_handle_touches_it() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let trace = Trace::new();
    let waker = hooked({
        let trace = trace.clone();
        move |call| {
            trace.push(match call {
                Call::Clone => "clone",
                Call::Wake => "wake",
                Call::Drop => "drop",
            });
            let other = egret_runtime::spawn(hold(trace.on_drop("other dropped")));
            other.abort();
            let trace = trace.clone();
            drop(egret_runtime::spawn(async move { trace.push("spawned ran") }));
            drop(AsyncFd::new(pipe().0).unwrap());
        }
    });
    let gate = Gate::default();
    let mut handle = rt.spawn(gate.clone().wait());
    turn(&rt);
    let cx = &mut Context::from_waker(&waker);
    assert!(Pin::new(&mut handle).poll(cx).is_pending());
    assert_eq!(trace.take(), ["clone", "other dropped"]);
    assert!(Pin::new(&mut handle).poll(cx).is_pending());
    assert_eq!(trace.take(), ["clone", "other dropped", "drop", "other dropped"]);
    turn(&rt);
    assert_eq!(trace.take(), ["spawned ran"; 3]);
    gate.open();
    turn(&rt);
    assert_eq!(trace.take(), ["wake", "other dropped"]);
    turn(&rt);
    assert_eq!(trace.take(), ["spawned ran"]);
    assert!(Pin::new(&mut handle).poll(cx).is_ready());

    let mut handle = rt.spawn(pending::<()>());
    assert!(Pin::new(&mut handle).poll(cx).is_pending());
    trace.take();
    drop(handle);
    assert_eq!(trace.take(), ["drop", "other dropped"]);
}

// R3: a waker that, when it is cloned, lets the loop finish the very task whose handle is being polled.
#[test]
fn a_task_that_ends_while_its_handle_clones_a_waker_is_not_awaited_for_ever() {
    let rt = Rc::new(Runtime::new().unwrap());
    let wakes = Rc::new(Cell::new(0));
    let waker = hooked({
        let (rt, wakes) = (rt.clone(), wakes.clone());
        move |call| match call {
            Call::Clone => assert_eq!(turn(&rt), (0, 0, 1)),
            Call::Wake => wakes.set(wakes.get() + 1),
            Call::Drop => {}
        }
    });
    let mut handle = rt.spawn(async { 5 });
    let poll = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
    assert!(poll.is_ready() || wakes.get() == 1, "it is done, and the waiter was not woken");
}

// R3: and one that lets it report the event that it is about to wait for.
#[test]
fn an_event_that_comes_while_its_waiter_clones_a_waker_is_not_waited_for_in_vain() {
    type Wait = fn(&AsyncFd<File>, &mut Context<'_>) -> bool;
    let waits: [(&str, Wait); 2] = [
        ("poll_read_with", |fd, cx| fd.poll_read_with(cx, read).is_ready()),
        ("read_with", |fd, cx| pin!(fd.read_with(read)).poll(cx).is_ready()),
    ];
    for (name, wait) in waits {
        let rt = Rc::new(Runtime::new().unwrap());
        let _inside = rt.enter();
        let (reader, writer) = pipe();
        let fd = AsyncFd::new(reader).unwrap();
        let wakes = Rc::new(Cell::new(0));
        let waker = hooked({
            let (rt, wakes) = (rt.clone(), wakes.clone());
            move |call| match call {
                Call::Clone => {
                    write(&writer, b"x");
                    turn(&rt);
                }
                Call::Wake => wakes.set(wakes.get() + 1),
                Call::Drop => {}
            }
        });
        let done = wait(&fd, &mut Context::from_waker(&waker));
        assert!(done || wakes.get() == 1, "{name}: it is readable, and the waiter was not woken");
    }
}

#[test]
fn a_runtime_may_be_dropped_by_a_task_of_another() {
    let trace = Trace::new();
    let inner = Runtime::new().unwrap();
    drop(inner.spawn(hold(trace.on_drop("inner task dropped"))));
    turn(&inner);
    let outer = Runtime::new().unwrap();
    drop(outer.spawn({
        let trace = trace.clone();
        async move {
            drop(inner);
            trace.push("inner gone");
            drop(egret_runtime::spawn(async move { trace.push("outer spawned") }));
        }
    }));
    turn(&outer);
    turn(&outer);
    assert_eq!(trace.take(), ["inner task dropped", "inner gone", "outer spawned"]);
}

#[test]
fn a_descriptor_that_one_runtime_watches_may_be_awaited_in_another_of_the_same_thread() {
    bounded(|| {
        let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let (reader, writer) = pipe();
        let fd: AsyncFd<File> = {
            let _inside = a.enter();
            AsyncFd::new(reader).unwrap()
        };
        let handle = b.spawn(async move { fd.read_with(read).await });
        assert_eq!(turn(&b), (0, 0, 1));
        write(&writer, b"x");
        assert_eq!(turn(&a), (1, 0, 0));
        let moved = counted(&b, || assert_eq!(turn(&b), (0, 1, 1)));
        assert!(moved.contains(&("remote_wakes", 1)), "{moved:?}");
        assert_eq!(outcome(handle).unwrap().unwrap(), b"x");
        assert_eq!(a.metrics().sources_alive, 0);
    });
}

#[test]
fn the_waker_of_a_task_is_the_same_after_a_nested_poll_by_hand() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let outer = this_waker().await;
            let mut nested = Box::pin(this_waker());
            assert!(nested.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
            assert!(this_waker().await.will_wake(&outer));
        });
    });
}
