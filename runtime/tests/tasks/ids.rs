//! `task::id` and `task::try_id`: in polls, in destructors, in jobs, and where no task runs.

use egret_runtime::runtime::{Handle, Runtime};
use egret_runtime::task::{self, Id, JoinSet, spawn_blocking, yield_now};
use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;

/// Notes the running task when it is dropped.
struct Notes(Rc<RefCell<Vec<Option<Id>>>>);

impl Drop for Notes {
    fn drop(&mut self) {
        self.0.borrow_mut().push(task::try_id());
    }
}

fn notes() -> (Notes, Rc<RefCell<Vec<Option<Id>>>>) {
    let seen = Rc::<RefCell<Vec<_>>>::default();
    (Notes(seen.clone()), seen)
}

#[test]
fn each_poll_of_a_task_has_its_number_and_the_future_of_block_on_has_none() {
    egret_runtime::block_on(async {
        let body = || async {
            let before = task::id();
            yield_now().await;
            assert_eq!(task::id(), before);
            before
        };
        let (first, second) = (egret_runtime::spawn(body()), egret_runtime::spawn(body()));
        let ids = (first.id(), second.id());
        assert_eq!(task::try_id(), None);
        assert_eq!((first.await.unwrap(), second.await.unwrap()), ids);
        assert_eq!(task::try_id(), None);
    });
    assert_eq!(task::try_id(), None);
}

#[test]
fn where_no_task_runs_the_panic_says_what_to_do() {
    let panic = catch_unwind(task::id).unwrap_err();
    let message = panic.downcast_ref::<&str>().expect("a message");
    assert!(message.contains("`spawn`") && message.contains("`task::try_id`"), "{message}");
}

#[test]
fn a_task_that_ends_after_a_poll_leaves_no_number_to_what_runs_next() {
    let rt = Runtime::new().unwrap();
    drop(rt.spawn(async {}));
    assert_eq!(rt.turn(Some(std::time::Duration::ZERO)).polled, 1);
    assert_eq!(task::try_id(), None);
    rt.block_on(async {
        egret_runtime::spawn(async {}).await.unwrap();
        assert_eq!(task::try_id(), None);
    });
}

#[test]
fn the_destructor_of_a_future_has_the_number_of_its_task_however_it_ends() {
    egret_runtime::block_on(async {
        let (note, seen) = notes();
        let completes = egret_runtime::spawn(async move { drop(note) });
        let id = completes.id();
        completes.await.unwrap();
        assert_eq!(seen.take(), [Some(id)]);

        let (note, seen) = notes();
        let panics = egret_runtime::spawn(async move {
            let _note = note;
            panic!("with a destructor");
        });
        let id = panics.id();
        assert!(panics.await.unwrap_err().is_panic());
        assert_eq!(seen.take(), [Some(id)]);

        // Aborted by another task, whose number is there again after it.
        let (note, seen) = notes();
        let aborted = egret_runtime::spawn(async move {
            let _note = note;
            pending::<()>().await;
        });
        let id = aborted.id();
        yield_now().await;
        egret_runtime::spawn(async move {
            let own = task::id();
            aborted.abort();
            assert_eq!(task::id(), own);
        })
        .await
        .unwrap();
        assert_eq!(seen.take(), [Some(id)]);
    });
}

#[test]
fn the_destructor_of_a_future_that_the_end_of_its_runtime_drops_has_the_number_of_its_task() {
    let rt = Runtime::new().unwrap();
    let (note, seen) = notes();
    let task = rt.spawn(async move {
        let _note = note;
        pending::<()>().await;
    });
    drop(rt);
    assert_eq!(seen.take(), [Some(task.id())]);
    assert_eq!(task::try_id(), None);
}

#[test]
fn an_output_that_is_dropped_with_its_handle_has_the_number_of_its_task() {
    egret_runtime::block_on(async {
        let (note, seen) = notes();
        let task = egret_runtime::spawn(async move { note });
        let id = task.id();
        yield_now().await;
        yield_now().await;
        assert!(task.is_finished());
        drop(task);
        assert_eq!(seen.take(), [Some(id)]);
        assert_eq!(task::try_id(), None);

        let (note, seen) = notes();
        let task = egret_runtime::spawn(async move {
            yield_now().await;
            note
        });
        let id = task.id();
        drop(task); // before there is an output
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(seen.take(), [Some(id)]);
    });
}

#[test]
fn a_job_has_its_own_number_and_has_it_again_after_a_loop_of_its_own() {
    egret_runtime::block_on(async {
        let job = spawn_blocking(|| {
            let before = task::id();
            egret_runtime::block_on(async {
                assert_eq!(task::try_id(), None);
                assert_ne!(egret_runtime::spawn(async { task::id() }).await.unwrap(), before);
            });
            (before, task::id())
        });
        let id = job.id();
        assert_eq!(job.await.unwrap(), (id, id));
        assert_eq!(task::try_id(), None);
    });
}

#[test]
fn a_task_from_another_thread_and_a_member_of_a_set_have_the_number_of_their_handle() {
    egret_runtime::block_on(async {
        let task = Handle::current().spawn(async { task::id() });
        let id = task.id();
        assert_eq!(task.await.unwrap(), id);

        let mut set = JoinSet::new();
        let id = set.spawn(async { task::id() }).id();
        assert_eq!(set.join_next().await.unwrap().unwrap(), id);
    });
}

#[test]
fn a_panic_that_leaves_a_loop_leaves_no_number() {
    let (tell, told) = mpsc::channel();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        egret_runtime::block_on(async {
            egret_runtime::spawn(async move { tell.send(task::id()).unwrap() }).await.unwrap();
            panic!("out of block_on");
        })
    }));
    assert!(caught.is_err() && told.recv().is_ok());
    assert_eq!(task::try_id(), None);
}
