//! The exact counts of `Runtime::metrics` and the reports of `Runtime::turn`.
//!
//! Each test names every counter that changed. Those of remote wakes and of the eventfd are in `remote.rs`, with a
//! loop that sleeps.

#![allow(missing_docs)]

use crate::support::fds::{pair, pipe, read, write};
use crate::support::{Gate, bounded, changes, counted, hold, this_waker, turn};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::{Builder, Metrics, Runtime, Turn};
use egret_runtime::task::{spawn_blocking, yield_now};
use std::cell::Cell;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

#[test]
fn a_runtime_that_was_just_made_has_registered_its_eventfd_and_done_nothing_else() {
    let rt = Builder::new().build().unwrap();
    assert_eq!(changes(Metrics::default(), rt.metrics()), [("epoll_ctls", 1)]);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

#[test]
fn a_block_on_of_what_is_ready_is_one_turn_and_one_poll_and_never_asks_the_kernel() {
    let rt = Runtime::new().unwrap();
    assert_eq!(counted(&rt, || assert_eq!(rt.block_on(async { 5 }), 5)), [("turns", 1), ("polls", 1)]);
}

#[test]
fn a_task_is_alive_from_its_spawn_until_the_turn_in_which_it_ends() {
    let rt = Runtime::new().unwrap();
    let moved = counted(&rt, || {
        drop(rt.spawn(async {}));
        drop(rt.spawn(pending::<()>()));
    });
    assert_eq!(moved, [("tasks_alive", 2)]);
    let moved = counted(&rt, || assert_eq!(turn(&rt), (0, 0, 2)));
    assert_eq!(moved, [("turns", 1), ("polls", 2), ("epoll_waits", 1), ("tasks_alive", -1)]);
}

// Nothing is polled of a task that was aborted.
#[test]
fn a_task_that_was_aborted_counts_as_alive_until_the_next_turn_and_is_not_polled_in_it() {
    let rt = Runtime::new().unwrap();
    let parked = rt.spawn(pending::<()>());
    turn(&rt);
    let moved = counted(&rt, || {
        let _inside = rt.enter();
        parked.abort();
        parked.abort();
    });
    assert_eq!(moved, [("local_wakes", 1)]);
    let moved = counted(&rt, || assert_eq!(turn(&rt), (0, 0, 0)));
    assert_eq!(moved, [("turns", 1), ("epoll_waits", 1), ("tasks_alive", -1)]);

    let never_polled = rt.spawn(async {});
    let inside = rt.enter();
    assert_eq!(counted(&rt, || never_polled.abort()), [("coalesced_wakes", 1)]);
    drop(inside);
    let moved = counted(&rt, || assert_eq!(turn(&rt), (0, 0, 0)));
    assert_eq!(moved, [("turns", 1), ("epoll_waits", 1), ("tasks_alive", -1)]);
}

// The same for `block_on`: woken by itself and then done, its future is not there to be polled.
#[test]
fn a_future_of_block_on_that_is_done_is_not_counted_in_the_next_turn() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async { this_waker().await.wake() });
    let moved = counted(&rt, || assert_eq!(turn(&rt), (0, 0, 0)));
    assert_eq!(moved, [("turns", 1), ("epoll_waits", 1)]);
}

#[test]
fn wakes_are_local_coalesced_or_stale() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let slot = Rc::new(Cell::new(None));
    let theirs = slot.clone();
    let handle = rt.spawn(async move {
        theirs.set(Some(this_waker().await));
        pending::<()>().await
    });
    turn(&rt);
    let waker = slot.take().unwrap();
    assert_eq!(counted(&rt, || waker.wake_by_ref()), [("local_wakes", 1)]);
    assert_eq!(counted(&rt, || waker.wake_by_ref()), [("coalesced_wakes", 1)]);
    handle.abort();
    turn(&rt);
    assert_eq!(counted(&rt, || waker.wake()), [("stale_generations", 1)]);
}

#[test]
fn a_descriptor_costs_one_epoll_ctl_when_it_comes_and_one_when_it_goes() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let mut fd = None;
    let moved = counted(&rt, || fd = Some(AsyncFd::new(reader).unwrap()));
    assert_eq!(moved, [("epoll_ctls", 1), ("sources_alive", 1)]);
    let moved = counted(&rt, || {
        let cx = &mut Context::from_waker(Waker::noop());
        let fd = fd.as_ref().unwrap();
        assert!(fd.poll_read_with(cx, read).is_pending());
        write(&writer, b"x");
        assert_eq!(turn(&rt), (1, 0, 0));
        assert!(fd.poll_read_with(cx, read).is_ready());
    });
    assert_eq!(moved, [("turns", 1), ("epoll_waits", 1), ("events", 1)]);
    assert_eq!(counted(&rt, || drop(fd.take())), [("epoll_ctls", 1), ("sources_alive", -1)]);
}

#[test]
#[cfg_attr(miri, ignore = "no regular files in its epoll")]
fn a_descriptor_that_is_refused_costs_the_call() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let moved = counted(&rt, || assert!(AsyncFd::new(file).is_err()));
    assert_eq!(moved, [("epoll_ctls", 1)]);
}

// One `epoll_wait` takes 256 events; what is ready beyond that comes with the next.
#[test]
fn three_hundred_ready_descriptors_are_two_waits() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let pipes: Vec<_> = (0..300).map(|_| pipe()).collect();
    let fds: Vec<_> = pipes.iter().map(|(reader, _)| AsyncFd::new(reader).unwrap()).collect();
    pipes.iter().for_each(|(_, writer)| write(writer, b"x"));
    let moved = counted(&rt, || {
        for events in [256, 44, 0] {
            assert_eq!(turn(&rt), (events, 0, 0));
        }
    });
    assert_eq!(moved, [("turns", 3), ("epoll_waits", 3), ("events", 300)]);
    drop(fds);
    assert_eq!(rt.metrics().sources_alive, 0);
}

