//! Futures that one task has polled and another awaits: each wakes the task that polled it last.

use crate::support::fds::pair;
use crate::support::{Gate, turn};
use egret_runtime::io::{Direction, Registration, Start};
use egret_runtime::runtime::Runtime;
use egret_runtime::shutdown::Shutdown;
use egret_runtime::task::{JoinSet, LocalSet};
use egret_runtime::time::{Duration, advance, pause, set_auto_advance, sleep};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::io::Write;
use std::rc::Rc;
use std::task::Poll;

/// Polls `future` in a task that lives on, then awaits it in a second one, which has to end once `end` was called.
#[track_caller]
fn assert_moves<F: Future + 'static>(rt: &Runtime, future: F, end: impl FnOnce()) {
    let mut future = Box::pin(future);
    let place = Rc::new(Cell::new(None));
    let given = place.clone();
    let first = rt.spawn(async move {
        assert!(poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await);
        given.set(Some(future));
        pending::<()>().await;
    });
    settle(rt);
    let future = place.take().expect("the first task has polled it");
    let second = rt.spawn(async move { drop(future.await) });
    settle(rt);
    assert!(!second.is_finished() && !first.is_finished());
    end();
    settle(rt);
    assert!(second.is_finished());
}

fn settle(rt: &Runtime) {
    while turn(rt) != (0, 0, 0) {}
}

#[test]
fn a_handle_of_a_task_wakes_the_task_that_polled_it_last() {
    let (rt, gate) = (Runtime::new().unwrap(), Gate::default());
    let handle = rt.spawn(gate.clone().wait());
    assert_moves(&rt, handle, || gate.open());
}

#[test]
fn a_handle_of_another_thread_wakes_the_task_that_polled_it_last() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle().spawn_with(pending::<()>);
    let abort = handle.abort_handle();
    assert_moves(&rt, handle, || abort.abort());
}

#[test]
fn a_sleep_wakes_the_task_that_polled_it_last() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        pause();
        set_auto_advance(false);
    });
    let second = Duration::from_secs(1);
    assert_moves(&rt, async move { sleep(second).await }, || rt.block_on(advance(second)));
}

#[test]
fn a_wait_for_a_descriptor_wakes_the_task_that_polled_it_last_also_as_one_of_many() {
    let rt = Runtime::new().unwrap();
    for others in [0, 1] {
        let (socket, mut peer) = pair();
        let socket = {
            let _inside = rt.enter();
            Rc::new(Registration::new(socket, Start::Unknown).unwrap())
        };
        for _ in 0..others {
            let socket = socket.clone();
            drop(rt.spawn(async move { socket.ready(Direction::Read).await }));
        }
        settle(&rt);
        let wait = async move { socket.ready(Direction::Read).await };
        assert_moves(&rt, wait, || peer.write_all(b"x").unwrap());
    }
}

#[test]
fn a_set_and_a_shutdown_wake_the_task_that_polled_them_last() {
    let (rt, gate) = (Runtime::new().unwrap(), Gate::default());
    let (mut set, local_set, shutdown) = (JoinSet::new(), LocalSet::new(), Shutdown::new());
    {
        let _inside = rt.enter();
        set.spawn(gate.clone().wait());
        drop(local_set.spawn_local(gate.clone().wait()));
    }
    let requested = shutdown.clone();
    assert_moves(&rt, async move { requested.requested().await }, || shutdown.request());
    let both = async move {
        set.join_next().await;
        local_set.await;
    };
    assert_moves(&rt, both, || gate.open());
}
