//! `async-lock` on egret: each waiter for a lock, a permit, a value or a barrier is woken, from either thread.

mod wakes;

use async_lock::{Barrier, Mutex, OnceCell, RwLock, Semaphore};
use egret::task::yield_now;
use std::rc::Rc;
use std::sync::Arc;
use wakes::{BOTH, each_is_woken_once};

#[test]
fn a_mutex_wakes_the_next_when_its_guard_is_dropped() {
    for on in BOTH {
        let mutex = Arc::new(Mutex::new(1));
        let guard = mutex.try_lock_arc().unwrap();
        let waits = {
            let mutex = mutex.clone();
            async move { *mutex.lock().await }
        };
        assert_eq!(each_is_woken_once(on, vec![waits], move || drop(guard)), [1]);
    }
}

#[test]
fn a_lock_that_is_written_wakes_all_readers() {
    for on in BOTH {
        let lock = Arc::new(RwLock::new(2));
        let guard = lock.try_write_arc().unwrap();
        // One at a time: readers wake one another in turn.
        let waits = {
            let lock = lock.clone();
            async move { *lock.read().await }
        };
        assert_eq!(each_is_woken_once(on, vec![waits], move || drop(guard)), [2]);
    }
}

#[test]
fn a_semaphore_wakes_one_for_each_permit() {
    for on in BOTH {
        let semaphore = Arc::new(Semaphore::new(0));
        let waits = {
            let semaphore = semaphore.clone();
            async move { semaphore.acquire_arc().await.forget() }
        };
        each_is_woken_once(on, vec![waits], move || semaphore.add_permits(1));
    }
}

#[test]
fn a_cell_wakes_who_waits_for_its_value() {
    for on in BOTH {
        let cell = Arc::new(OnceCell::new());
        let waits = {
            let cell = cell.clone();
            async move { *cell.wait().await }
        };
        assert_eq!(
            each_is_woken_once(on, vec![waits], move || assert_eq!(cell.set_blocking(3), Ok(&3))),
            [3]
        );
    }
}

#[egret::test]
async fn a_barrier_lets_all_go_when_the_last_has_come() {
    let barrier = Rc::new(Barrier::new(10));
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let barrier = barrier.clone();
            egret::spawn(async move { barrier.wait().await.is_leader() })
        })
        .collect();
    let mut leaders = 0;
    for task in tasks {
        leaders += u32::from(task.await.unwrap());
    }
    assert_eq!(leaders, 1);
}

#[egret::test]
async fn a_hundred_tasks_and_a_thread_take_turns_at_a_mutex_and_none_is_left_out() {
    let count = Arc::new(Mutex::new(0));
    let theirs = count.clone();
    let thread = std::thread::spawn(move || (0..1000).for_each(|_| *theirs.lock_blocking() += 1));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let count = count.clone();
            egret::spawn(async move {
                for _ in 0..10 {
                    let mut count = count.lock().await;
                    yield_now().await; // with the lock held, so that others come to wait
                    *count += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    thread.join().unwrap();
    assert_eq!(*count.lock().await, 2000);
}