// M4: what a wait has reported is not reported by the next.
#[test]
fn events_are_dispatched_once() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (reader, writer) = pipe();
    let polls = Rc::new(Cell::new(0));
    drop(rt.spawn({
        let polls = polls.clone();
        async move {
            let fd = AsyncFd::new(reader).unwrap();
            loop {
                // Takes the readiness back without reading, so that an event is what wakes it.
                fd.readable().await.unwrap().clear_ready();
                polls.set(polls.get() + 1);
            }
        }
    }));
    assert_eq!(turn(&rt), (0, 0, 1));
    assert_eq!(polls.take(), 0); // there is no event, and nothing else says that it is readable
    write(&writer, b"x");
    assert_eq!(turn(&rt), (1, 1, 1));
    for _ in 0..3 {
        assert_eq!(turn(&rt), (0, 0, 0));
    }
    assert_eq!(polls.get(), 1);
}

/// Sends what it receives back, `times` times.
async fn echo(fd: AsyncFd<std::fs::File>, times: usize) -> io::Result<()> {
    for _ in 0..times {
        let bytes = fd.read_with(read).await?;
        fd.write_with(|mut fd| io::Write::write_all(&mut fd, &bytes)).await?;
    }
    Ok(())
}

// The whole trace of a request and its answer between two tasks.
#[test]
fn the_turns_of_a_ping_and_a_pong_are_these() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (client, server) = pair();
    let server = rt.spawn(echo(AsyncFd::new(server).unwrap(), 2));
    let client = AsyncFd::new(client).unwrap();
    let client = rt.spawn(async move {
        for ping in [b"a", b"b"] {
            client.write_with(|mut fd| io::Write::write_all(&mut fd, ping)).await.unwrap();
            assert_eq!(client.read_with(read).await.unwrap(), ping);
        }
    });
    let moved = counted(&rt, || {
        let turns: Vec<_> = (0..6).map(|_| turn(&rt)).collect();
        let expected = [
            (2, 0, 2), // both are writable; the server waits for "a", the client sends it and waits
            (1, 1, 1), // the server answers and waits for "b"
            (1, 1, 1), // the client has its answer, sends "b" and waits
            (1, 1, 1), // the server answers and is done: its socket is closed
            (1, 1, 1), // the client has its answer and is done
            (0, 0, 0),
        ];
        assert_eq!(turns, expected);
    });
    let expected = [
        ("turns", 6),
        ("polls", 6),
        ("local_wakes", 4),
        ("epoll_waits", 6),
        ("events", 6),
        ("epoll_ctls", 2),
        ("tasks_alive", -2),
        ("sources_alive", -2),
    ];
    assert_eq!(moved, expected);
    assert!(server.is_finished() && client.is_finished());
}

#[test]
fn a_turn_with_nothing_to_do_waits_for_its_timeout_and_never_less() {
    let rt = Runtime::new().unwrap();
    for timeout in [Duration::from_micros(1), Duration::from_micros(1_500), Duration::from_millis(3)] {
        // A stop of the process ends a wait early.
        let is_whole = (0..100).any(|_| {
            let start = Instant::now();
            let moved = counted(&rt, || assert_eq!(rt.turn(Some(timeout)), Turn::default()));
            assert_eq!(moved, [("turns", 1), ("epoll_waits", 1)]);
            start.elapsed() >= timeout
        });
        assert!(is_whole, "each of 100 waits is over before {timeout:?}");
    }
}

#[test]
fn a_turn_with_something_to_do_does_not_wait() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        drop(rt.spawn(yield_now()));
        for polled in [1, 1] {
            assert_eq!(rt.turn(None).polled, polled);
        }
        assert_eq!(rt.metrics().tasks_alive, 0);
    });
}

// A turn polls 64 tasks at most, and looks at the kernel in each, however it was called.
#[test]
fn a_turn_by_hand_polls_64_tasks_at_most_and_asks_the_kernel_each_time() {
    let rt = Runtime::new().unwrap();
    for _ in 0..150 {
        drop(rt.spawn(hold(())));
    }
    let moved = counted(&rt, || {
        for polled in [64, 64, 22, 0] {
            assert_eq!(turn(&rt), (0, 0, polled));
        }
    });
    assert_eq!(moved, [("turns", 4), ("polls", 150), ("epoll_waits", 4)]);
}

#[test]
fn what_a_turn_says_was_woken_are_the_tasks_that_events_and_other_threads_have_queued() {
    let rt = Runtime::new().unwrap();
    let gate = Gate::default();
    drop(rt.spawn(gate.clone().wait()));
    turn(&rt);
    // By a task: it is not the turn that woke it.
    drop(rt.spawn({
        let gate = gate.clone();
        async move { gate.open() }
    }));
    assert_eq!(turn(&rt), (0, 0, 1));
    assert_eq!(turn(&rt), (0, 0, 1));
    // By a thread.
    let gate = Gate::default();
    drop(rt.spawn(gate.clone().wait()));
    turn(&rt);
    gate.open(); // outside of the runtime, which is as good as another thread
    assert_eq!(turn(&rt), (0, 1, 1));
}

#[test]
fn the_write_that_ends_a_sleep_is_not_among_the_events() {
    let rt = Runtime::new().unwrap();
    while rt.metrics().eventfd_writes == 0 {
        // A job that ends before the loop sleeps writes nothing.
        rt.block_on(async { spawn_blocking(|| ()).await.unwrap() });
    }
    assert_eq!(rt.metrics().events, 0);
}
