//! A future is dropped while the panic of its poll unwinds the stack, and what its destructors then see and may do.

#![allow(missing_docs)]

use crate::support::{OnDrop, bounded, hold, message_of, outcome, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::{JoinHandle, JoinSet};
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;

/// A future that panics in its poll and has a field that looks whether the thread is panicking when it is dropped.
struct Panics<D>(D);

impl<D: Unpin> Future for Panics<D> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("in poll");
    }
}

/// Sends whether the thread is panicking when it is dropped.
struct Looks(Sender<bool>);

impl Drop for Looks {
    fn drop(&mut self) {
        self.0.send(thread::panicking()).unwrap();
    }
}

#[test]
fn a_future_that_panics_is_dropped_while_the_stack_unwinds_wherever_it_runs() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let (looks, looked) = channel();
        let panics = || Panics(Looks(looks.clone()));
        let saw = || looked.try_iter().collect::<Vec<_>>();

        let task = rt.spawn(panics());
        turn(&rt);
        assert!(outcome(task).unwrap_err().is_panic());
        assert_eq!(saw(), [true], "a task");

        let mut set = JoinSet::new();
        rt.block_on(async {
            set.spawn(panics());
            assert!(set.join_next().await.unwrap().unwrap_err().is_panic());
        });
        assert_eq!(saw(), [true], "a member of a set");

        let (handle, future) = (rt.handle(), panics());
        let sent = thread::spawn(move || (handle.spawn(future), handle)).join().unwrap();
        assert!(rt.block_on(sent.0).unwrap_err().is_panic());
        assert_eq!(saw(), [true], "a task of another thread");

        let future = panics();
        assert!(rt.block_on(sent.1.spawn_with(|| future)).unwrap_err().is_panic());
        assert_eq!(saw(), [true], "a task of another thread that was made here");

        assert!(catch_unwind(AssertUnwindSafe(|| rt.block_on(panics()))).is_err());
        assert_eq!(saw(), [true], "the future of block_on");

        let held = Looks(looks.clone());
        let job = rt.spawn_blocking::<_, ()>(move || {
            let _held = &held;
            panic!("in a job");
        });
        assert!(rt.block_on(job).unwrap_err().is_panic());
        assert_eq!(saw(), [true], "what a blocking job holds");

        // And not otherwise.
        let task = rt.spawn(hold(Looks(looks.clone())));
        turn(&rt);
        task.abort();
        assert_eq!(saw(), [false]);
    });
}

#[test]
fn a_destructor_that_panics_while_the_panic_of_its_task_unwinds_leaves_that_panic_the_outcome() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        struct Bomb(Arc<AtomicUsize>);
        impl Drop for Bomb {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
                panic!("in drop");
            }
        }
        let drops = Arc::default();
        let task = rt.spawn(Panics(Bomb(Arc::clone(&drops))));
        turn(&rt);
        assert_eq!(message_of(&*outcome(task).unwrap_err().into_panic()), "in poll");
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        let (handle, remote_drops) = (rt.handle(), Arc::default());
        let future = Panics(Bomb(Arc::clone(&remote_drops)));
        let task = thread::spawn(move || handle.spawn(future)).join().unwrap();
        assert_eq!(message_of(&*rt.block_on(task).unwrap_err().into_panic()), "in poll");
        assert_eq!(remote_drops.load(Ordering::Relaxed), 1);
        turn(&rt);
        assert_eq!(rt.metrics().tasks_alive, 0);
    });
}

#[test]
fn a_destructor_that_runs_while_its_task_unwinds_may_abort_that_task_and_spawn() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let spawned = Rc::new(Cell::new(None));
        let own = Rc::new(Cell::new(None::<JoinHandle<()>>));
        let guard = OnDrop::new({
            let (spawned, own) = (spawned.clone(), own.clone());
            move || {
                let handle = own.take().unwrap();
                assert!(!handle.is_finished());
                handle.abort();
                own.set(Some(handle));
                spawned.set(Some(egret_runtime::spawn(async { 7 })));
            }
        });
        own.set(Some(rt.spawn(Panics(guard))));
        turn(&rt);
        assert!(outcome(own.take().unwrap()).unwrap_err().is_panic());
        assert_eq!(rt.block_on(spawned.take().unwrap()).unwrap(), 7);
    });
}

#[test]
fn a_lock_that_a_future_holds_is_poisoned_by_its_panic() {
    static LOCK: Mutex<()> = Mutex::new(());
    let rt = Runtime::new().unwrap();
    drop(rt.spawn(Panics(LOCK.lock().unwrap())));
    turn(&rt);
    assert!(LOCK.is_poisoned());
}
