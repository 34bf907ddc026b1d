//! The jobs that threads run at the moment, for a dump. With feature `inspect`; without it, nothing is kept.

use super::{Job, Pool};
#[cfg(feature = "inspect")]
use crate::observe::id::Id;
#[cfg(feature = "inspect")]
use crate::observe::site::Moment;
#[cfg(feature = "inspect")]
use crate::wake::waiter::Waiter;
#[cfg(feature = "inspect")]
use std::panic::Location;
use std::sync::Arc;

/// The jobs that threads run.
#[derive(Default)]
pub(super) struct AtWork {
    #[cfg(feature = "inspect")]
    jobs: Vec<(Arc<dyn Job>, Moment)>,
}

impl AtWork {
    #[inline(always)]
    pub(super) fn begins(&mut self, job: &Arc<dyn Job>) {
        #[cfg(feature = "inspect")]
        self.jobs.push((job.clone(), Moment::now()));
        #[cfg(not(feature = "inspect"))]
        let _ = job;
    }

    /// Before the thread drops the job.
    #[inline(always)]
    pub(super) fn ends(pool: &Pool, job: &Arc<dyn Job>) {
        #[cfg(feature = "inspect")]
        pool.lock().at_work.jobs.retain(|(other, _)| !Arc::ptr_eq(other, job));
        #[cfg(not(feature = "inspect"))]
        let _ = (pool, job);
    }
}

/// A job, as a dump shows it.
#[cfg(feature = "inspect")]
#[derive(Clone, Debug)]
pub(crate) struct JobInPool {
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    /// Whether a thread runs it.
    pub(crate) is_running: bool,
    /// Since when it runs or is queued, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) since: u64,
    pub(crate) is_look_up: bool,
    pub(crate) awaited_by: Option<Waiter>,
}

#[cfg(feature = "inspect")]
impl Pool {
    /// The jobs that run, in the order in which they began, and then those that are queued. Look-ups that wait for
    /// others come last.
    #[inline]
    pub(crate) fn jobs(&self) -> Vec<JobInPool> {
        let jobs: Vec<_> = {
            let state = self.lock();
            let running = state.at_work.jobs.iter().map(|(job, since)| (job.clone(), Some(*since)));
            let queued = state.queue.iter().chain(&state.look_ups_waiting).map(|job| (job.clone(), None));
            running.chain(queued).collect()
        };
        // Outside the lock: a job that ends takes it while it holds its own, which this takes.
        jobs.iter().map(|(job, since)| job.view(*since)).collect()
    }

    /// The most threads that there may be.
    #[inline]
    pub(crate) fn most_threads(&self) -> usize {
        self.limits.threads
    }
}
