//! A `JoinSet` taken as a whole, and its outputs with the numbers of their tasks.

#![allow(missing_docs)]

use crate::support::bounded;
use egret_runtime::runtime::{Builder, Runtime};
use egret_runtime::task::{Id, JoinSet, yield_now};
use std::cell::Cell;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

/// Ends in its turn number `turns`.
async fn after(turns: usize) -> usize {
    for _ in 0..turns {
        yield_now().await;
    }
    turns
}

/// Counts how many were dropped.
struct Dropped(Rc<Cell<usize>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A task that waits for ever, and is counted when it is dropped.
fn held(drops: &Rc<Cell<usize>>) -> impl Future<Output = usize> + 'static {
    let dropped = Dropped(drops.clone());
    async move {
        let _dropped = dropped;
        pending().await
    }
}

#[test]
fn join_all_gives_every_output_in_the_order_in_which_the_tasks_end() {
    let rt = Runtime::new().unwrap();
    let outputs = rt.block_on(async {
        let set: JoinSet<_> = [3, 0, 2, 1].into_iter().map(after).collect();
        assert_eq!(set.len(), 4);
        set.join_all().await
    });
    assert_eq!(outputs, [0, 1, 2, 3]);
    assert_eq!(rt.block_on(JoinSet::<u8>::new().join_all()), []);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

#[test]
fn join_all_panics_as_a_task_has_and_aborts_those_that_are_left() {
    let rt = Runtime::new().unwrap();
    let drops = Rc::new(Cell::new(0));
    let payload = catch_unwind(AssertUnwindSafe(|| {
        rt.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(held(&drops));
            set.spawn(async { std::panic::panic_any(7_u8) });
            set.spawn(held(&drops));
            set.join_all().await
        })
    }));
    assert_eq!(payload.unwrap_err().downcast_ref(), Some(&7_u8));
    assert_eq!(drops.get(), 2);
}

#[test]
fn join_all_panics_over_a_task_that_was_aborted_and_names_it() {
    let rt = Runtime::new().unwrap();
    let drops = Rc::new(Cell::new(0));
    let id = Cell::new(None);
    let payload = catch_unwind(AssertUnwindSafe(|| {
        rt.block_on(async {
            let mut set = JoinSet::new();
            let abort = set.spawn(held(&drops));
            id.set(Some(abort.id()));
            set.spawn(held(&drops));
            abort.abort();
            set.join_all().await
        })
    }));
    let id = id.get().unwrap();
    let message = payload.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(*message, format!("JoinSet::join_all: task {id} was cancelled"));
    assert_eq!(drops.get(), 2);
}

#[test]
fn each_output_comes_with_the_number_of_its_task_and_each_error_too() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let mut set = JoinSet::new();
        let ids: Vec<Id> = [2, 0, 1].into_iter().map(|turns| set.spawn(after(turns)).id()).collect();
        let panics = set.spawn(async { panic!("boom") }).id();
        let aborted = set.spawn(pending());
        aborted.abort();
        let mut outputs = Vec::new();
        let mut errors = Vec::new();
        while let Some(result) = set.join_next_with_id().await {
            match result {
                Ok(output) => outputs.push(output),
                Err(error) => errors.push((error.id(), error.is_panic())),
            }
        }
        assert_eq!(outputs, [(ids[1], 0), (ids[2], 1), (ids[0], 2)]);
        assert_eq!(errors, [(aborted.id(), false), (panics, true)]);
        assert!(set.try_join_next_with_id().is_none());
    });
}

#[test]
fn what_has_ended_is_taken_with_its_number_without_waiting() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let mut set: JoinSet<_> = [ready('a'), ready('b')].into_iter().collect();
    let last = set.spawn(ready('c')).id();
    assert!(set.try_join_next_with_id().is_none());
    rt.turn(None);
    let taken: Vec<_> = std::iter::from_fn(|| set.try_join_next_with_id()).map(Result::unwrap).collect();
    assert_eq!(taken.iter().map(|(_, output)| *output).collect::<String>(), "abc");
    assert_eq!(taken[2].0, last);
    assert!(set.is_empty());
}

