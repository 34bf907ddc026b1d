//! What a core that fails does to the others.

use crate::support::bounded;
use crate::{Drops, at_end_of_thread};
use egret_runtime::cores::{Builder, OnFailure};
use egret_runtime::runtime::{self, UnhandledPanic};
use egret_runtime::task::yield_now;
use std::cell::Cell;
use std::future::pending;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn message(payload: Box<dyn std::any::Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().unwrap().to_string(),
    }
}

#[test]
fn an_error_of_one_core_shuts_the_others_down_and_is_returned() {
    bounded(|| {
        let told = AtomicUsize::new(0);
        let failed = Builder::new().count(3).run(async |core| {
            if core.index() == 1 {
                return Err(io::Error::other("the disk is gone"));
            }
            core.shutdown().requested().await;
            told.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        assert_eq!(failed.unwrap_err().to_string(), "the disk is gone");
        assert_eq!(told.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_panic_of_one_core_drains_all_and_goes_on_in_the_caller() {
    bounded(|| {
        let (drained, drops) = (AtomicUsize::new(0), Drops::default());
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            Builder::new().count(2).run(async |core| {
                let finished = Rc::new(Cell::new(false));
                let (shutdown, done) = (core.shutdown().clone(), finished.clone());
                // Work that a drain waits for.
                drop(core.shutdown().spawn(async move {
                    shutdown.requested().await;
                    yield_now().await;
                    done.set(true);
                }));
                let _guard = drops.guard();
                if core.index() == 0 {
                    yield_now().await;
                    panic!("core 0 is broken");
                }
                core.shutdown().drained().await;
                drained.fetch_add(usize::from(finished.get()), Ordering::SeqCst);
                io::Result::Ok(())
            })
        }));
        assert_eq!(message(panicked.unwrap_err()), "core 0 is broken");
        assert_eq!(drained.load(Ordering::SeqCst), 1);
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn a_detached_task_that_panics_under_the_policy_shutdown_ends_all_cores() {
    bounded(|| {
        let panicked = catch_unwind(|| {
            let settings = |_| runtime::Builder::new().unhandled_panic(UnhandledPanic::Shutdown);
            Builder::new().count(2).runtime(settings).run(async |core| {
                if core.index() == 1 {
                    drop(egret_runtime::spawn(async { panic!("a task of core 1") }));
                    pending::<()>().await;
                }
                core.shutdown().requested().await;
                io::Result::Ok(())
            })
        });
        assert!(message(panicked.unwrap_err()).contains("a task of core 1"));
    });
}

#[test]
fn with_the_policy_to_go_on_the_others_are_not_told() {
    bounded(|| {
        let asked = AtomicUsize::new(0);
        let builder = Builder::new().count(2).on_failure(OnFailure::GoOn);
        let stop = builder.stop();
        let failed = builder.run(async |core| {
            if core.index() == 0 {
                return Err(io::Error::other("only core 0"));
            }
            // Longer than core 0 takes: it has ended when its handle cancels what is sent to it.
            while core.handles()[0].spawn_with(|| async {}).await.is_ok() {}
            asked.fetch_add(usize::from(core.shutdown().is_requested()), Ordering::SeqCst);
            Ok(())
        });
        assert_eq!(failed.unwrap_err().to_string(), "only core 0");
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        assert!(!stop.is_requested());
    });
}

#[test]
fn of_two_errors_the_first_is_returned() {
    bounded(|| {
        let ended = Arc::new(AtomicBool::new(false));
        let failed = Builder::new().count(2).on_failure(OnFailure::GoOn).run(async |core| {
            if core.index() == 1 {
                at_end_of_thread(&ended);
                return Err::<(), _>(io::Error::other("the first"));
            }
            while !ended.load(Ordering::SeqCst) {
                yield_now().await;
            }
            Err(io::Error::other("the second"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "the first");
    });
}

#[test]
fn of_two_cores_that_cannot_start_the_first_is_reported() {
    bounded(|| {
        let ended = Arc::new(AtomicBool::new(false));
        let builder = Builder::new().count(2).runtime(move |core| {
            if core == 1 {
                at_end_of_thread(&ended);
                panic!("the first");
            }
            while !ended.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            panic!("the second");
        });
        let refused = builder.run(async |_| io::Result::Ok(())).unwrap_err();
        assert_eq!(refused.to_string(), "core 1 panicked before it had a runtime: the first");
    });
}
