//! Turning a loop in a test: [`settle`], [`advance`] and [`within`]; and [`settled`] for a test that is a task
//! itself.
//!
//! * Each calls [`Runtime::turn`] with a limit of zero, so it never waits. With a paused clock that limit also keeps the
//!   clock where it is.
//! * Several turns are reported as one [`Turn`]: counts are summed, lists joined.

use super::Turn;
use crate::executor::POLLS_PER_WAIT;
use crate::runtime::Runtime;
use crate::time::pause;
use crate::wake::yield_now::yield_now;
use std::time::Duration;

/// How many turns in a row may do something. A task that always wakes itself would go on for ever.
const PATIENCE: usize = 1_000;

/// Turns the loop until it has nothing left to do, without waiting, and returns what these turns did in all.
///
/// Then every task waits: for an event that has not come, a deadline, another thread. A registration reports its state
/// once when it is new, so a test that counts events settles first.
///
/// # Panics
///
/// After a thousand turns, with the tasks that were woken in the last one; and where
/// [`turn`](crate::runtime::Runtime::turn) does.
///
/// ```
/// use egret_runtime::runtime::Runtime;
/// use egret_runtime::task::yield_now;
/// use egret_runtime::test;
///
/// let rt = Runtime::new()?;
/// let task = rt.spawn(yield_now());
/// assert_eq!(test::settle(&rt).polled, 2);
/// assert!(task.is_finished());
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn settle(rt: &Runtime) -> Turn {
    let mut all = Turn::default();
    let mut last = Turn::default();
    for _ in 0..PATIENCE {
        let turn = rt.turn(Some(Duration::ZERO));
        if turn == Turn::default() {
            return all;
        }
        all.append(&turn);
        last = turn;
    }
    let (counts, wakes) = ((last.events, last.timers_fired, last.polled), last.wakes());
    panic!(
        "settle: the loop has had something to do for {PATIENCE} turns; the last had {} events, {} timers and {} polls, and the \
         wakes {wakes:?}",
        counts.0, counts.1, counts.2
    );
}

/// Moves a paused clock ahead by `duration`, for tests that turn the loop themselves, and returns what the turns did
/// in all. [`time::advance`](crate::time::advance) is the same for a test that is a task.
///
/// The loop [settles](settle) first, then at each deadline up to then, and at the end: timers fire in order, each at its
/// own deadline, and those that the woken tasks set are included.
///
/// # Panics
///
/// When the clock is not paused ([`time::pause`](crate::time::pause) within the runtime); and where [`settle`] does.
///
/// ```
/// use egret_runtime::runtime::Runtime;
/// use egret_runtime::test;
/// use egret_runtime::time::{self, Duration};
///
/// let rt = Runtime::new()?;
/// test::within(&rt, time::pause);
/// let task = rt.spawn(async { time::sleep(Duration::from_secs(5)).await });
/// assert_eq!(test::advance(&rt, Duration::from_secs(4)).timers_fired, 0);
/// assert_eq!(test::advance(&rt, Duration::from_secs(1)).timers_fired, 1);
/// assert!(task.is_finished());
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn advance(rt: &Runtime, duration: Duration) -> Turn {
    let target = within(rt, || pause::ahead(duration));
    let mut all = settle(rt);
    while within(rt, || pause::step_to(target)) {
        all.append(&settle(rt));
    }
    all
}

/// Calls `f` in the runtime: for what registers a descriptor or sets a timer, in a test that turns the loop itself.
/// It is [`Runtime::enter`](crate::runtime::Runtime::enter) without a guard to keep.
///
/// A future that `f` returns is polled later, and elsewhere: [`Runtime::block_on`](crate::runtime::Runtime::block_on)
/// runs one.
///
/// ```
/// use egret_runtime::io::AsyncFd;
/// use egret_runtime::runtime::Runtime;
/// use egret_runtime::test;
/// use std::os::unix::net::UnixStream;
///
/// let rt = Runtime::new()?;
/// let (ours, _theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let fd = test::within(&rt, || AsyncFd::new(ours))?;
/// assert_eq!(test::settle(&rt).events, 1); // a new registration reports its state: `OUT`
/// # drop(fd);
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn within<R>(rt: &Runtime, f: impl FnOnce() -> R) -> R {
    let _in = rt.enter();
    f()
}

/// Lets the other tasks run until each of them waits and the kernel has no event: [`settle`] for a test that is a task
/// itself. A paused clock stays where it is.
///
/// # Panics
///
/// When the tasks have not settled after a thousand looks at the kernel; and outside of a runtime.
///
/// ```
/// use egret_runtime::task::yield_now;
/// use egret_runtime::test;
///
/// egret_runtime::block_on(async {
///     let task = egret_runtime::spawn(async {
///         yield_now().await;
///         yield_now().await;
///     });
///     test::settled().await;
///     assert!(task.is_finished());
/// });
/// ```
///
/// # Cancel safety
///
/// Safe: the other tasks have run for some turns.
pub async fn settled() {
    // A loop that has something to do asks the kernel after so many polls.
    let polls = POLLS_PER_WAIT as u64 + 1;
    for _ in 0..PATIENCE {
        let before = pause::polls();
        for _ in 0..polls {
            yield_now().await;
        }
        if pause::polls() - before == polls {
            return; // no other task was polled
        }
    }
    panic!(
        "settled: other tasks have been polled in each of {PATIENCE} rounds: one of them wakes itself without end"
    );
}
