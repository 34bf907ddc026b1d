//! `Handle::block_on`: a future on a thread that has no loop.

use egret_runtime::io::pipe::pipe;
use egret_runtime::runtime::{Handle, Runtime};
use egret_runtime::task::{self, JoinError, spawn_blocking, yield_now};
use egret_runtime::time::sleep;
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// Runs `f` on a thread, with a handle of a runtime that this thread drives until `f` is over.
fn beside_a_loop<T: Send + 'static>(f: impl FnOnce(Handle) -> T + Send + 'static) -> T {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    rt.block_on(async move { spawn_blocking(move || thread::spawn(move || f(handle)).join()).await })
        .unwrap()
        .unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

#[test]
fn a_thread_waits_for_a_task_that_uses_the_timers_of_the_loop() {
    let (slept_on, waited_on) = beside_a_loop(|handle| {
        let task = handle.spawn_with(|| async {
            sleep(Duration::from_micros(10)).await;
            thread::current().id()
        });
        (handle.block_on(task).unwrap(), thread::current().id())
    });
    assert_ne!(slept_on, waited_on);
}

#[test]
fn the_future_stays_on_the_thread_and_need_not_be_send() {
    let count = beside_a_loop(|handle| {
        let count = Rc::new(Cell::new(0));
        let theirs = count.clone();
        handle.block_on(async move {
            for _ in 0..3 {
                theirs.set(theirs.get() + 1);
                yield_now().await; // a wake from within the poll
            }
        });
        count.get()
    });
    assert_eq!(count, 3);
}

#[test]
fn the_runtime_of_the_handle_is_the_current_one_inside_and_only_there() {
    beside_a_loop(|handle| {
        assert!(Handle::try_current().is_err());
        handle.block_on(async {
            assert_eq!(Handle::current().id(), handle.id());
            assert_eq!(Handle::current().spawn(async { 42 }).await.unwrap(), 42);
        });
        assert!(Handle::try_current().is_err());
        let caught = catch_unwind(AssertUnwindSafe(|| handle.block_on(async { panic!("inside") })));
        assert!(caught.is_err() && Handle::try_current().is_err());
    });
}

#[test]
fn what_belongs_to_the_loop_panics_there_and_says_what_to_do() {
    let message = beside_a_loop(|handle| {
        let spawns = AssertUnwindSafe(|| handle.block_on(async { drop(egret_runtime::spawn(async {})) }));
        *catch_unwind(spawns).unwrap_err().downcast::<String>().unwrap()
    });
    assert!(message.contains("`Handle::block_on`") && message.contains("`spawn_with`"), "{message}");
}

#[test]
fn under_a_guard_a_wait_for_the_loop_panics_and_every_other_wait_does_not() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    let _inside = rt.enter();
    handle.block_on(sleep(Duration::ZERO)); // no wait
    assert_eq!(handle.block_on(spawn_blocking(|| 42)).unwrap(), 42); // by a thread of the pool

    let (_sender, receiver) = pipe().unwrap();
    let sleeps = AssertUnwindSafe(|| handle.block_on(sleep(Duration::from_secs(3600))));
    let reads = AssertUnwindSafe(|| handle.block_on(receiver.readable()));
    for result in [catch_unwind(sleeps), catch_unwind(reads).map(drop)] {
        let message = *result.unwrap_err().downcast::<&str>().expect("a message");
        assert!(message.contains("call `Runtime::block_on`"), "{message}");
    }
    assert_eq!(rt.metrics().timers_alive, 0);
    rt.block_on(sleep(Duration::from_micros(10)));
}

#[test]
fn inside_of_a_runtime_it_panics_and_says_to_await() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    let from_block_on = rt.block_on(async { catch_unwind(AssertUnwindSafe(|| handle.block_on(async {}))) });
    let theirs = rt.handle();
    let task = rt.spawn(async move { theirs.block_on(async {}) });
    let from_task = rt.block_on(task).map_err(JoinError::into_panic);
    for payload in [from_block_on.unwrap_err(), from_task.unwrap_err()] {
        let message = payload.downcast_ref::<&str>().expect("a message");
        assert!(message.contains("await the future"), "{message}");
    }
    handle.block_on(async {}); // outside again
}

#[test]
fn a_wake_by_another_thread_ends_the_wait_and_an_unpark_without_one_does_not_poll() {
    let rt = Runtime::new().unwrap();
    let (send, receive) = mpsc::channel::<(Waker, thread::Thread)>();
    let wakes = thread::spawn(move || {
        for (waker, thread) in receive {
            thread.unpark(); // of other code: no reason to poll
            waker.wake();
        }
    });
    let mut polls = 0;
    rt.handle().block_on(poll_fn(|cx| {
        polls += 1;
        if polls == 100 {
            return Poll::Ready(());
        }
        send.send((cx.waker().clone(), thread::current())).unwrap();
        Poll::Pending
    }));
    assert_eq!(polls, 100);
    drop(send);
    wakes.join().unwrap();
}

#[test]
fn a_future_that_parks_its_thread_by_itself_loses_no_wake() {
    let rt = Runtime::new().unwrap();
    let mut woken = false;
    rt.handle().block_on(poll_fn(|cx| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        thread::park(); // takes the token of that wake
        Poll::Pending
    }));
}

#[test]
fn the_end_of_the_runtime_ends_the_wait_for_its_tasks() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    let (begin, begun) = mpsc::channel();
    let waits = thread::spawn(move || {
        let task = handle.spawn_with(pending::<()>);
        let mut task = std::pin::pin!(task);
        handle.block_on(poll_fn(|cx| {
            let polled = task.as_mut().poll(cx);
            let _ = begin.send(());
            polled
        }))
    });
    begun.recv().unwrap();
    drop(rt);
    assert!(waits.join().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn a_job_that_blocks_on_a_future_keeps_its_number() {
    egret_runtime::block_on(async {
        let job = spawn_blocking(|| (task::id(), Handle::current().block_on(async { task::id() })));
        let id = job.id();
        assert_eq!(job.await.unwrap(), (id, id));
    });
}
