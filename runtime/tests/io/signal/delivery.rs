//! Which listeners receive a signal, and how often.

use super::disposition::*;
use crate::support::child;
use crate::support::threads::Thread;
use crate::support::{changes, turn};
use egret_runtime::block_on;
use egret_runtime::runtime::Runtime;
use egret_runtime::signal::unix::{SignalKind, signal};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Waker};
use std::thread;

#[test]
fn a_signal_is_told_once_and_wakes_the_task_that_waits_for_it_and_nobody_else() {
    child::alone(|| {
        let rt = Runtime::new().unwrap();
        let told = counter(&rt, USR1);
        rt.spawn(std::future::pending::<()>());
        turn(&rt);
        for n in 1..=3 {
            let before = rt.metrics();
            raise(USR1);
            assert_eq!(turn(&rt), (1, 1, 1));
            assert_eq!(told.get(), n);
            assert_eq!(turn(&rt), (0, 0, 0));
            let moved = [("turns", 2), ("polls", 1), ("local_wakes", 1), ("epoll_waits", 2), ("events", 1)];
            assert_eq!(changes(before, rt.metrics()), moved);
        }
    });
}

#[test]
fn a_thousand_signals_before_the_next_turn_are_one() {
    child::alone(|| {
        let rt = Runtime::new().unwrap();
        let told = counter(&rt, USR1);
        for n in 1..=3 {
            for _ in 0..1000 {
                raise(USR1);
            }
            assert_eq!(turn(&rt), (1, 1, 1));
            assert_eq!((told.get(), turn(&rt)), (n, (0, 0, 0)));
        }
    });
}

#[test]
fn the_last_of_many_signals_is_never_lost() {
    child::alone(|| {
        static SENT: AtomicU64 = AtomicU64::new(0);
        const ROUNDS: u64 = 7_000;
        dispose(USR1, libc::SIG_IGN); // for the last, which may be delivered when the listener is gone
        block_on(async {
            let mut signal = signal(USR1).unwrap();
            let (go, next) = channel::<()>();
            let sender = thread::spawn(move || {
                while next.recv().is_ok() {
                    // A burst, at a random phase of the loop, and then nothing until the last of it was seen.
                    for _ in 0..3 {
                        SENT.fetch_add(1, Ordering::Release);
                        kill(USR1);
                    }
                }
            });
            for round in 1..=ROUNDS {
                go.send(()).unwrap();
                while SENT.load(Ordering::Acquire) != 3 * round {
                    signal.recv().await.unwrap();
                }
                // The last signal may be delivered after the sender's count, and is then received by the next `recv`.
            }
            drop(go);
            sender.join().unwrap();
        });
    });
}

#[test]
fn a_signal_between_two_waits_and_before_the_first_is_not_lost() {
    child::alone(|| {
        block_on(async {
            let mut listener = signal(USR1).unwrap();
            raise(USR1);
            assert_eq!(listener.recv().await, Some(()));
            assert!(poll_once(&mut listener).is_pending());
            raise(USR1);
            // A dropped wait consumes no signal.
            {
                let mut wait = pin!(listener.recv());
                let _ = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
            raise(USR1);
            assert_eq!(listener.recv().await, Some(()));
            assert!(poll_once(&mut listener).is_pending());
            // A new listener does not receive earlier signals.
            let mut late = signal(USR1).unwrap();
            assert!(poll_once(&mut late).is_pending());
        });
    });
}

#[test]
fn each_kind_is_told_to_its_own_listeners_and_to_all_of_them() {
    child::alone(|| {
        let rt = Runtime::new().unwrap();
        let (a, b, other) = (counter(&rt, USR1), counter(&rt, USR1), counter(&rt, USR2));
        let real_time = counter(&rt, SignalKind::from_raw(libc::SIGRTMIN()));
        raise(USR1);
        turn(&rt);
        assert_eq!((a.get(), b.get(), other.get(), real_time.get()), (1, 1, 0, 0));
        raise(USR2);
        raise(SignalKind::from_raw(libc::SIGRTMIN()));
        turn(&rt);
        assert_eq!((a.get(), b.get(), other.get(), real_time.get()), (1, 1, 1, 1));
        assert_eq!(turn(&rt), (0, 0, 0));
    });
}

#[test]
fn loops_on_two_threads_are_both_told_of_each_signal() {
    child::alone(|| {
        let (told, tells) = channel();
        let loops = [0, 1].map(|n| {
            let told = told.clone();
            thread::spawn(move || {
                block_on(async {
                    let mut terminate = signal(SignalKind::terminate()).unwrap();
                    told.send((n, 0)).unwrap();
                    for i in 1..=100 {
                        terminate.recv().await.unwrap();
                        told.send((n, i)).unwrap();
                    }
                });
            })
        });
        for i in 0..=100 {
            let mut both = [tells.recv().unwrap(), tells.recv().unwrap()];
            both.sort_unstable();
            assert_eq!(both, [(0, i), (1, i)]);
            if i < 100 {
                kill(SignalKind::terminate());
            }
        }
        for one in loops {
            one.join().unwrap();
        }
    });
}

// S9
#[test]
fn a_thread_that_was_there_before_the_runtime_may_be_the_one_that_takes_the_signal() {
    child::alone(|| {
        let (end, ended) = channel::<()>();
        let (tell, thread_id) = channel();
        let early = thread::spawn(move || {
            tell.send(Thread::this()).unwrap();
            let _ = ended.recv();
        });
        let target = thread_id.recv().unwrap();
        block_on(async {
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            for _ in 0..100 {
                target.signal(libc::SIGTERM); // it is there until `end` is dropped
                assert_eq!(terminate.recv().await, Some(()));
            }
        });
        drop(end);
        early.join().unwrap();
    });
}

#[test]
fn the_kinds_have_the_numbers_of_the_kernel() {
    let kinds = [
        (SignalKind::alarm(), libc::SIGALRM),
        (SignalKind::child(), libc::SIGCHLD),
        (SignalKind::hangup(), libc::SIGHUP),
        (SignalKind::interrupt(), libc::SIGINT),
        (SignalKind::io(), libc::SIGIO),
        (SignalKind::pipe(), libc::SIGPIPE),
        (SignalKind::quit(), libc::SIGQUIT),
        (SignalKind::terminate(), libc::SIGTERM),
        (SignalKind::user_defined1(), libc::SIGUSR1),
        (SignalKind::user_defined2(), libc::SIGUSR2),
        (SignalKind::window_change(), libc::SIGWINCH),
    ];
    for (kind, number) in kinds {
        assert_eq!(kind.as_raw_value(), number);
        assert_eq!(i32::from(SignalKind::from(number)), number);
        assert_eq!(SignalKind::from_raw(number), kind);
    }
}
