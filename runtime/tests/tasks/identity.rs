//! Which runtime a handle is of: `Handle::id`, `Handle::name`; and its counts from any thread, `Handle::metrics`.

use egret_runtime::runtime::{Builder, Handle, Runtime};
use egret_runtime::task::spawn_blocking;
use std::collections::HashSet;
use std::panic::catch_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[test]
fn the_number_of_a_runtime_is_the_same_from_each_of_its_handles_and_never_used_again() {
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let rt = Runtime::new().unwrap();
        let id = rt.handle().id();
        let (inside, in_a_job) = rt.block_on(async {
            let job = spawn_blocking(|| Handle::current().id());
            (Handle::current().id(), job.await.unwrap())
        });
        assert_eq!((inside, in_a_job), (id, id));
        let handle = rt.handle();
        drop(rt);
        assert_eq!(handle.id(), id);
        assert_ne!(id.to_string(), "0");
        assert!(seen.insert(id), "{id} was the number of another runtime");
    }
}

#[test]
fn a_name_is_that_of_one_runtime_and_each_of_its_handles_has_it() {
    let rt = Builder::new().name("front").build().unwrap();
    assert_eq!(rt.handle().name(), Some("front"));
    let (inside, in_a_job) = rt.block_on(async {
        let job = spawn_blocking(|| Handle::current().name().map(str::to_owned));
        (Handle::current().name().map(str::to_owned), job.await.unwrap())
    });
    assert_eq!((inside.as_deref(), in_a_job.as_deref()), (Some("front"), Some("front")));
    let kept = rt.handle();
    drop(rt);
    assert_eq!(kept.name(), Some("front"));
    // Runtimes that take the number of the one that is gone do not take its name.
    for _ in 0..3 {
        let other = Runtime::new().unwrap();
        assert_eq!((other.handle().name(), kept.name()), (None, Some("front")));
    }
}

#[test]
fn a_name_of_nothing_is_refused() {
    for name in ["", " \t"] {
        let panic = catch_unwind(|| Builder::new().name(name)).unwrap_err();
        assert!(panic.downcast_ref::<&str>().unwrap().contains("leave out `name`"));
    }
}

#[test]
fn the_counts_inside_the_runtime_are_those_of_this_moment() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        for polls in 0..3 {
            assert_eq!(Handle::current().metrics().unwrap().polls, polls);
            egret_runtime::task::yield_now().await;
        }
    });
    assert_eq!(rt.metrics().polls, 4);
    let _entered = rt.enter();
    assert_eq!(Handle::current().metrics(), Some(rt.metrics()));
}

#[test]
fn another_thread_has_the_counts_from_a_loop_that_sleeps_and_none_from_one_that_is_gone() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    let seen = rt.block_on(async {
        let theirs = handle.clone();
        // A loop that has no processor for a second does not answer in time.
        let job = spawn_blocking(move || (0..60).find_map(|_| theirs.metrics()));
        job.await.unwrap()
    });
    let seen = seen.expect("the loop answers");
    assert_eq!((seen.polls, seen.blocking_jobs, seen.tasks_alive), (1, 1, 0));
    drop(rt);
    assert_eq!(handle.metrics(), None);
}

#[test]
fn a_loop_that_is_held_by_a_poll_does_not_answer_and_does_not_hang_the_caller() {
    let ((begin, begun), (done, is_done)) = (mpsc::channel(), mpsc::channel());
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    let asks = thread::spawn(move || {
        begun.recv().unwrap();
        let seen = handle.metrics();
        done.send(()).unwrap();
        seen
    });
    rt.block_on(async {
        begin.send(()).unwrap();
        is_done.recv_timeout(Duration::from_secs(60)).unwrap(); // holds the loop
    });
    assert_eq!(asks.join().unwrap(), None);
}
