//! Exact counters of what an executor did.
//!
//! - Each counter is next to what it counts, and only the loop's thread writes it; [`Metrics`] is a copy of all at one
//!   moment.
//! - With exact counts a test can assert, without a stopwatch, that an optimisation still holds or that a loop does
//!   not spin.

use std::cell::Cell;
use std::iter::Sum;

/// A number that only grows.
#[derive(Default, Debug)]
pub(crate) struct Counter(Cell<u64>);

impl Counter {
    #[inline]
    pub(crate) fn bump(&self) {
        self.add(1);
    }

    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.set(self.0.get() + n);
    }

    /// Subtracts the last count: the event did not happen.
    pub(crate) fn take_back(&self) {
        self.0.set(self.0.get() - 1);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

/// The counts of a runtime since it was built, from [`Runtime::metrics`](crate::runtime::Runtime::metrics).
///
/// All but the last five only grow. The counts are exact, so the difference of two snapshots is what happened between
/// them:
///
/// ```
/// let rt = egret_runtime::runtime::Runtime::new()?;
/// let before = rt.metrics();
/// rt.block_on(async { egret_runtime::task::yield_now().await });
/// let after = rt.metrics();
/// assert_eq!(after.polls - before.polls, 2); // once to the yield, once from it
/// assert_eq!(after.local_wakes - before.local_wakes, 1); // the yield's own
/// assert_eq!(after.epoll_waits - before.epoll_waits, 0); // there was always work
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "inspect", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Metrics {
    /// Turns of the loop.
    pub turns: u64,
    /// Polls of tasks and of the future of `block_on`.
    pub polls: u64,
    /// Wakes on the loop's own thread that put a task in the run queue.
    pub local_wakes: u64,
    /// Wakes from elsewhere (another thread, or this one outside the runtime) that put a task in the queue.
    pub remote_wakes: u64,
    /// Wakes, local or remote, of a task that was in the queue already.
    pub coalesced_wakes: u64,
    /// Wakes by a waker that had outlived its task, and kernel events for a registration that was gone.
    pub stale_generations: u64,
    /// Calls of `epoll_wait`.
    pub epoll_waits: u64,
    /// Waits that the loop spent polling: see [`Park::Spin`](crate::runtime::Park::Spin).
    pub spins: u64,
    /// Events that `epoll_wait` reported, without those of the runtime's own eventfd.
    pub events: u64,
    /// Calls of `epoll_ctl`.
    pub epoll_ctls: u64,
    /// Registrations that the kernel no longer had when they ended, or whose number was in use by another source: the
    /// program closed the descriptor without egret.
    pub epoll_ctl_errors: u64,
    /// Writes to the runtime's eventfd: at most one each time the loop sleeps.
    pub eventfd_writes: u64,
    /// Timers that fired.
    pub timers_fired: u64,
    /// Threads that were started for [`spawn_blocking`](crate::task::spawn_blocking).
    pub blocking_threads_started: u64,
    /// Polls that took longer than the limit of [`Builder::long_poll`](crate::runtime::Builder::long_poll). With feature
    /// `inspect`; 0 without a recorder.
    #[cfg(feature = "inspect")]
    pub long_polls: u64,
    /// Tasks that are spawned and not finished. One that [`abort`](crate::task::JoinHandle::abort) ended
    /// counts until the next turn.
    pub tasks_alive: usize,
    /// Timers that are set and have not fired.
    pub timers_alive: usize,
    /// Descriptors that are registered.
    pub sources_alive: usize,
    /// Jobs of [`spawn_blocking`](crate::task::spawn_blocking) that are queued or run.
    pub blocking_jobs: usize,
    /// Threads that run those jobs or wait for jobs.
    pub blocking_threads: usize,
}

impl Sum for Metrics {
    /// Returns the counts of several runtimes together, such as those of [`cores`](crate::cores).
    fn sum<I: Iterator<Item = Metrics>>(all: I) -> Metrics {
        all.fold(Metrics::default(), |sum, one| Metrics {
            turns: sum.turns + one.turns,
            polls: sum.polls + one.polls,
            local_wakes: sum.local_wakes + one.local_wakes,
            remote_wakes: sum.remote_wakes + one.remote_wakes,
            coalesced_wakes: sum.coalesced_wakes + one.coalesced_wakes,
            stale_generations: sum.stale_generations + one.stale_generations,
            epoll_waits: sum.epoll_waits + one.epoll_waits,
            spins: sum.spins + one.spins,
            events: sum.events + one.events,
            epoll_ctls: sum.epoll_ctls + one.epoll_ctls,
            epoll_ctl_errors: sum.epoll_ctl_errors + one.epoll_ctl_errors,
            eventfd_writes: sum.eventfd_writes + one.eventfd_writes,
            timers_fired: sum.timers_fired + one.timers_fired,
            #[cfg(feature = "inspect")]
            long_polls: sum.long_polls + one.long_polls,
            blocking_threads_started: sum.blocking_threads_started + one.blocking_threads_started,
            tasks_alive: sum.tasks_alive + one.tasks_alive,
            timers_alive: sum.timers_alive + one.timers_alive,
            sources_alive: sum.sources_alive + one.sources_alive,
            blocking_jobs: sum.blocking_jobs + one.blocking_jobs,
            blocking_threads: sum.blocking_threads + one.blocking_threads,
        })
    }
}
