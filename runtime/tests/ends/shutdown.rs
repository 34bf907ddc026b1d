//! The end of a runtime: each remaining task is dropped once, on the loop's thread and inside the runtime.
//!
//! `outlive.rs` has the objects that outlive it. Wakers are used after their runtime here too, which may change the counters
//! of tests that run in parallel; so no test of this file reads those of remote wakes.

#![allow(missing_docs)]

use crate::support::fds::{pipe, read, write};
use crate::support::wakers::{Call, hooked};
use crate::support::{OnDrop, Trace, bounded, hold, many, this_waker, turn};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use egret_runtime::task::JoinHandle;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;

fn drops_into(trace: &Trace<u32>, depth: u32) -> impl Future<Output = ()> + use<> {
    let trace = trace.clone();
    hold(OnDrop::new(move || {
        trace.push(depth);
        if depth > 0 {
            let spawned = egret_runtime::spawn(drops_into(&trace, depth - 1));
            assert!(spawned.is_finished());
        }
    }))
}

// D3
#[test]
fn what_a_destructor_spawns_at_shutdown_is_dropped_at_once_and_once() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    for depth in [3, 1] {
        drop(rt.spawn(drops_into(&trace, depth)));
    }
    turn(&rt);
    drop(rt);
    assert_eq!(trace.take(), [3, 2, 1, 0, 1, 0]);
}

// D3: no task's descriptor is taken from it before it was dropped.
#[test]
fn a_destructor_at_shutdown_finds_descriptors_that_work() {
    let rt = Runtime::new().unwrap();
    let (reader, writer) = pipe();
    let fd = {
        let _inside = rt.enter();
        AsyncFd::new(reader).unwrap()
    };
    let got = Trace::new();
    let log = got.clone();
    drop(rt.spawn(hold(OnDrop::new(move || {
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(fd.poll_read_with(cx, read).is_pending());
        write(&writer, b"last words");
        log.push(read(fd.get_ref()).unwrap());
        let another = AsyncFd::new(writer).unwrap();
        assert!(another.poll_write_ready(cx).is_ready());
    }))));
    turn(&rt);
    drop(rt);
    assert_eq!(got.take(), [b"last words"]);
}

thread_local! {
    static RUNTIME_OF_THREAD: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    static THINGS_OF_THREAD: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

// D5: the runtime is dropped by the end of its thread, before and after what belongs to it.
#[test]
fn a_runtime_in_a_thread_local_drops_its_tasks_when_the_thread_ends() {
    for things_first in [true, false] {
        let (send, dropped) = channel();
        let thread = thread::spawn(move || {
            if things_first {
                THINGS_OF_THREAD.with_borrow_mut(Vec::clear);
            }
            RUNTIME_OF_THREAD.set(Some(Runtime::new().unwrap()));
            RUNTIME_OF_THREAD.with_borrow(|rt| {
                let rt = rt.as_ref().unwrap();
                let _inside = rt.enter();
                for task in 0..3 {
                    let send = send.clone();
                    let fd = AsyncFd::new(pipe().0).unwrap();
                    let guard = OnDrop::new(move || {
                        drop(egret_runtime::spawn(async {}));
                        send.send((task, thread::current().id())).unwrap();
                    });
                    drop(rt.spawn(async move {
                        this_waker().await.wake();
                        hold((guard, fd)).await
                    }));
                }
                turn(rt);
                let things: [Box<dyn Any>; 3] = [
                    Box::new(rt.spawn(hold(()))),
                    Box::new(AsyncFd::new(pipe().0).unwrap()),
                    Box::new(rt.block_on(this_waker())),
                ];
                THINGS_OF_THREAD.with_borrow_mut(|kept| kept.extend(things));
            });
        });
        let id = thread.thread().id();
        thread.join().unwrap();
        assert_eq!(dropped.iter().collect::<Vec<_>>(), [(0, id), (1, id), (2, id)]);
    }
}

// D6: the destructor of one task waits for what another thread does because of the destructor of another, and
// that thread uses the runtime meanwhile.
#[test]
fn destructors_that_wait_for_each_other_through_another_thread_come_to_an_end() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let (to_thread, of_loop) = channel::<Waker>();
        let (to_loop, of_thread) = channel::<()>();
        let thread = thread::spawn(move || {
            for waker in of_loop {
                waker.wake();
                to_loop.send(()).unwrap();
            }
        });
        let trace = Trace::new();
        let (log, sender) = (trace.clone(), to_thread.clone());
        let waker = rt.block_on(this_waker());
        drop(rt.spawn(hold(OnDrop::new(move || {
            sender.send(waker).unwrap();
            log.push("first");
        }))));
        let log = trace.clone();
        drop(rt.spawn(hold(OnDrop::new(move || {
            of_thread.recv().unwrap();
            log.push("second");
        }))));
        drop(to_thread);
        turn(&rt);
        drop(rt);
        thread.join().unwrap();
        assert_eq!(trace.take(), ["first", "second"]);
    });
}

