//! The cause of a task's wake, and its name, with feature `inspect`: plain data next to its mark in the run queue.

use crate::observe::recorder;
use crate::observe::ticks;
use crate::sys::Head;
use std::panic::Location;

/// The record of a task's wakes in the run queue, next to its mark.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WakeNote {
    pub(super) by: u64,
    pub(super) since: u64,
    /// How often it was put in the queue, by its spawn and by wakes.
    pub(super) puts: u64,
}

/// The cause of a task's wake.
#[derive(Clone, Copy)]
pub(crate) struct Woke(pub(super) u64);

/// The cause of a task's wake, and its time.
#[derive(Clone, Copy)]
pub(crate) struct By {
    pub(super) by: u64,
    pub(super) since: u64,
}

/// The name of a task, and the line that spawned it.
pub(crate) struct Label {
    pub(super) name: Option<Box<str>>,
    pub(super) spawned_at: &'static Location<'static>,
}

impl WakeNote {
    /// Returns when the task was put in the queue last.
    pub(crate) fn woken_at(&self) -> u64 {
        self.since
    }

    /// Creates the note of a task that has just been given its index and is queued.
    pub(crate) fn spawned() -> WakeNote {
        WakeNote { by: recorder::BY_SPAWN, since: ticks::now(), puts: 1 }
    }

    /// Returns the cause of the last wake.
    #[inline(always)]
    pub(crate) fn woke(&self) -> Woke {
        Woke(self.by)
    }

    /// Notes that the task has been put in the queue.
    #[inline]
    pub(crate) fn queued(&mut self, by: By) {
        self.by = by.by;
        self.since = by.since;
        self.puts += 1;
    }
}

impl Label {
    /// Returns the label that a task gives itself.
    pub(crate) fn new(label: Option<(Option<Box<str>>, &'static Location<'static>)>) -> Label {
        let (name, spawned_at) = label.expect("a task that is being spawned has not ended");
        Label { name, spawned_at }
    }

    /// Returns the label of the future of `block_on`.
    pub(crate) fn root(spawned_at: &'static Location<'static>) -> Label {
        Label { name: None, spawned_at }
    }
}

impl By {
    /// Returns the cause for an event of this wait: its mask, and the index of its source in the upper half. Which
    /// descriptor that was is asked for later, of [`Descriptors`](crate::observe::recorder::Descriptors).
    #[inline(always)]
    pub(crate) fn event(self, head: Head<'_>) -> By {
        By { by: head.bits(), ..self }
    }
}
