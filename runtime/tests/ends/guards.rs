//! A runtime that ends, or moves, while a guard of it lives.

use egret_runtime::io::AsyncFd;
use egret_runtime::io::pipe::pipe;
use egret_runtime::runtime::{Handle, Runtime, is_rt_shutdown_err};
use egret_runtime::task::spawn_blocking;
use egret_runtime::time::{Duration, sleep};
use std::future::pending;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn a_thread_whose_guard_outlives_the_runtime_is_in_one_that_has_ended() {
    {
        let rt = Runtime::new().unwrap();
        let _guard = rt.enter();
        let (id, before) = (rt.handle().id(), egret_runtime::spawn(pending::<()>()));
        rt.shutdown_timeout(Duration::from_secs(60));

        let handle = Handle::current();
        assert_eq!(handle.id(), id);
        assert!(handle.block_on(before).unwrap_err().is_cancelled());
        assert!(handle.block_on(egret_runtime::spawn(async {})).unwrap_err().is_cancelled());
        assert!(handle.block_on(spawn_blocking(|| ())).unwrap_err().is_cancelled());
        assert!(is_rt_shutdown_err(&pipe().unwrap_err()));
        let (stream, _other) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        assert!(is_rt_shutdown_err(&AsyncFd::new(stream).unwrap_err()));
        assert!(
            catch_unwind(AssertUnwindSafe(|| handle.block_on(sleep(Duration::from_secs(3600))))).is_err()
        );
    }
    assert!(Handle::try_current().is_err());
}

#[test]
fn a_job_that_began_before_the_end_has_its_output_after_it() {
    let rt = Runtime::new().unwrap();
    let _guard = rt.enter();
    let (begin, begun) = std::sync::mpsc::channel();
    let job = spawn_blocking(move || {
        begin.send(()).unwrap();
        42
    });
    begun.recv().unwrap();
    rt.shutdown_timeout(Duration::from_secs(60));
    assert_eq!(Handle::current().block_on(job).unwrap(), 42);
}

#[test]
fn a_runtime_that_has_moved_is_the_one_of_the_guard_and_runs() {
    let rt = Runtime::new().unwrap();
    let _guard = rt.enter();
    let task = egret_runtime::spawn(async { 42 });
    let moved = Box::new(rt);
    assert_eq!(Handle::current().id(), moved.handle().id());
    assert_eq!(moved.block_on(task).unwrap(), 42);
}

#[test]
fn guards_of_a_runtime_that_has_ended_are_left_as_any_others() {
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let id = second.handle().id();
    let _outer = second.enter();
    {
        let moved = first;
        let _inner = moved.enter();
        drop(moved);
    }
    assert_eq!(Handle::current().id(), id);
    assert_eq!(second.block_on(egret_runtime::spawn(async { 42 })).unwrap(), 42);
}
