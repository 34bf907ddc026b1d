//! `task_local!`: where a value is seen, where it is not, and that a scope gives back what was there before it.

use egret_runtime::runtime::Runtime;
use egret_runtime::task::futures::TaskLocalFuture;
use egret_runtime::task::{LocalKey, yield_now};
use egret_runtime::task_local;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

task_local! {
    static NUMBER: u32;
    /// A second one, which is not `Copy`.
    pub static TEXT: String;
}

task_local!(static LAST: Rc<Cell<u32>>);

/// Notes the number when it is dropped.
struct Notes(Rc<RefCell<Vec<Option<u32>>>>);

impl Drop for Notes {
    fn drop(&mut self) {
        self.0.borrow_mut().push(NUMBER.try_get().ok());
    }
}

fn notes() -> (Notes, Rc<RefCell<Vec<Option<u32>>>>) {
    let seen = Rc::<RefCell<Vec<_>>>::default();
    (Notes(seen.clone()), seen)
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn message(payload: Box<dyn std::any::Any + Send>) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| payload.downcast_ref::<&str>().unwrap().to_string())
}

#[test]
fn each_task_sees_its_own_value_in_every_poll_and_what_runs_between_the_polls_sees_none() {
    egret_runtime::block_on(async {
        let body = |number| async move {
            for _ in 0..3 {
                assert_eq!(NUMBER.get(), number);
                assert!(TEXT.try_get().is_err());
                yield_now().await;
            }
            NUMBER.get()
        };
        let tasks = [1, 2].map(|number| egret_runtime::spawn(NUMBER.scope(number, body(number))));
        let without = egret_runtime::spawn(async {
            for _ in 0..5 {
                assert!(NUMBER.try_get().is_err());
                yield_now().await;
            }
        });
        let [first, second] = tasks;
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 2));
        without.await.unwrap();
    });
}

#[test]
fn a_scope_hides_the_one_around_it_and_gives_it_back_between_two_polls() {
    let mut inner = pin!(NUMBER.scope(2, async {
        assert_eq!(NUMBER.get(), 2);
        yield_now().await;
        assert_eq!(NUMBER.get(), 2);
    }));
    NUMBER.sync_scope(1, || {
        assert!(poll_once(inner.as_mut()).is_pending());
        assert_eq!(NUMBER.get(), 1);
    });
    assert!(NUMBER.try_get().is_err());
    assert!(poll_once(inner.as_mut()).is_ready()); // in another scope, here in none
    assert!(NUMBER.try_get().is_err());
}

#[test]
fn a_spawned_task_does_not_inherit_the_value() {
    egret_runtime::block_on(NUMBER.scope(1, async {
        assert!(egret_runtime::spawn(async { NUMBER.try_get() }).await.unwrap().is_err());
        assert_eq!(NUMBER.get(), 1);
    }));
}

#[test]
fn a_panic_in_a_scope_gives_back_what_was_around_it_and_drops_the_future_in_the_scope() {
    let (note, seen) = notes();
    NUMBER.sync_scope(1, || {
        let mut inner = Box::pin(NUMBER.scope(2, async move {
            let note = note;
            ready(()).await;
            if NUMBER.get() == 2 {
                panic!("in the poll");
            }
            drop(note);
        }));
        let caught = catch_unwind(AssertUnwindSafe(|| poll_once(inner.as_mut())));
        assert!(caught.is_err());
        assert_eq!(NUMBER.get(), 1);
        assert_eq!(seen.take(), [Some(2)]); // the local variable, by the unwinding
        drop(inner);
        assert_eq!(NUMBER.get(), 1);
    });
    assert!(NUMBER.try_get().is_err());
    let caught = catch_unwind(|| NUMBER.sync_scope(3, || panic!("in the closure")));
    assert!(caught.is_err() && NUMBER.try_get().is_err());
}

#[test]
fn a_task_that_panics_leaves_no_value_to_the_next_one() {
    egret_runtime::block_on(async {
        let (note, seen) = notes();
        let task = egret_runtime::spawn(NUMBER.scope(7, async move {
            let _note = note;
            panic!("the task");
        }));
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(seen.take(), [Some(7)]);
        assert!(NUMBER.try_get().is_err());
        egret_runtime::spawn(async { assert!(NUMBER.try_get().is_err()) }).await.unwrap();
    });
}

