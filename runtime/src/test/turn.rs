//! What a [`Turn`] says beyond its counts.

use super::{Ready, Turn, Wake, WokenBy};
use crate::task::Id;

/// With feature `test-util`. These lists are not compared: two turns are equal when their counts are.
impl Turn {
    /// The events, in the order in which the kernel reported them.
    ///
    /// There are as many as [`events`](Turn::events), but for those of a registration that was gone when they came
    /// (in [`stale_generations`](crate::runtime::Metrics::stale_generations)).
    pub fn ready(&self) -> &[Ready] {
        self.record.ready()
    }

    /// The wakes that put a task in the run queue, in their order. The first [`woken`](Turn::woken) of them came before
    /// the first poll of the turn; the rest are by the tasks that it polled, and are polled in the next.
    ///
    /// What is spawned is in the queue from the start, and not woken for its first poll.
    pub fn wakes(&self) -> &[Wake] {
        self.record.wakes()
    }

    /// The wakes that found their task in the run queue already, and changed nothing.
    ///
    /// One thread's wakes of a task between two turns are one letter to the loop, and counted as one; those that found
    /// the letter there are in [`coalesced_wakes`](crate::runtime::Metrics::coalesced_wakes).
    pub fn coalesced(&self) -> &[Wake] {
        self.record.coalesced()
    }

    /// What woke this task, each time that it did: those of [`wakes`](Turn::wakes) and of [`coalesced`](Turn::coalesced).
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
}
