//! Signals as events. What a signal does is a matter of the whole process, and some of these end in being
//! killed by one: so each test runs in a process of its own. The rows are S3, S5, S6, S8 and S9 of the list
//! of pitfalls that the project keeps.

#![allow(missing_docs)]
#![cfg(not(miri))] // which starts no process and handles no signal

mod support;

use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use egret_runtime::signal::ctrl_c;
use egret_runtime::signal::unix::{Signal, SignalKind, signal};
use egret_runtime::{block_on, spawn};
use std::cell::Cell;
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::pin::pin;
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use support::child::{self, open_descriptors};
use support::fds::pipe;
use support::{bounded, changes, message_of, this_waker, turn};

const USR1: SignalKind = SignalKind::user_defined1();
const USR2: SignalKind = SignalKind::user_defined2();

/// Sends a signal to this thread. It has been handled when this returns.
fn raise(kind: SignalKind) {
    // SAFETY: the call takes no pointer; what the signal does is what the test is about.
    assert_eq!(unsafe { libc::raise(kind.as_raw_value()) }, 0);
}

/// Sends a signal to the process: the kernel chooses a thread, which handles it at some time.
fn kill(kind: SignalKind) {
    let process = libc::pid_t::try_from(std::process::id()).unwrap();
    // SAFETY: as for `raise`.
    assert_eq!(unsafe { libc::kill(process, kind.as_raw_value()) }, 0);
}

/// The C library sets this flag on what it hands to the kernel, and shows it afterwards. It means nothing to
/// us.
const SA_RESTORER: i32 = 0x0400_0000;

/// What the process does with a signal: handler, flags.
fn disposition(kind: SignalKind) -> (usize, i32) {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: nothing is set; the kernel writes one `sigaction`, for which there is room.
    let got = unsafe { libc::sigaction(kind.as_raw_value(), std::ptr::null(), now.as_mut_ptr()) };
    assert_eq!(got, 0);
    // SAFETY: the call has succeeded and so has written it.
    let now = unsafe { now.assume_init() };
    (now.sa_sigaction, now.sa_flags & !SA_RESTORER)
}

/// Has a signal handled by `handler`, which is a function or one of the two constants, without `SA_RESTART`.
fn dispose(kind: SignalKind, handler: usize) {
    // SAFETY: zero bytes are a `sigaction`: no flags, nothing masked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_NODEFER; // of no use, but to be recognised
    // SAFETY: `action` lives across the call; the handlers of this file add to an atomic and nothing else.
    assert_eq!(unsafe { libc::sigaction(kind.as_raw_value(), &raw const action, std::ptr::null_mut()) }, 0);
}

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_signal: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

fn counting() -> usize {
    count as extern "C" fn(libc::c_int) as usize
}

fn poll_once(signal: &mut Signal) -> Poll<Option<()>> {
    signal.poll_recv(&mut Context::from_waker(Waker::noop()))
}

/// Spawns a task that counts the signals that it is told of.
fn counter(rt: &Runtime, kind: SignalKind) -> Rc<Cell<u32>> {
    let mut signal = {
        let _inside = rt.enter();
        signal(kind).unwrap()
    };
    let told = Rc::new(Cell::new(0));
    let theirs = told.clone();
    rt.spawn(async move {
        while signal.recv().await.is_some() {
            theirs.set(theirs.get() + 1);
        }
    });
    turn(rt);
    turn(rt); // the eventfd may have been written to before: an edge for who registers it
    told
}

