//! The details of a [`Turn`] beyond its counts.

use super::{Ready, Turn, Wake, WokenBy};
use crate::task::Id;

/// With feature `test-util`. Equality compares the counts, not these lists. Those of several turns, from
/// [`settle`](super::settle) and [`advance`](super::advance), follow one another.
impl Turn {
    /// Returns the events, in the order in which the kernel reported them.
    ///
    /// There are as many as [`events`](Turn::events), except those of a registration that was already gone (in
    /// [`stale_generations`](crate::runtime::Metrics::stale_generations)).
    pub fn ready(&self) -> &[Ready] {
        self.record.ready()
    }

    /// Returns the wakes that put a task in the run queue, in order. The first [`woken`](Turn::woken) of them came
    /// before the first poll of the turn; the rest come from the polled tasks, and their targets are polled in the
    /// next turn.
    ///
    /// A spawned task is in the queue from the start: its first poll needs no wake.
    pub fn wakes(&self) -> &[Wake] {
        self.record.wakes()
    }

    /// Returns the wakes whose task was already in the run queue. They changed nothing.
    ///
    /// One thread's wakes of a task between two turns are one letter to the loop, and count as one; the others are in
    /// [`coalesced_wakes`](crate::runtime::Metrics::coalesced_wakes).
    pub fn coalesced(&self) -> &[Wake] {
        self.record.coalesced()
    }

    /// Returns the causes of this task's wakes: from [`wakes`](Turn::wakes) and [`coalesced`](Turn::coalesced).
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    /// use egret_runtime::test::WokenBy;
    /// use egret_runtime::task::yield_now;
    /// use std::time::Duration;
    ///
    /// let rt = Runtime::new()?;
    /// let task = rt.spawn(yield_now());
    /// let turn = rt.turn(Some(Duration::ZERO));
    /// assert_eq!(turn.woken_by(task.id()), [WokenBy::Task(task.id())]); // it woke itself
    /// # std::io::Result::Ok(())
    /// ```
    pub fn woken_by(&self, task: Id) -> Vec<WokenBy> {
        let all = self.wakes().iter().chain(self.coalesced());
        all.filter(|wake: &&Wake| wake.task == task).map(|wake| wake.by).collect()
    }

    /// Adds what a later turn did.
    pub(super) fn append(&mut self, later: &Turn) {
        self.events += later.events;
        self.woken += later.woken;
        self.timers_fired += later.timers_fired;
        self.polled += later.polled;
        self.record.append(&later.record);
    }
}
