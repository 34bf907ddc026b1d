//! Storms of signals, from other threads and from a timer.

use super::disposition::*;
use crate::support::child::{self};
use crate::support::fds::pipe;
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use egret_runtime::signal::unix::{SignalKind, signal};
use egret_runtime::{block_on, spawn};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

// S8
#[test]
fn listeners_come_and_go_on_four_threads_in_a_storm_and_what_was_before_comes_back() {
    child::alone(|| {
        for kind in [USR1, USR2] {
            dispose(kind, libc::SIG_IGN); // so that a signal without a listener does not kill the process
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
                            // Each listener receives a signal that comes while it exists, whatever others do.
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
    child::alone(|| {
        dispose(USR1, libc::SIG_IGN); // for signals after the last one that is received
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

/// Sends `SIGALRM` to this thread only, with this period.
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
    // SAFETY: the kernel reads `times`, which lives across the call, and writes nothing back.
    assert_eq!(unsafe { libc::timer_settime(timer, 0, &raw const times, std::ptr::null_mut()) }, 0);
    timer
}