#[test]
fn a_future_is_dropped_in_its_scope_when_it_completes_is_aborted_or_ends_with_its_runtime() {
    struct Never(#[allow(dead_code)] Notes);
    impl Future for Never {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
    let rt = Runtime::new().unwrap();
    let (note, seen) = notes();
    let completes = rt.spawn(NUMBER.scope(1, async move { drop(note) }));
    rt.block_on(completes).unwrap();
    assert_eq!(seen.take(), [Some(1)]);

    let (note, seen) = notes();
    let aborted = rt.spawn(NUMBER.scope(2, Never(note)));
    rt.turn(Some(Duration::ZERO));
    aborted.abort();
    assert_eq!(seen.take(), [Some(2)]);

    let (note, seen) = notes();
    let polled_never = NUMBER.scope(3, Never(note));
    NUMBER.sync_scope(9, || {
        drop(polled_never);
        assert_eq!(NUMBER.get(), 9);
    });
    assert_eq!(seen.take(), [Some(3)]);

    let (note, seen) = notes();
    drop(rt.spawn(NUMBER.scope(4, Never(note))));
    drop(rt);
    assert_eq!(seen.take(), [Some(4)]);
    assert!(NUMBER.try_get().is_err());
}

#[test]
fn a_future_that_is_dropped_by_the_unwinding_of_another_panic_is_dropped_in_its_scope() {
    let (note, seen) = notes();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        NUMBER.sync_scope(1, || {
            let mut inner = Box::pin(NUMBER.scope(2, async move {
                let _note = note;
                pending::<()>().await;
            }));
            assert!(poll_once(inner.as_mut()).is_pending());
            panic!("outside of the inner scope");
        })
    }));
    assert!(caught.is_err());
    assert_eq!(seen.take(), [Some(2)]);
    assert!(NUMBER.try_get().is_err());
}

#[test]
fn a_scope_within_a_read_of_its_key_is_refused_and_the_value_is_unharmed() {
    NUMBER.sync_scope(1, || {
        NUMBER.with(|number| {
            let caught = catch_unwind(|| NUMBER.sync_scope(2, || ()));
            assert!(message(caught.unwrap_err()).contains("leave `with` first"));
            let mut future = pin!(NUMBER.scope(3, async {}));
            let caught = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
            assert!(message(caught.unwrap_err()).contains("leave `with` first"));
            assert_eq!((*number, NUMBER.get()), (1, 1)); // a read within a read is fine
            assert_eq!(TEXT.sync_scope("other".to_owned(), || TEXT.get()), "other");
        });
        assert_eq!(NUMBER.get(), 1);
    });
}

#[test]
fn a_future_that_is_dropped_within_a_read_of_its_key_is_dropped_outside_of_its_scope() {
    let (note, seen) = notes();
    NUMBER.sync_scope(1, || {
        let inner = NUMBER.scope(2, async move {
            let _note = note;
            pending::<()>().await;
        });
        NUMBER.with(|_| drop(inner));
        assert_eq!(NUMBER.get(), 1);
    });
    assert_eq!(seen.take(), [Some(1)]);
}

#[test]
fn the_value_is_dropped_with_the_future_and_outside_of_the_scope() {
    let value = Rc::new(Cell::new(0));
    let mut future = Box::pin(LAST.scope(value.clone(), async {
        LAST.with(|value| value.set(value.get() + 1));
    }));
    assert!(poll_once(future.as_mut()).is_ready());
    assert_eq!((value.get(), Rc::strong_count(&value)), (1, 2));
    drop(future);
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn a_value_that_is_taken_out_is_not_seen_by_the_next_poll() {
    let mut future = Box::pin(TEXT.scope("given".to_owned(), async {
        assert_eq!(TEXT.get(), "given");
        yield_now().await;
        TEXT.try_get()
    }));
    assert!(poll_once(future.as_mut()).is_pending());
    assert_eq!(future.as_mut().take_value().as_deref(), Some("given"));
    assert_eq!(future.as_mut().take_value(), None);
    let Poll::Ready(Err(error)) = poll_once(future.as_mut()) else { panic!("the value is gone") };
    assert_eq!(error.to_string(), "this task-local has no value here");
}

#[test]
fn a_read_where_there_is_no_value_and_a_poll_after_the_end_say_what_to_do() {
    let message = message(catch_unwind(|| NUMBER.get()).unwrap_err());
    assert!(message.contains("put the future in `scope`"), "{message}");
    let mut future = pin!(NUMBER.scope(1, async {}));
    assert!(poll_once(future.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()))).is_err());
}

const fn is_send_and_sync<T: Send + Sync>() {}

const _: () = {
    is_send_and_sync::<LocalKey<Rc<u8>>>(); // its value is each thread's own
    is_send_and_sync::<TaskLocalFuture<u8, std::future::Ready<()>>>();
};
