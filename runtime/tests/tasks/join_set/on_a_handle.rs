//! Members of a set on the runtime of a handle, members with a name, and members from an iterator.

use egret_runtime::runtime::{Builder, Handle, Runtime, UnhandledPanic};
use egret_runtime::task::{self, JoinSet, yield_now};
use std::future::{pending, ready};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A runtime on a thread of its own, which the closure ends.
fn elsewhere() -> (Handle, impl FnOnce()) {
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let rt = Runtime::new().unwrap();
        tell.send(rt.handle()).unwrap();
        while ended.try_recv() == Err(mpsc::TryRecvError::Empty) {
            rt.turn(Some(Duration::from_millis(1)));
        }
    });
    let end = move || {
        drop(end);
        thread.join().unwrap();
    };
    (told.recv().unwrap(), end)
}

#[test]
fn a_member_on_another_thread_gives_its_output_to_the_set_with_its_number() {
    let (handle, end) = elsewhere();
    egret_runtime::block_on(async {
        let mut set = JoinSet::new();
        let here = thread::current().id();
        let number = set.spawn_on(async { (task::id(), thread::current().id()) }, &handle).id();
        let (id, (inside, thread)) = set.join_next_with_id().await.unwrap().unwrap();
        assert_eq!((id, inside), (number, number));
        assert_ne!(thread, here);
        assert!(set.join_next().await.is_none());
    });
    end();
}

#[test]
fn members_here_there_and_in_pools_come_out_of_one_set() {
    let (handle, end) = elsewhere();
    egret_runtime::block_on(async {
        let mut set = JoinSet::new();
        for n in 0..10 {
            set.spawn(ready(n));
            set.spawn_on(ready(10 + n), &handle);
            set.spawn_blocking(move || 20 + n);
            set.spawn_blocking_on(move || 30 + n, &handle);
        }
        let mut outputs = set.join_all().await;
        outputs.sort();
        assert!(outputs.into_iter().eq(0..40));
    });
    end();
}

#[test]
fn a_member_elsewhere_that_panics_or_is_aborted_is_an_error_of_the_set() {
    let (handle, end) = elsewhere();
    egret_runtime::block_on(async {
        let mut set = JoinSet::<()>::new();
        set.spawn_on(async { panic!("elsewhere") }, &handle);
        assert!(set.join_next().await.unwrap().unwrap_err().is_panic());
        let abort = set.spawn_on(pending(), &handle);
        abort.abort();
        let error = set.join_next().await.unwrap().unwrap_err();
        assert!(error.is_cancelled() && error.id() == abort.id());
        set.spawn_on(pending(), &handle);
        set.shutdown().await;
        assert!(set.is_empty());
    });
    end();
}

#[test]
fn members_of_a_runtime_that_ends_or_is_gone_are_cancellations() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    egret_runtime::block_on(async {
        let mut set = JoinSet::<()>::new();
        set.spawn_on(pending(), &handle);
        drop(rt);
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        set.spawn_on(pending(), &handle);
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        set.spawn_blocking_on(|| (), &handle);
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_set_may_be_filled_outside_of_the_runtime_and_its_drop_aborts_what_is_elsewhere() {
    let rt = Runtime::new().unwrap();
    let mut set = JoinSet::new();
    set.spawn_on(async { 1 }, &rt.handle());
    assert_eq!(rt.block_on(set.join_next()).unwrap().unwrap(), 1);

    let (tell, told) = mpsc::channel::<()>();
    set.spawn_on(
        async move {
            pending::<()>().await;
            drop(tell);
            2
        },
        &rt.handle(),
    );
    rt.turn(Some(Duration::ZERO));
    assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(set);
    rt.turn(Some(Duration::ZERO));
    assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

#[test]
fn a_member_that_is_detached_goes_on_elsewhere() {
    let rt = Runtime::new().unwrap();
    let (tell, told) = mpsc::channel();
    let mut set = JoinSet::new();
    set.spawn_on(
        async move {
            yield_now().await;
            tell.send(()).unwrap();
        },
        &rt.handle(),
    );
    set.detach_all();
    drop(set);
    for _ in 0..3 {
        rt.turn(Some(Duration::ZERO));
    }
    told.try_recv().unwrap();
}

#[test]
fn a_named_member_has_its_name_in_the_report_of_its_panic() {
    let rt = Builder::new().unhandled_panic(UnhandledPanic::Shutdown).build().unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        rt.block_on(async {
            let mut set = JoinSet::<()>::new();
            set.build_task().name("a member").spawn(async { panic!("named") }).unwrap();
            set.detach_all();
            pending::<()>().await;
        })
    }));
    let message = *caught.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("a member"), "{message}");
}

#[test]
fn the_other_ways_to_spawn_are_what_they_are_called() {
    egret_runtime::block_on(async {
        let mut set = JoinSet::new();
        let shared = Rc::new(1);
        let theirs = shared.clone();
        set.spawn_local(async move { *theirs });
        set.build_task().name("local").spawn_local(async move { *shared + 1 }).unwrap();
        set.build_task().name("job").spawn_blocking(|| 3).unwrap();
        set.build_task().name("job").spawn_blocking_on(|| 4, &Handle::current()).unwrap();
        let mut outputs = set.join_all().await;
        outputs.sort();
        assert_eq!(outputs, [1, 2, 3, 4]);

        let builder = || task::Builder::new().name("alone");
        assert_eq!(builder().spawn_local(ready(5)).unwrap().await.unwrap(), 5);
        assert_eq!(builder().spawn_blocking(|| 6).unwrap().await.unwrap(), 6);
    });
}

#[test]
fn a_set_takes_more_tasks_from_an_iterator() {
    egret_runtime::block_on(async {
        let mut set: JoinSet<_> = (0..2).map(ready).collect();
        set.extend((2..5).map(ready));
        assert_eq!(set.join_all().await, [0, 1, 2, 3, 4]);
    });
}
