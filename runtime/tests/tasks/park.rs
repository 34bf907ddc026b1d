//! How a loop waits, by counts that do not depend on time.
//!
//! A wait is a turn of an idle loop, with a timeout.

#![allow(missing_docs)]

use egret_runtime::runtime::{Builder, Park, Runtime};
use egret_runtime::task;
use std::time::Duration;

const MOMENT: Duration = Duration::from_micros(1);
const HOUR: Duration = Duration::from_secs(3600);

fn runtime(park: Park) -> Runtime {
    Builder::new().park(park).build().unwrap()
}

/// How many calls of `epoll_wait` and how many spins so many waits are.
fn waits(rt: &Runtime, count: usize) -> (u64, u64) {
    let before = rt.metrics();
    for _ in 0..count {
        rt.turn(Some(MOMENT));
    }
    let after = rt.metrics();
    (after.epoll_waits - before.epoll_waits, after.spins - before.spins)
}

#[test]
fn by_default_each_wait_is_one_sleep() {
    for rt in [Runtime::new().unwrap(), runtime(Park::Sleep)] {
        assert_eq!(waits(&rt, 100), (100, 0));
    }
}

// T6
#[test]
fn a_turn_with_a_timeout_of_zero_is_one_look_and_does_not_sleep() {
    for rt in [runtime(Park::Sleep), runtime(Park::Spin)] {
        let before = rt.metrics();
        let turn = rt.turn(Some(Duration::ZERO));
        let after = rt.metrics();
        assert_eq!((turn.events, turn.polled), (0, 0));
        assert_eq!((after.epoll_waits - before.epoll_waits, after.spins), (1, 0));
    }
}

#[test]
fn one_that_spins_never_sleeps() {
    let rt = runtime(Park::Spin);
    let (looks, spins) = waits(&rt, 100);
    assert_eq!(spins, 100);
    assert!(looks >= 100);
}

#[test]
fn a_timer_a_blocking_job_and_a_wake_from_another_thread_end_a_wait_that_is_awake() {
    let rt = runtime(Park::Spin);
    let before = rt.metrics();
    rt.block_on(async {
        egret_runtime::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(task::spawn_blocking(|| 42).await.unwrap(), 42);
    });
    let handle = rt.handle();
    let spawned = std::thread::spawn(move || handle.spawn(async { 7 }));
    rt.turn(Some(HOUR));
    assert_eq!(rt.block_on(spawned.join().unwrap()).unwrap(), 7);
    let after = rt.metrics();
    assert!(after.spins > before.spins);
    // A loop that is awake needs no write to its eventfd.
    assert_eq!(after.eventfd_writes, before.eventfd_writes);
}

/// The deadline of a timer is not passed over, and a wait with a timeout is over when that is.
#[test]
fn a_spin_is_over_with_its_timeout_or_with_the_next_timer() {
    let rt = runtime(Park::Spin);
    let start = std::time::Instant::now();
    let turn = rt.turn(Some(Duration::from_millis(2)));
    assert!(start.elapsed() >= Duration::from_millis(2));
    assert_eq!((turn.events, turn.polled), (0, 0));
    let mut near = Duration::from_millis(2);
    loop {
        let sleeps = rt.spawn(egret_runtime::time::sleep(near));
        assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 1);
        if !sleeps.is_finished() {
            break;
        }
        near *= 2; // The deadline had passed before the first poll.
    }
    let turn = rt.turn(Some(HOUR));
    assert_eq!((turn.events, turn.timers_fired, turn.polled), (0, 1, 1));
}

#[test]
fn on_a_paused_clock_every_loop_sleeps() {
    let rt = runtime(Park::Spin);
    rt.block_on(async {
        egret_runtime::time::pause();
        for _ in 0..100 {
            egret_runtime::time::sleep(HOUR).await;
            task::spawn_blocking(|| ()).await.unwrap(); // no timer to go to: a wait of its own
        }
    });
    assert_eq!(rt.metrics().spins, 0);
}

/// The first look of a spin takes the events, and no later one sees them again.
#[test]
fn what_the_first_look_of_a_spin_finds_ends_the_wait() {
    let rt = runtime(Park::Spin);
    for _ in 0..10 {
        let (ours, mut theirs) = crate::support::fds::pipe();
        let ours = {
            let _inside = rt.enter();
            egret_runtime::io::AsyncFd::new(ours).unwrap()
        };
        std::io::Write::write_all(&mut theirs, b"x").unwrap();
        let before = rt.metrics();
        let turn = rt.turn(Some(HOUR));
        let after = rt.metrics();
        assert_eq!(turn.events, 1);
        assert_eq!((after.epoll_waits - before.epoll_waits, after.spins - before.spins), (1, 1));
        drop(ours);
    }
}

/// A spin ends with a post from another thread, without a write to the eventfd.
#[test]
fn a_wake_that_came_before_a_spin_ends_it_at_the_first_look() {
    let rt = runtime(Park::Spin);
    let slot = std::rc::Rc::new(std::cell::RefCell::new(None));
    let theirs = slot.clone();
    drop(rt.spawn(std::future::poll_fn(move |cx| {
        *theirs.borrow_mut() = Some(cx.waker().clone());
        std::task::Poll::<()>::Pending
    })));
    assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 1);
    for _ in 0..10 {
        let waker = slot.take().unwrap();
        std::thread::spawn(move || waker.wake()).join().unwrap();
        let before = rt.metrics();
        let turn = rt.turn(Some(HOUR));
        let after = rt.metrics();
        assert_eq!((turn.events, turn.woken, turn.polled), (0, 1, 1));
        assert_eq!((after.epoll_waits - before.epoll_waits, after.spins - before.spins), (1, 1));
    }
}

/// A later look of a spin may be the one that takes the event.
#[test]
fn what_comes_during_a_spin_ends_the_wait() {
    let rt = runtime(Park::Spin);
    // A socket, of which each write is an edge: of a pipe it is the first that finds it empty.
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let _inside = rt.enter();
    let _ours = egret_runtime::io::AsyncFd::new(ours).unwrap();
    rt.turn(Some(Duration::ZERO)); // there is room to write
    let (begin, begun) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        let mut theirs = theirs;
        while begun.recv().is_ok() {
            std::thread::yield_now(); // most of the time until after the first look
            std::io::Write::write_all(&mut theirs, b"x").unwrap();
        }
    });
    for _ in 0..200 {
        begin.send(()).unwrap();
        assert_eq!(rt.turn(Some(Duration::from_secs(60))).events, 1);
    }
    drop(begin);
    writer.join().unwrap();
}
