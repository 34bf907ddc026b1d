//! The counts of an executor, collected from the parts that count.

use super::Executor;
use crate::observe::stats::Metrics;

impl Executor {
    pub(crate) fn metrics(&self) -> Metrics {
        let remote_wakes = self.remote_wakes.get();
        let blocking = self.blocking.counts();
        Metrics {
            turns: self.turns.get(),
            polls: self.polls.get(),
            local_wakes: self.queue.queued.get() - remote_wakes,
            remote_wakes,
            coalesced_wakes: self.queue.coalesced.get() + self.remote.duplicates(),
            stale_generations: self.queue.stale.get() + self.reactor.stale.get(),
            epoll_waits: self.reactor.waits.get(),
            events: self.reactor.reported.get(),
            epoll_ctls: self.reactor.controls.get(),
            epoll_ctl_errors: self.reactor.control_errors.get(),
            spins: self.parking.spins.get(),
            eventfd_writes: self.remote.notifications(),
            timers_fired: self.timers.fired.get(),
            blocking_threads_started: blocking.threads_started,
            #[cfg(feature = "inspect")]
            long_polls: self.queue.watch.long_polls(),
            tasks_alive: self.queue.tasks_alive(),
            timers_alive: self.timers.len(),
            sources_alive: self.reactor.sources_alive(),
            blocking_jobs: blocking.jobs,
            blocking_threads: blocking.threads,
        }
    }
}
