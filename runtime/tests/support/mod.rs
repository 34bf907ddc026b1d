//! Shared by the tests of this directory.
//!
//! Three rules. Nothing here sleeps: a test turns the loop with [`turn`], and one
//! that must block runs inside [`bounded`], so that a lost wake is a failure and not a hang. Counts are exact:
//! [`changes`] names every counter of the runtime that changed. A sequence is
//! written to a [`Trace`] and compared as a whole.

#![allow(dead_code, missing_docs)] // each test file is a crate of its own and uses a part of this

pub mod child;
pub mod clock;
mod descriptors_at_exit;
pub mod fds;
pub mod next_turn;
pub mod sleeper;
pub mod threads;
pub mod wakers;

use egret_runtime::runtime::{Metrics, Runtime};
use egret_runtime::task::{JoinError, JoinHandle};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// The time after which a test counts as hung. Miri's clock runs with the steps that it interprets.
pub const HANG: Duration = Duration::from_secs(if cfg!(miri) { 3600 } else { 10 });

/// What a whole test may take. Those with ten thousand runtimes or five hundred processes need a second, and more than
/// [`HANG`] on a machine with a load of 16. `EGRET_TEST_PATIENCE` multiplies it: an emulator is many times slower.
fn most() -> Duration {
    let slower = std::env::var("EGRET_TEST_PATIENCE").map_or(1, |times| times.parse().expect("a number"));
    HANG * 6 * slower
}

/// A timeout for `Runtime::turn` that never passes in a test that works, and ends one that does not.
pub const LONG: Option<Duration> = Some(HANG);

/// `n`, or less of it where each step is interpreted.
pub const fn many(n: usize, with_miri: usize) -> usize {
    if cfg!(miri) { with_miri } else { n }
}

/// Runs `body` on a thread of its own and panics when that takes too long, or as `body` does.
pub fn bounded<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, finished) = channel();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let thread = thread::Builder::new().name(name).spawn(move || {
        let result = body();
        let _ = done.send(());
        result
    });
    let most = most();
    match finished.recv_timeout(most) {
        Err(RecvTimeoutError::Timeout) => panic!("hangs: no result within {most:?}"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            thread.unwrap().join().unwrap_or_else(|payload| resume_unwind(payload))
        }
    }
}

/// What happened, in order. Clones write to the same list.
pub struct Trace<T = &'static str>(Rc<RefCell<Vec<T>>>);

impl<T> Trace<T> {
    pub fn new() -> Trace<T> {
        Trace(Rc::default())
    }

    pub fn push(&self, entry: T) {
        self.0.borrow_mut().push(entry);
    }

    /// What happened since the last call.
    pub fn take(&self) -> Vec<T> {
        self.0.take()
    }
}

impl<T: 'static> Trace<T> {
    /// Writes `entry` when it is dropped.
    pub fn on_drop(&self, entry: T) -> OnDrop {
        let trace = self.clone();
        OnDrop::new(move || trace.push(entry))
    }
}

impl<T> Clone for Trace<T> {
    fn clone(&self) -> Trace<T> {
        Trace(self.0.clone())
    }
}

/// Calls a function when it is dropped.
pub struct OnDrop(Option<Box<dyn FnOnce()>>);

impl OnDrop {
    pub fn new(f: impl FnOnce() + 'static) -> OnDrop {
        OnDrop(Some(Box::new(f)))
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.take().expect("dropped once")();
    }
}

/// One step of the loop that does not block: events, woken, polled.
pub fn turn(rt: &Runtime) -> (usize, usize, usize) {
    let turn = rt.turn(Some(Duration::ZERO));
    (turn.events, turn.woken, turn.polled)
}

/// One poll of a future by hand, with a waker that does nothing.
pub fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    poll_with(pin!(future), Waker::noop())
}

/// One poll of a future by hand.
pub fn poll_with<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// The result of a task that has ended.
pub fn outcome<T>(mut handle: JoinHandle<T>) -> Result<T, JoinError> {
    match poll_once(&mut handle) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("task {} is not over", handle.id()),
    }
}

/// The waker of the task that awaits this.
pub async fn this_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

/// Never done, and owns `held` until it is dropped.
pub async fn hold<T>(held: T) {
    let _held = held;
    std::future::pending::<()>().await
}

/// Parks tasks until it is opened: a wake that a test gives on its own thread.
#[derive(Clone, Default)]
pub struct Gate(Rc<(Cell<bool>, RefCell<Vec<Waker>>)>);

impl Gate {
    pub fn open(&self) {
        self.0.0.set(true);
        self.0.1.take().into_iter().for_each(Waker::wake);
    }

    pub async fn wait(self) {
        poll_fn(|cx| {
            if self.0.0.get() {
                return Poll::Ready(());
            }
            self.0.1.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// The counters that changed between two snapshots, each with its difference, in the order of [`Metrics`].
pub fn changes(before: Metrics, after: Metrics) -> Vec<(&'static str, i64)> {
    let moved = |name, before: u64, after: u64| (name, after as i64 - before as i64);
    let all = [
        moved("turns", before.turns, after.turns),
        moved("polls", before.polls, after.polls),
        moved("local_wakes", before.local_wakes, after.local_wakes),
        moved("remote_wakes", before.remote_wakes, after.remote_wakes),
        moved("coalesced_wakes", before.coalesced_wakes, after.coalesced_wakes),
        moved("stale_generations", before.stale_generations, after.stale_generations),
        moved("epoll_waits", before.epoll_waits, after.epoll_waits),
        moved("spins", before.spins, after.spins),
        moved("events", before.events, after.events),
        moved("epoll_ctls", before.epoll_ctls, after.epoll_ctls),
        moved("epoll_ctl_errors", before.epoll_ctl_errors, after.epoll_ctl_errors),
        moved("eventfd_writes", before.eventfd_writes, after.eventfd_writes),
        moved("timers_fired", before.timers_fired, after.timers_fired),
        moved("tasks_alive", before.tasks_alive as u64, after.tasks_alive as u64),
        moved("timers_alive", before.timers_alive as u64, after.timers_alive as u64),
        moved("sources_alive", before.sources_alive as u64, after.sources_alive as u64),
    ];
    all.into_iter().filter(|(_, by)| *by != 0).collect()
}

/// Runs `f` and returns the counters of `rt` that it changed.
pub fn counted(rt: &Runtime, f: impl FnOnce()) -> Vec<(&'static str, i64)> {
    let before = rt.metrics();
    f();
    changes(before, rt.metrics())
}

/// Calls `f` with every order of the numbers below `n`.
pub fn permutations(n: usize, f: &mut impl FnMut(&[usize])) {
    fn extend(order: &mut Vec<usize>, n: usize, f: &mut impl FnMut(&[usize])) {
        if order.len() == n {
            return f(order);
        }
        for next in 0..n {
            if !order.contains(&next) {
                order.push(next);
                extend(order, n, f);
                order.pop();
            }
        }
    }
    extend(&mut Vec::new(), n, f);
}

/// The message of a panic.
pub fn message_of(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).expect("a panic with a text")
}
