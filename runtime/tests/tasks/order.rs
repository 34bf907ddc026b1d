//! The order in which tasks are polled, and the turn that polls them: first in, first out, and a task
//! that is woken in a turn runs in the next.

#![allow(missing_docs)]

use crate::support::{Gate, OnDrop, Trace, bounded, changes, counted, hold, this_waker, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::yield_now;
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A task that writes `name` each time it is polled, and is never done.
async fn traced(trace: Trace, name: &'static str, mut on_poll: impl FnMut(&Waker)) {
    poll_fn(move |cx| {
        trace.push(name);
        on_poll(cx.waker());
        Poll::<()>::Pending
    })
    .await
}

/// Spawns a task that parks, by the name `name`, and gives its waker.
fn parked(rt: &Runtime, trace: &Trace, name: &'static str) -> Waker {
    let slot = Rc::new(Cell::new(None));
    let theirs = slot.clone();
    drop(rt.spawn(traced(trace.clone(), name, move |waker| theirs.set(Some(waker.clone())))));
    turn(rt);
    assert_eq!(trace.take(), [name]);
    slot.take().unwrap()
}

#[test]
fn tasks_are_first_polled_by_the_loop_and_in_the_order_in_which_they_were_spawned() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    for name in ["a", "b", "c"] {
        drop(rt.spawn(traced(trace.clone(), name, |_| {})));
    }
    assert_eq!(trace.take(), [""; 0]);
    assert_eq!(turn(&rt), (0, 0, 3));
    assert_eq!(trace.take(), ["a", "b", "c"]);
}

#[test]
fn the_future_of_block_on_stands_in_the_queue_behind_what_was_spawned_before_it() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let trace = Trace::new();
        drop(rt.spawn(traced(trace.clone(), "before", |_| {})));
        rt.block_on(async {
            trace.push("root");
            drop(rt.spawn(traced(trace.clone(), "inside", |_| {})));
            yield_now().await;
            trace.push("root");
        });
        assert_eq!(trace.take(), ["before", "root", "inside", "root"]);
    });
}

#[test]
fn tasks_that_are_not_done_when_block_on_returns_go_on_in_the_next_one() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let trace = Trace::new();
        drop(rt.spawn({
            let trace = trace.clone();
            async move {
                for name in ["one", "two", "three"] {
                    trace.push(name);
                    yield_now().await;
                }
            }
        }));
        rt.block_on(async {});
        assert_eq!(trace.take(), ["one"]);
        rt.block_on(yield_now());
        assert_eq!(trace.take(), ["two", "three"]);
    });
}

// L20: a task that is woken in a poll does not overtake those that were queued before it, and is not left in a
// slot that is never polled when its waker's task ends.
#[test]
fn a_task_that_another_wakes_in_its_last_poll_runs_in_the_next_turn_behind_all_that_were_queued_before() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let b = parked(&rt, &trace, "b");
    let [c, d] = ["c", "d"].map(|name| parked(&rt, &trace, name));
    let inside = rt.enter();
    d.wake_by_ref();
    drop(rt.spawn({
        let trace = trace.clone();
        async move {
            trace.push("a");
            b.wake();
        }
    }));
    c.wake_by_ref();
    drop(inside);
    assert_eq!(turn(&rt), (0, 0, 3));
    assert_eq!(trace.take(), ["d", "a", "c"]);
    assert_eq!(turn(&rt), (0, 0, 1));
    assert_eq!(trace.take(), ["b"]);
    assert_eq!(turn(&rt), (0, 0, 0));
}

// L20, R5: work that makes work does not hold the turn.
#[test]
fn a_task_that_spawns_its_successor_for_ever_runs_once_a_turn() {
    let rt = Runtime::new().unwrap();
    fn generation(count: Rc<Cell<usize>>) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            count.set(count.get() + 1);
            drop(egret_runtime::spawn(generation(count)));
        })
    }
    let count = Rc::new(Cell::new(0));
    drop(rt.spawn(generation(count.clone())));
    for generations in 1..=100 {
        assert_eq!(turn(&rt), (0, 0, 1));
        assert_eq!(count.get(), generations);
    }
}

