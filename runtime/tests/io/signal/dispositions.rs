//! Without a listener a signal has its previous action.

use super::disposition::*;
use crate::support::child::{self};
use crate::support::{bounded, message_of, this_waker};
use egret_runtime::runtime::Runtime;
use egret_runtime::signal::ctrl_c;
use egret_runtime::signal::unix::{SignalKind, signal};
use egret_runtime::{block_on, spawn};
use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

/// As [`child::alone`], of a test whose process is ended by a signal. Returns its number in the parent.
fn killed_by<F: FnOnce() + Send + 'static>(body: F) -> Option<i32> {
    const CHILD: &str = "EGRET_TEST_IS_KILLED";
    let mut child = child::again(child::test_of(&body));
    if std::env::var_os(CHILD).is_some() {
        dispose(SignalKind::interrupt(), libc::SIG_DFL); // a shell without job control has its background jobs ignore it
        bounded(body);
        println!("still alive");
        return None;
    }
    let ended = child.env(CHILD, "1").output().unwrap();
    let stdout = String::from_utf8_lossy(&ended.stdout);
    assert!(stdout.contains("about to end"), "{stdout}\n{}", String::from_utf8_lossy(&ended.stderr));
    Some(ended.status.signal().unwrap_or_else(|| panic!("{}: {stdout}", ended.status)))
}

// S5
#[test]
fn with_the_last_listener_gone_a_signal_does_again_what_it_did() {
    let ended = killed_by(|| {
        block_on(async {
            let mut first = signal(SignalKind::interrupt()).unwrap();
            let mut second = signal(SignalKind::interrupt()).unwrap();
            raise(SignalKind::interrupt());
            first.recv().await.unwrap();
            drop(first);
            raise(SignalKind::interrupt());
            second.recv().await.unwrap();
            drop(second);
            println!("about to end");
            raise(SignalKind::interrupt());
        });
    });
    assert!(ended.is_none_or(|signal| signal == libc::SIGINT));
}

// S5
#[test]
fn after_the_first_ctrl_c_the_second_ends_the_process() {
    let ended = killed_by(|| {
        block_on(async {
            let first = spawn(ctrl_c());
            egret_runtime::task::yield_now().await;
            kill(SignalKind::interrupt());
            first.await.unwrap().unwrap();
            println!("about to end");
            kill(SignalKind::interrupt());
            std::future::pending::<()>().await;
        });
    });
    assert!(ended.is_none_or(|signal| signal == libc::SIGINT));
}

#[test]
fn the_handler_that_was_there_comes_back_with_its_flags() {
    child::alone(|| {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        for handler in [counting(), libc::SIG_IGN, libc::SIG_DFL] {
            dispose(USR1, handler);
            let before = disposition(USR1);
            HANDLED.store(0, Ordering::Relaxed);
            for _ in 0..3 {
                let mut listener = signal(USR1).unwrap();
                assert_ne!(disposition(USR1).0, handler);
                raise(USR1);
                assert_eq!(poll_once(&mut listener), Poll::Ready(Some(())));
                drop(listener);
                assert_eq!(disposition(USR1), before);
            }
            assert_eq!(HANDLED.load(Ordering::Relaxed), 0); // theirs was not called while there was a listener
        }
        dispose(USR1, counting());
        raise(USR1);
        assert_eq!(HANDLED.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_disposition_that_somebody_else_has_set_meanwhile_stays() {
    child::alone(|| {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        dispose(USR1, libc::SIG_IGN);
        let listener = signal(USR1).unwrap();
        let ours = disposition(USR1);
        dispose(USR1, counting());
        let theirs = disposition(USR1);
        let another = signal(USR1).unwrap(); // not the first: it installs nothing
        assert_eq!(disposition(USR1), theirs);
        drop((listener, another));
        assert_eq!(disposition(USR1), theirs);

        // The next first listener takes it over and gives it back.
        let listener = signal(USR1).unwrap();
        assert_eq!(disposition(USR1), ours);
        drop(listener);
        assert_eq!(disposition(USR1), theirs);

        // The other code restores the handler that it found, egret's, when no listener is left.
        dispose(USR1, ours.0);
        drop(signal(USR1).unwrap());
        assert_eq!(disposition(USR1), theirs);
    });
}

#[test]
fn ctrl_c_listens_from_its_first_poll_until_it_is_dropped() {
    child::alone(|| {
        let before = disposition(SignalKind::interrupt());
        block_on(async {
            let waker = this_waker().await;
            let mut wait = Box::pin(ctrl_c());
            assert_eq!(disposition(SignalKind::interrupt()), before);
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_ne!(disposition(SignalKind::interrupt()), before);
            drop(wait);
            assert_eq!(disposition(SignalKind::interrupt()), before);
            let mut wait = Box::pin(ctrl_c());
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            raise(SignalKind::interrupt());
            wait.await.unwrap();
            assert_eq!(disposition(SignalKind::interrupt()), before);
        });
    });
}

#[test]
fn outside_of_a_runtime_there_is_a_panic_and_nothing_is_installed() {
    child::alone(|| {
        let before = disposition(USR1);
        let refused = catch_unwind(|| signal(USR1).map(drop));
        assert!(message_of(&*refused.unwrap_err()).contains("no egret runtime on this thread"));
        assert_eq!(disposition(USR1), before);
    });
}
