//! [`when_asleep`]: acts on another thread while a loop sleeps.
//!
//! A test that sleeps and hopes that the loop is asleep by then is slow and fails on a busy machine. `/proc` reports
//! which system call a thread waits in.

use crate::sys::WAIT_CALLS;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the loop may stay awake before the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// Calls `f` on a new thread as soon as the calling thread sleeps in `epoll_wait`: for a wake while
/// [`Runtime::turn`](crate::runtime::Runtime::turn) sleeps.
///
/// Join the thread before the runtime is dropped, for its panic. It panics if the caller does not sleep within 10 s.
///
/// ```
/// use egret_runtime::runtime::{Runtime, Turn};
/// use egret_runtime::test::{self, WokenBy};
/// use std::time::Duration;
///
/// let rt = Runtime::new()?;
/// let (send, receive) = std::sync::mpsc::channel();
/// let task = rt.spawn(std::future::poll_fn(move |cx| {
///     send.send(cx.waker().clone()).unwrap();
///     std::task::Poll::<()>::Pending
/// }));
/// rt.turn(Some(Duration::ZERO));
/// let waker = receive.recv().unwrap();
///
/// let before = rt.metrics();
/// let thread = test::when_asleep(move || waker.wake());
/// let mut turn = rt.turn(Some(Duration::from_secs(10)));
/// while turn == Turn::default() {
///     turn = rt.turn(Some(Duration::from_secs(10))); // a stop of the process has ended the sleep
/// }
/// thread.join().unwrap();
/// assert_eq!(turn.woken_by(task.id()), [WokenBy::Thread]);
/// assert_eq!(rt.metrics().eventfd_writes - before.eventfd_writes, 1);
/// # std::io::Result::Ok(())
/// ```
///
/// # Panics
///
/// Where `/proc` is not mounted.
#[track_caller]
pub fn when_asleep<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    let link = fs::read_link("/proc/thread-self").expect("/proc is mounted");
    let caller = PathBuf::from("/proc").join(link);
    thread::spawn(move || {
        let start = Instant::now();
        while !is_asleep(&caller) {
            assert!(start.elapsed() < PATIENCE, "the loop has not gone to sleep within {PATIENCE:?}");
            thread::yield_now();
        }
        f()
    })
}

fn is_asleep(thread: &Path) -> bool {
    // "running", or the number of the blocking call and its arguments.
    match fs::read_to_string(thread.join("syscall")) {
        Ok(call) => {
            let number = call.split(' ').next().and_then(|number| number.parse().ok());
            number.is_some_and(|number| WAIT_CALLS.contains(&number))
        }
        // Not in this kernel, or not permitted: any sleep will do. The state follows the name in brackets.
        Err(_) => {
            let stat = fs::read_to_string(thread.join("stat")).expect("the thread that waits lives");
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
        }
    }
}
