//! The joint shutdown: from a core, from any thread, by signals; the drain and its deadline.

use crate::Drops;
use crate::support::bounded;
use egret_runtime::cores::Builder;
use egret_runtime::shutdown::{Shutdown, ShutdownGuard};
use egret_runtime::signal::unix::SignalKind;
use egret_runtime::task::yield_now;
use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_request_on_one_core_reaches_all() {
    bounded(|| {
        let told = AtomicUsize::new(0);
        let ended = Builder::new().count(4).run(async |core| {
            if core.index() == 3 {
                core.shutdown().request();
                // The end of its future would tell them, too.
                while told.load(Ordering::SeqCst) < 3 {
                    yield_now().await;
                }
            }
            core.shutdown().requested().await;
            told.fetch_add(1, Ordering::SeqCst);
            io::Result::Ok(core.shutdown().is_requested())
        });
        assert_eq!(ended.unwrap().outputs, [true; 4]);
    });
}

#[test]
fn a_request_of_another_thread_wakes_cores_that_sleep() {
    bounded(|| {
        let builder = Builder::new().count(3);
        let stop = builder.stop();
        let (waits, all_wait) = channel();
        let requester = thread::spawn(move || {
            (0..3).for_each(|_| all_wait.recv().unwrap());
            stop.request();
            stop.request();
        });
        let ended = builder.run(async |core| {
            waits.clone().send(()).unwrap();
            core.shutdown().requested().await;
            io::Result::Ok(())
        });
        assert_eq!(ended.unwrap().outputs.len(), 3);
        requester.join().unwrap();
    });
}

#[test]
fn a_request_before_the_run_holds_for_it() {
    let builder = Builder::new().count(2);
    builder.stop().request();
    let ended = builder.run(async |core| io::Result::Ok(core.shutdown().is_requested()));
    assert_eq!(ended.unwrap().outputs, [true; 2]);
}

#[test]
fn a_core_that_returns_leaves_the_others_alone_and_drops_its_tasks() {
    bounded(|| {
        let drops = Drops::default();
        let ended = Builder::new().count(2).run(async |core| {
            let guard = drops.guard();
            if core.index() == 1 {
                while core.handles()[0].spawn_with(|| async {}).await.is_ok() {}
                return io::Result::Ok(core.shutdown().is_requested());
            }
            drop(guard);
            drop(core.shutdown().spawn(pending::<()>()));
            Ok(false)
        });
        let ended = ended.unwrap();
        assert_eq!((ended.outputs, ended.aborted), (vec![false, false], 0));
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn at_the_deadline_tasks_are_aborted_and_the_futures_of_the_cores_dropped_on_their_threads() {
    bounded(|| {
        let drops = Drops::default();
        let all = Barrier::new(3); // the deadline may pass before a core that is late has begun
        let deadline = Duration::from_millis(20);
        let start = Instant::now();
        let late = Builder::new().count(3).deadline(deadline).run(async |core| {
            let _guard = drops.guard();
            for _ in 0..10 {
                drop(core.shutdown().spawn(pending::<()>()));
            }
            all.wait();
            core.shutdown().request();
            pending::<()>().await;
            io::Result::Ok(())
        });
        let late = late.unwrap_err();
        assert!(start.elapsed() >= deadline);
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert!(
            late.to_string().ends_with("has not returned 20ms after the shutdown was requested"),
            "{late}"
        );
        assert_eq!(drops.count(), 3);
    });
}

#[test]
fn tasks_that_do_not_end_are_counted_when_the_deadline_aborts_them() {
    bounded(|| {
        let all = Barrier::new(2); // the deadline may pass before a core that is late has its tasks
        let ended = Builder::new().count(2).deadline(Duration::from_millis(1)).run(async |core| {
            for _ in 0..10 {
                drop(core.shutdown().spawn(pending::<()>()));
            }
            let live = core.shutdown().live();
            all.wait();
            core.shutdown().request();
            core.shutdown().requested().await;
            io::Result::Ok(live)
        });
        let ended = ended.unwrap();
        assert_eq!((ended.outputs, ended.aborted), (vec![10, 10], 20));
    });
}

thread_local! {
    static TAKEN: RefCell<Vec<ShutdownGuard>> = const { RefCell::new(Vec::new()) };
}

/// Takes two guards when it is dropped.
struct TakesGuards(Shutdown);

impl Drop for TakesGuards {
    fn drop(&mut self) {
        TAKEN.with_borrow_mut(|taken| taken.extend([self.0.guard(), self.0.guard()]));
    }
}

#[test]
fn guards_that_destructors_of_aborted_tasks_take_are_not_subtracted_from_their_count() {
    bounded(|| {
        let ended = Builder::new().count(1).deadline(Duration::from_millis(1)).run(async |core| {
            let takes = TakesGuards(core.shutdown().clone());
            drop(core.shutdown().spawn(async move {
                let _takes = takes;
                pending::<()>().await;
            }));
            core.shutdown().request();
            io::Result::Ok(())
        });
        assert_eq!(ended.unwrap().aborted, 1);
    });
}

#[test]
fn an_abort_waits_for_nothing() {
    bounded(|| {
        let builder = Builder::new().count(2); // without a deadline
        let stop = builder.stop();
        let aborted = builder.run(async |core| {
            if core.index() == 0 {
                stop.request();
            } else {
                core.shutdown().requested().await;
                stop.abort();
            }
            pending::<()>().await;
            io::Result::Ok(())
        });
        let aborted = aborted.unwrap_err();
        assert_eq!(aborted.kind(), io::ErrorKind::Interrupted);
        assert!(aborted.to_string().ends_with("was aborted before it returned"), "{aborted}");
    });
}

#[test]
fn the_first_signal_drains_and_the_second_aborts() {
    fn send(signal: &str) {
        let sent = Command::new("kill").args([signal, &std::process::id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
    bounded(|| {
        let (first, second) = (SignalKind::user_defined1(), SignalKind::user_defined2());
        let aborted = Builder::new().count(2).stop_on([first, second]).run(async |core| {
            if core.index() == 0 {
                send("-USR1");
            }
            core.shutdown().requested().await;
            if core.index() == 1 {
                send("-USR2");
            }
            pending::<()>().await;
            io::Result::Ok(())
        });
        assert_eq!(aborted.unwrap_err().kind(), io::ErrorKind::Interrupted);
    });
}