/// As [`child::run`], of a test whose process is ended by a signal. Returns its number in the parent.
fn killed_by(name: &str, body: impl FnOnce() + Send + 'static) -> Option<i32> {
    const CHILD: &str = "EGRET_TEST_IS_KILLED";
    if std::env::var_os(CHILD).is_some() {
        bounded(body);
        println!("still alive");
        return None;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture", "--test-threads", "1"]).env(CHILD, "1");
    let ended = child.output().unwrap();
    let stdout = String::from_utf8_lossy(&ended.stdout);
    assert!(stdout.contains("about to end"), "{stdout}\n{}", String::from_utf8_lossy(&ended.stderr));
    Some(ended.status.signal().unwrap_or_else(|| panic!("{}: {stdout}", ended.status)))
}

#[test]
fn a_signal_is_told_once_and_wakes_the_task_that_waits_for_it_and_nobody_else() {
    child::run("a_signal_is_told_once_and_wakes_the_task_that_waits_for_it_and_nobody_else", || {
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
    child::run("a_thousand_signals_before_the_next_turn_are_one", || {
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
    child::run("the_last_of_many_signals_is_never_lost", || {
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
                // What was sent last may have been seen before it was delivered, and is told then.
            }
            drop(go);
            sender.join().unwrap();
        });
    });
}

#[test]
fn a_signal_between_two_waits_and_before_the_first_is_not_lost() {
    child::run("a_signal_between_two_waits_and_before_the_first_is_not_lost", || {
        block_on(async {
            let mut listener = signal(USR1).unwrap();
            raise(USR1);
            assert_eq!(listener.recv().await, Some(()));
            assert!(poll_once(&mut listener).is_pending());
            raise(USR1);
            // A wait that is given up has taken nothing.
            {
                let mut wait = pin!(listener.recv());
                let _ = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
            raise(USR1);
            assert_eq!(listener.recv().await, Some(()));
            assert!(poll_once(&mut listener).is_pending());
            // One that begins to listen now is not told of what was.
            let mut late = signal(USR1).unwrap();
            assert!(poll_once(&mut late).is_pending());
        });
    });
}

#[test]
fn each_kind_is_told_to_its_own_listeners_and_to_all_of_them() {
    child::run("each_kind_is_told_to_its_own_listeners_and_to_all_of_them", || {
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
    child::run("loops_on_two_threads_are_both_told_of_each_signal", || {
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
    child::run("a_thread_that_was_there_before_the_runtime_may_be_the_one_that_takes_the_signal", || {
        let (end, ended) = channel::<()>();
        let (tell, thread_id) = channel();
        let early = thread::spawn(move || {
            // SAFETY: the call has no preconditions.
            tell.send(unsafe { libc::pthread_self() }).unwrap();
            let _ = ended.recv();
        });
        let target = thread_id.recv().unwrap();
        block_on(async {
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            for _ in 0..100 {
                // SAFETY: the thread is there until `end` is dropped, below.
                assert_eq!(unsafe { libc::pthread_kill(target, libc::SIGTERM) }, 0);
                assert_eq!(terminate.recv().await, Some(()));
            }
        });
        drop(end);
        early.join().unwrap();
    });
}

// S5
#[test]
fn with_the_last_listener_gone_a_signal_does_again_what_it_did() {
    let ended = killed_by("with_the_last_listener_gone_a_signal_does_again_what_it_did", || {
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
    let ended = killed_by("after_the_first_ctrl_c_the_second_ends_the_process", || {
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
    child::run("the_handler_that_was_there_comes_back_with_its_flags", || {
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
    child::run("a_disposition_that_somebody_else_has_set_meanwhile_stays", || {
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

        // They put back what they had found, which was egret's, when nobody listens any more.
        dispose(USR1, ours.0);
        drop(signal(USR1).unwrap());
        assert_eq!(disposition(USR1), theirs);
    });
}

// S6
#[test]
fn a_listener_may_go_between_the_delivery_and_the_turn() {
    child::run("a_listener_may_go_between_the_delivery_and_the_turn", || {
        dispose(USR1, libc::SIG_IGN);
        let rt = Runtime::new().unwrap();
        let stays = counter(&rt, USR1);
        let (dropped, mut kept) = {
            let _inside = rt.enter();
            (signal(USR1).unwrap(), signal(USR1).unwrap())
        };
        // One that waits, one that is polled afterwards, and one that goes.
        turn(&rt);
        let before = rt.metrics();
        raise(USR1);
        drop(dropped);
        assert_eq!(turn(&rt), (2, 1, 1));
        assert_eq!(stays.get(), 1);
        assert_eq!(poll_once(&mut kept), Poll::Ready(Some(())));
        let after = rt.metrics();
        assert_eq!((after.stale_generations, after.epoll_ctl_errors), (before.stale_generations, 0));

        // The last of all.
        raise(USR1);
        drop(kept);
        drop(rt);
        assert_eq!(disposition(USR1).0, libc::SIG_IGN);
        let rt = Runtime::new().unwrap();
        assert_eq!(turn(&rt), (0, 0, 0));
        let late = counter(&rt, USR1);
        assert_eq!((late.get(), turn(&rt)), (0, (0, 0, 0)));
    });
}

// S8
#[test]
fn listeners_come_and_go_on_four_threads_in_a_storm_and_what_was_before_comes_back() {
    child::run("listeners_come_and_go_on_four_threads_in_a_storm_and_what_was_before_comes_back", || {
        for kind in [USR1, USR2] {
            dispose(kind, libc::SIG_IGN); // so that nobody is killed while nobody listens
        }
        let before = (disposition(USR1), disposition(USR2));
        drop({
            let rt = Runtime::new().unwrap();
            let _inside = rt.enter();
            signal(USR1).unwrap() // makes the eventfd, which is kept
        });
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    kill(USR1);
                    kill(USR2);
                }
            });
            let churns = [(); 4].map(|()| {
                scope.spawn(|| {
                    block_on(async {
                        for round in 0..500 {
                            let mut one = signal(USR1).unwrap();
                            let mut two = signal(USR2).unwrap();
                            // Each listener is told of a signal that comes while it is there, in any company.
                            if round % 8 == 0 {
                                one.recv().await.unwrap();
                                drop(one);
                                two.recv().await.unwrap();
                            }
                        }
                    });
                })
            });
            for churn in churns {
                churn.join().unwrap();
            }
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!((disposition(USR1), disposition(USR2)), before);
    });
}

// S3
#[test]
fn a_foreign_handler_at_a_kilohertz_that_interrupts_calls_is_not_noticed() {
    child::run("a_foreign_handler_at_a_kilohertz_that_interrupts_calls_is_not_noticed", || {
        dispose(USR1, libc::SIG_IGN); // for what is sent after the last was told
        dispose(SignalKind::alarm(), counting());
        assert_eq!(disposition(SignalKind::alarm()).1 & libc::SA_RESTART, 0);
        let timer = alarm_this_thread(Duration::from_millis(1));
        let (moved, told) = block_on(async {
            let (reader, writer) = pipe();
            let (reader, writer) = (AsyncFd::new(reader).unwrap(), AsyncFd::new(writer).unwrap());
            let mut listener = signal(USR1).unwrap();
            let told = spawn(async move {
                let mut told = 0;
                while told < 100 {
                    listener.recv().await.unwrap();
                    told += 1;
                }
                told
            });
            let writes = spawn(async move {
                let mut moved = 0;
                // For 300 alarms, and no fewer than were worth it.
                while HANDLED.load(Ordering::Relaxed) < 300 || moved < 1 << 20 {
                    moved += writer.write_with(|mut pipe| pipe.write(&[7; 4096])).await.unwrap();
                }
                moved
            });
            let sleeps = spawn(async {
                let nap = Duration::from_millis(2); // is interrupted, neither cut short nor begun again
                for _ in 0..20 {
                    let start = Instant::now();
                    egret_runtime::time::sleep(nap).await;
                    assert!(start.elapsed() >= nap);
                }
            });
            let mut read = 0;
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let n = reader.read_with(|mut pipe| pipe.read(&mut buffer)).await.unwrap();
                if n == 0 {
                    break;
                }
                assert!(buffer[..n].iter().all(|byte| *byte == 7));
                read += n;
                kill(USR1);
            }
            // With nothing to do the loop sleeps, and each alarm ends its wait.
            sleeps.await.unwrap();
            let moved = writes.await.unwrap();
            assert_eq!(read, moved);
            while !told.is_finished() {
                kill(USR1);
                egret_runtime::task::yield_now().await;
            }
            (moved, told.await.unwrap())
        });
        assert!(moved >= 1 << 20);
        assert_eq!(told, 100);
        assert!(HANDLED.load(Ordering::Relaxed) >= 300);
        // SAFETY: the timer was made by this process and is deleted once.
        assert_eq!(unsafe { libc::timer_delete(timer) }, 0);
    });
}

/// Has this thread, and no other, interrupted by a `SIGALRM` so often.
fn alarm_this_thread(period: Duration) -> libc::timer_t {
    // SAFETY: zero bytes are a `sigevent`.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = libc::SIGALRM;
    // SAFETY: the call has no preconditions.
    event.sigev_notify_thread_id = unsafe { libc::gettid() };
    let mut timer = std::mem::MaybeUninit::<libc::timer_t>::uninit();
    // SAFETY: the kernel reads `event` and writes `timer`; both live across the call.
    let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, timer.as_mut_ptr()) };
    assert_eq!(made, 0);
    // SAFETY: the call has succeeded and so has written it.
    let timer = unsafe { timer.assume_init() };
    let period = libc::timespec { tv_sec: 0, tv_nsec: i64::from(period.subsec_nanos()) };
    let times = libc::itimerspec { it_interval: period, it_value: period };
    // SAFETY: the kernel reads `times`, which lives across the call, and is told to write nothing back.
    assert_eq!(unsafe { libc::timer_settime(timer, 0, &raw const times, std::ptr::null_mut()) }, 0);
    timer
}

#[test]
fn what_cannot_be_listened_to_is_refused_and_nothing_is_left_behind() {
    child::run("what_cannot_be_listened_to_is_refused_and_nothing_is_left_behind", || {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        drop(signal(USR1).unwrap()); // makes the eventfd, which is kept
        let (descriptors, metrics) = (open_descriptors(), rt.metrics());
        let forbidden =
            [libc::SIGKILL, libc::SIGSTOP, libc::SIGILL, libc::SIGFPE, libc::SIGSEGV, libc::SIGBUS];
        for number in forbidden {
            let before = disposition(SignalKind::from_raw(number));
            let refused = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(refused.to_string().contains("cannot be listened to"), "{refused}");
            assert_eq!(disposition(SignalKind::from_raw(number)), before);
        }
        for number in [0, -1, 65, i32::MIN, i32::MAX] {
            let refused = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(refused.to_string().contains("1 to 64"), "{refused}");
        }
        assert_eq!(changes(metrics, rt.metrics()), []);
        // What the C library keeps to itself is known to it alone.
        let refused = signal(SignalKind::from_raw(32)).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
        assert_eq!(open_descriptors(), descriptors);
        assert_eq!(rt.metrics().sources_alive, 0);
    });
}

#[test]
fn each_listener_has_one_descriptor_and_the_process_keeps_one() {
    child::run("each_listener_has_one_descriptor_and_the_process_keeps_one", || {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        let before = open_descriptors();
        let listeners: Vec<_> = (0..10).map(|_| signal(USR1).unwrap()).collect();
        assert_eq!(open_descriptors(), before + 11);
        drop(listeners);
        assert_eq!(open_descriptors(), before + 1);
        drop(signal(USR2).unwrap());
        assert_eq!(open_descriptors(), before + 1);
    });
}

// D2
#[test]
fn a_listener_that_outlives_its_runtime_gives_what_has_come_and_then_nothing() {
    child::run("a_listener_that_outlives_its_runtime_gives_what_has_come_and_then_nothing", || {
        dispose(USR1, libc::SIG_IGN);
        let rt = Runtime::new().unwrap();
        let mut listener = {
            let _inside = rt.enter();
            signal(USR1).unwrap()
        };
        assert!(poll_once(&mut listener).is_pending());
        raise(USR1);
        drop(rt);
        assert_eq!(poll_once(&mut listener), Poll::Ready(Some(())));
        assert_eq!(poll_once(&mut listener), Poll::Ready(None));
        assert_eq!(block_on(listener.recv()), None);
        drop(listener);
        assert_eq!(disposition(USR1).0, libc::SIG_IGN);
    });
}

#[test]
fn outside_of_a_runtime_there_is_a_panic_and_nothing_is_installed() {
    child::run("outside_of_a_runtime_there_is_a_panic_and_nothing_is_installed", || {
        let before = disposition(USR1);
        let refused = catch_unwind(|| signal(USR1).map(drop));
        assert!(message_of(&*refused.unwrap_err()).contains("no egret runtime on this thread"));
        assert_eq!(disposition(USR1), before);
    });
}

#[test]
fn ctrl_c_listens_from_its_first_poll_until_it_is_dropped() {
    child::run("ctrl_c_listens_from_its_first_poll_until_it_is_dropped", || {
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