// N3
#[test]
fn two_tasks_that_wake_each_other_for_ever_leave_a_third_its_turn() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let [ping, pong] = ["ping", "pong"].map(|name| {
        // Each gets the other's waker once both exist.
        let other = Rc::new(Cell::new(None::<Waker>));
        let (theirs, mine) = (other.clone(), Rc::new(Cell::new(None)));
        let own = mine.clone();
        drop(rt.spawn(traced(trace.clone(), name, move |waker| {
            own.set(Some(waker.clone()));
            if let Some(other) = theirs.take() {
                other.wake_by_ref();
                theirs.set(Some(other));
            }
        })));
        (other, mine)
    });
    turn(&rt);
    trace.take();
    let waker = ping.1.take().unwrap();
    ping.0.set(pong.1.take());
    pong.0.set(Some(waker.clone()));
    drop(rt.spawn(traced(trace.clone(), "third", Waker::wake_by_ref)));
    let _inside = rt.enter();
    waker.wake();
    for _ in 0..100 {
        for polled in [2, 2] {
            assert_eq!(turn(&rt).2, polled);
        }
    }
    let expected = ["third", "ping", "third", "pong"];
    assert_eq!(trace.take(), expected.repeat(100));
}

// N4
#[test]
fn tasks_that_yield_alternate() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    for name in ["a", "b", "c"] {
        let trace = trace.clone();
        drop(rt.spawn(async move {
            for _ in 0..3 {
                trace.push(name);
                yield_now().await;
            }
        }));
    }
    for _ in 0..3 {
        assert_eq!(turn(&rt), (0, 0, 3));
        assert_eq!(trace.take(), ["a", "b", "c"]);
    }
    assert_eq!(turn(&rt), (0, 0, 3));
    assert_eq!(turn(&rt), (0, 0, 0));
}

// L11
#[test]
fn a_future_that_wakes_itself_in_block_on_is_polled_again_without_a_look_at_the_kernel() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let mut left = 3;
        let moved = counted(&rt, || {
            rt.block_on(poll_fn(|cx| {
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            }))
        });
        assert_eq!(moved, [("turns", 4), ("polls", 4), ("local_wakes", 3)]);
    });
}

// L13: whatever puts a task in the queue keeps the next turn from blocking, though the kernel has nothing to
// report. `turn(None)` would hang.
#[test]
fn the_loop_does_not_sleep_with_a_task_in_its_queue_however_that_got_there() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let trace = Trace::new();
        let waker = parked(&rt, &trace, "parked");
        let runs = |what: &str, polled: usize| {
            assert_eq!(rt.turn(None).polled, polled, "{what}");
            assert_eq!(trace.take().last(), Some(&"parked"), "{what}");
        };

        let inside = rt.enter();
        waker.wake_by_ref();
        drop(inside);
        runs("a wake between two turns", 1);

        let theirs = waker.clone();
        drop(rt.spawn(async move { theirs.wake() }));
        assert_eq!(turn(&rt), (0, 0, 1));
        runs("a wake by a task", 1);

        let theirs = waker.clone();
        let guard = OnDrop::new(move || theirs.wake());
        drop(rt.spawn(async move { drop(guard) }));
        assert_eq!(turn(&rt), (0, 0, 1));
        runs("a wake by a destructor in a poll", 1);

        let theirs = waker.clone();
        let inside = rt.enter();
        rt.spawn(hold(OnDrop::new(move || theirs.wake()))).abort();
        drop(inside);
        // The task that was aborted is in the queue, too, and leaves it.
        assert!(rt.turn(None).polled >= 1);
        assert_eq!(trace.take(), ["parked"]);

        drop(rt.spawn(traced(trace.clone(), "parked", |_| {})));
        runs("a spawn between two turns", 1);

        drop(rt.spawn(async {
            let waker = this_waker().await;
            drop(egret_runtime::spawn(async move { waker.wake() }));
            pending::<()>().await
        }));
        for polled in [1, 1, 1] {
            assert_eq!(rt.turn(None).polled, polled, "a task that a task spawned, and who it woke");
        }
        assert_eq!(turn(&rt), (0, 0, 0));
    });
}

#[test]
fn a_handle_wakes_who_awaits_it_in_the_turn_after_its_task_is_done() {
    let rt = Runtime::new().unwrap();
    let trace = Trace::new();
    let gate = Gate::default();
    let inner = rt.spawn({
        let (gate, trace) = (gate.clone(), trace.clone());
        async move {
            gate.wait().await;
            trace.push("task");
            7
        }
    });
    let outer = rt.spawn({
        let trace = trace.clone();
        async move {
            let output = inner.await.unwrap();
            trace.push("joined");
            output
        }
    });
    assert_eq!(turn(&rt), (0, 0, 2));
    let before = rt.metrics();
    let inside = rt.enter();
    gate.open();
    drop(inside);
    assert_eq!(turn(&rt), (0, 0, 1));
    assert_eq!(trace.take(), ["task"]);
    assert_eq!(turn(&rt), (0, 0, 1));
    assert_eq!(trace.take(), ["joined"]);
    let expected = [("turns", 2), ("polls", 2), ("local_wakes", 2), ("epoll_waits", 2), ("tasks_alive", -2)];
    assert_eq!(changes(before, rt.metrics()), expected);
    assert!(outer.is_finished());
}