// D9
#[test]
fn when_block_on_returns_every_task_that_it_spawned_is_dropped() {
    bounded(|| {
        let dropped = Trace::new();
        egret_runtime::block_on(async {
            let nested = dropped.clone();
            drop(egret_runtime::spawn(async move {
                drop(egret_runtime::spawn(hold(nested.on_drop("spawned by a task"))));
                hold(nested.on_drop("parked")).await
            }));
            drop(egret_runtime::spawn(hold(dropped.on_drop("never woken"))));
            egret_runtime::task::yield_now().await;
            drop(egret_runtime::spawn(hold(dropped.on_drop("never polled"))));
        });
        let mut dropped = dropped.take();
        dropped.sort_unstable();
        assert_eq!(dropped, ["never polled", "never woken", "parked", "spawned by a task"]);
    });
}

// D11
#[test]
fn what_a_future_held_is_released_before_its_handle_resolves() {
    bounded(|| {
        let trace = Trace::new();
        let release = |name| trace.on_drop(name);
        egret_runtime::block_on(async {
            let held = release("completed");
            let completes = egret_runtime::spawn(async move {
                let _held = held;
                egret_runtime::task::yield_now().await;
            });
            completes.await.unwrap();
            trace.push("resolved");

            let held = release("panicked");
            let panics: JoinHandle<()> = egret_runtime::spawn(async move {
                let _held = held;
                panic!("with something in hand")
            });
            let error = panics.await.unwrap_err();
            assert!(error.is_panic());
            trace.push("resolved");

            let aborted = egret_runtime::spawn(hold(release("aborted")));
            egret_runtime::task::yield_now().await;
            aborted.abort();
            trace.push("abort returned");
            assert!(aborted.await.unwrap_err().is_cancelled());

            let never_polled = egret_runtime::spawn(hold(release("aborted before its first poll")));
            never_polled.abort();
            trace.push("abort returned");
        });
        let expected = [
            ["completed", "resolved"],
            ["panicked", "resolved"],
            ["aborted", "abort returned"],
            ["aborted before its first poll", "abort returned"],
        ];
        assert_eq!(trace.take(), expected.concat());
    });
}

// D11: and before the waiter is woken.
#[test]
fn what_a_future_held_is_released_before_who_awaits_its_handle_is_woken() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    type End = fn(&Runtime, &JoinHandle<()>);
    let ends: [(&str, End); 2] = [
        ("completes", |rt, _| {
            turn(rt);
        }),
        ("aborted", |_, handle| handle.abort()),
    ];
    for (name, end) in ends {
        let held = trace.on_drop("released");
        let mut handle = rt.spawn(async move {
            let _held = held;
        });
        let log = trace.clone();
        let waker = hooked(move |call| {
            if call == Call::Wake {
                log.push("woken");
            }
        });
        assert!(Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
        end(&rt, &handle);
        assert_eq!(trace.take(), ["released", "woken"], "{name}");
    }
}

/// The processor time that this thread has used, which other processes do not add to.
#[cfg(not(miri))]
fn thread_time() -> std::time::Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which lives across the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0);
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(miri)]
fn thread_time() -> std::time::Duration {
    std::time::Duration::ZERO
}

/// How long the drop of a runtime with `tasks` parked tasks takes.
fn time_of_shutdown(tasks: usize) -> std::time::Duration {
    let rt = Runtime::new().unwrap();
    let here = thread::current().id();
    let dropped = Rc::new(Cell::new(0));
    for _ in 0..tasks {
        let dropped = dropped.clone();
        drop(rt.spawn(hold(OnDrop::new(move || {
            assert_eq!(thread::current().id(), here);
            dropped.set(dropped.get() + 1);
        }))));
    }
    while turn(&rt).2 != 0 {}
    let start = thread_time();
    drop(rt);
    let taken = thread_time() - start;
    assert_eq!(dropped.get(), tasks);
    taken
}

#[test]
fn a_hundred_thousand_tasks_are_each_dropped_once_at_shutdown_in_time_that_grows_with_their_number() {
    let (few, all) = (many(10_000, 20), many(100_000, 200));
    let best = |tasks| (0..3).map(|_| time_of_shutdown(tasks)).min().unwrap();
    let (few, all) = (best(few), time_of_shutdown(all));
    // Ten times the work: 10 if it is linear, with room for caches; 100 if it is quadratic.
    assert!(all <= 40 * few, "{few:?} {all:?}");
}

// The future is dropped in place although a handle is still alive.
#[test]
fn a_future_that_is_pinned_in_its_task_is_dropped_where_it_was_polled() {
    struct KnowsItsPlace(Cell<usize>, Trace<bool>, std::marker::PhantomPinned);
    impl KnowsItsPlace {
        fn here(&self) -> usize {
            std::ptr::from_ref(self).addr()
        }
    }
    impl Future for KnowsItsPlace {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            self.0.set(self.here());
            Poll::Pending
        }
    }
    impl Drop for KnowsItsPlace {
        fn drop(&mut self) {
            self.1.push(self.0.get() == self.here());
        }
    }
    let trace = Trace::new();
    let future = || KnowsItsPlace(Cell::new(0), trace.clone(), std::marker::PhantomPinned);
    let rt = Runtime::new().unwrap();
    let (aborted, _kept) = (rt.spawn(future()), rt.spawn(future()));
    turn(&rt);
    aborted.abort();
    drop(rt);
    assert_eq!(trace.take(), [true, true]);
}
