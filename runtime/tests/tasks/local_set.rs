//! `LocalSet` and `spawn_local`: that code which has them compiles and behaves.

use crate::support::wakers::{Call, Count, hooked};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::{Builder, JoinSet, LocalSet, spawn_local, yield_now};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;

/// Counts its drop.
struct Counts(Rc<Cell<u32>>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_set_is_over_when_the_tasks_that_were_spawned_in_it_are_also_those_of_its_tasks() {
    egret_runtime::block_on(async {
        let (set, done) = (LocalSet::new(), Rc::new(Cell::new(0)));
        let theirs = done.clone();
        set.run_until(async move {
            spawn_local(async move {
                yield_now().await;
                let inner = theirs.clone();
                spawn_local(async move {
                    yield_now().await;
                    inner.set(inner.get() + 1);
                });
                theirs.set(theirs.get() + 1);
            });
        })
        .await;
        assert_eq!(done.get(), 0);
        assert_eq!(format!("{set:?}"), "LocalSet { len: 1 }");
        set.await;
        assert_eq!(done.get(), 2);
    });
}

#[test]
fn a_task_of_a_set_runs_while_the_set_is_not_polled_and_its_handle_has_the_output() {
    let rt = Runtime::new().unwrap();
    let set = LocalSet::new();
    let task = {
        let _entered = rt.enter();
        set.spawn_local(async { Rc::new(42) })
    };
    assert_eq!(*rt.block_on(task).unwrap(), 42);
    assert_eq!(set.block_on(&rt, async { spawn_local(async { 7 }).await.unwrap() }), 7);
}

#[test]
fn an_empty_set_is_over_at_once_and_one_with_a_task_when_that_ends_by_a_panic_or_an_abort() {
    egret_runtime::block_on(async {
        LocalSet::new().await;
        let set = LocalSet::new();
        let panics = set.spawn_local(async { panic!("a task of the set") });
        let aborted = set.spawn_local(pending::<()>());
        yield_now().await;
        aborted.abort();
        set.await;
        assert!(panics.await.unwrap_err().is_panic());
        assert!(aborted.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn the_drop_of_a_set_drops_its_tasks_and_no_other() {
    egret_runtime::block_on(async {
        let dropped = Rc::new(Cell::new(0));
        let task = |counts: Counts| async move {
            let _counts = counts;
            pending::<()>().await;
        };
        let set = LocalSet::new();
        let ours = [(); 2].map(|()| set.spawn_local(task(Counts(dropped.clone()))));
        let other = spawn_local(task(Counts(dropped.clone())));
        yield_now().await;
        drop(set);
        assert_eq!(dropped.get(), 2);
        for task in ours {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert!(!other.is_finished());
    });
}

#[test]
fn a_task_of_two_sets_is_over_for_both_and_ends_with_either() {
    egret_runtime::block_on(async {
        let (local, mut joined) = (LocalSet::new(), JoinSet::new());
        joined.spawn_local_on(async { 1 }, &local);
        joined.build_task().name("second").spawn_local_on(async { 2 }, &local).unwrap();
        assert!(joined.try_join_next().is_none());
        assert_eq!(format!("{local:?} {joined:?}"), "LocalSet { len: 2 } JoinSet { len: 2 }");
        local.run_until(yield_now()).await;
        assert_eq!(format!("{local:?} {joined:?}"), "LocalSet { len: 0 } JoinSet { len: 2 }");
        assert_eq!(joined.join_all().await, [1, 2]);

        let mut joined = JoinSet::<()>::new();
        joined.spawn_local_on(pending(), &local);
        drop(joined);
        assert_eq!(format!("{local:?}"), "LocalSet { len: 0 }");

        let mut joined = JoinSet::<()>::new();
        joined.spawn_local_on(pending(), &local);
        drop(local);
        assert!(joined.join_next().await.unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_task_with_a_name_may_be_one_of_a_set_and_spawns_into_it() {
    egret_runtime::block_on(async {
        let set = LocalSet::new();
        let task = Builder::new().name("outer").spawn_local_on(
            async {
                drop(spawn_local(pending::<()>())); // of the set too
            },
            &set,
        );
        task.unwrap().await.unwrap();
        assert_eq!(format!("{set:?}"), "LocalSet { len: 1 }");
    });
}

#[test]
fn outside_of_a_runtime_a_task_of_two_sets_panics_and_leaves_nothing_in_either() {
    let (local, mut joined) = (LocalSet::new(), JoinSet::new());
    let spawns = AssertUnwindSafe(|| joined.spawn_local_on(async {}, &local));
    assert!(catch_unwind(spawns).is_err());
    assert_eq!(format!("{local:?} {joined:?}"), "LocalSet { len: 0 } JoinSet { len: 0 }");
}

#[test]
fn under_a_guard_a_task_is_one_of_its_set_and_guards_nest() {
    egret_runtime::block_on(async {
        let (outer, inner) = (LocalSet::new(), LocalSet::new());
        let lens = || format!("{outer:?} {inner:?}").replace("LocalSet { len: ", "").replace(" }", "");
        let _outer = outer.enter();
        drop(spawn_local(pending::<()>()));
        {
            let _inner = inner.enter();
            drop(spawn_local(pending::<()>()));
        }
        assert_eq!(lens(), "1 1");
        inner.run_until(async { drop(spawn_local(pending::<()>())) }).await; // its own, whatever the guard
        yield_now().await; // the guard is held across a wait
        drop(spawn_local(pending::<()>()));
        assert_eq!(lens(), "2 2");
    });
}

#[test]
fn the_last_waker_of_a_set_is_woken_once_when_its_last_task_ends() {
    let rt = Runtime::new().unwrap();
    let polls = Rc::new(Cell::new(0));
    let theirs = polls.clone();
    let mut set = LocalSet::new();
    let before = {
        let _entered = rt.enter();
        [set.spawn_local(yield_now()), set.spawn_local(async {})]
    };
    rt.block_on(poll_fn(|cx| {
        theirs.set(theirs.get() + 1);
        Pin::new(&mut set).poll(cx)
    }));
    assert_eq!(polls.get(), 2);
    assert!(before.iter().all(|task| task.is_finished()));
    rt.block_on(poll_fn(|cx| Pin::new(&mut set).poll(cx))); // it is over for good
}

#[test]
fn a_last_task_that_ends_while_the_set_clones_a_waker_is_not_waited_for_in_vain() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    for at in [Call::Clone, Call::Drop] {
        let mut set = LocalSet::new();
        let task = set.spawn_local(pending::<()>());
        let waker = hooked(move |call| {
            if call == at {
                task.abort();
            }
        });
        // The drop of the waker is that of the first, when the second takes its place.
        let mut is_over = |waker| Pin::new(&mut set).poll(&mut Context::from_waker(waker)).is_ready();
        let polled = [is_over(&waker), is_over(&Count::new().into())];
        assert_eq!(polled, [at == Call::Clone, true], "{at:?}");
    }
}