/// A job of the set that has begun, and ends with `output` when something is sent or the sender is dropped.
fn held_job(set: &mut JoinSet<u8>, output: u8) -> Sender<()> {
    let ((begin, begun), (end, may_end)) = (mpsc::channel(), mpsc::channel());
    set.spawn_blocking(move || {
        begin.send(()).unwrap();
        let _ = may_end.recv();
        output
    });
    begun.recv().unwrap();
    end
}

#[test]
fn blocking_jobs_and_tasks_of_a_set_come_out_in_the_order_in_which_they_end() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let mut set = JoinSet::new();
            let ends = [0, 1, 2].map(|n| held_job(&mut set, n));
            set.spawn(async { 9 });
            assert_eq!(set.join_next().await.unwrap().unwrap(), 9);
            assert!(set.try_join_next().is_none());
            for n in [1, 2, 0] {
                ends[n].send(()).unwrap();
                assert_eq!(set.join_next().await.unwrap().unwrap(), n as u8);
            }
            assert!(set.join_next().await.is_none());
        });
        assert_eq!(rt.metrics().blocking_threads_started, 3);
    });
}

#[test]
fn a_job_that_ends_wakes_the_one_who_waits_for_the_set_and_nobody_polls_for_nothing() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let polls = rt.metrics().polls;
        rt.block_on(async {
            let mut set = JoinSet::new();
            let end = held_job(&mut set, 7);
            let loop_sleeps = egret_runtime::spawn(async move {
                drop(thread::spawn(move || drop(end))); // from here on, at some time
            });
            assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
            assert!(loop_sleeps.is_finished());
        });
        assert_eq!(rt.metrics().polls - polls, 3); // the root twice
    });
}

#[test]
fn a_job_that_has_begun_outlasts_an_abort_and_shutdown_waits_for_it_and_one_that_has_not_is_cancelled() {
    bounded(|| {
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        rt.block_on(async {
            let mut set = JoinSet::new();
            let end = held_job(&mut set, 7);
            let queued = set.spawn_blocking(|| unreachable!("the one thread is taken")).id();
            set.abort_all();
            assert_eq!(set.join_next_with_id().await.unwrap().unwrap_err().id(), queued);
            assert!(set.try_join_next().is_none());
            end.send(()).unwrap();
            assert_eq!(set.join_next().await.unwrap().unwrap(), 7);

            let end = held_job(&mut set, 8);
            let helper = thread::spawn(move || drop(end));
            set.shutdown().await;
            assert!(set.is_empty());
            helper.join().unwrap();
        });
        rt.shutdown_timeout(Duration::MAX); // none is left that would keep it
    });
}

#[test]
fn a_panic_of_a_job_comes_out_of_the_set_and_one_for_a_runtime_that_ends_is_cancelled() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let mut set = JoinSet::new();
        rt.block_on(async {
            set.spawn_blocking(|| std::panic::panic_any(7_u8));
            let payload = set.join_next().await.unwrap().unwrap_err().into_panic();
            assert_eq!(payload.downcast_ref(), Some(&7_u8));
        });
        let panicked = catch_unwind(AssertUnwindSafe(|| set.spawn_blocking(|| 0_u8)));
        assert!(panicked.is_err() && set.is_empty()); // outside of a runtime
        let inside = Runtime::new().unwrap();
        let shared = Rc::new(std::cell::RefCell::new(set));
        let theirs = shared.clone();
        drop(inside.spawn(async move {
            let _late = Late(theirs);
            pending::<()>().await;
        }));
        inside.turn(None);
        drop(inside);
        let set = &mut *shared.borrow_mut();
        assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
        assert!(set.try_join_next().is_none());
    });
}

/// Submits a job when it is dropped.
struct Late(Rc<std::cell::RefCell<JoinSet<u8>>>);

impl Drop for Late {
    fn drop(&mut self) {
        self.0.borrow_mut().spawn_blocking(|| unreachable!("the pool is closed"));
    }
}

#[test]
fn jobs_that_are_detached_go_on_and_say_nothing_to_the_set() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        rt.block_on(async {
            let mut set = JoinSet::new();
            let end = held_job(&mut set, 7);
            set.detach_all();
            assert!(set.join_next().await.is_none());
            drop(end);
            let next = held_job(&mut set, 8);
            drop(next);
            assert_eq!(set.join_next().await.unwrap().unwrap(), 8);
        });
    });
}
