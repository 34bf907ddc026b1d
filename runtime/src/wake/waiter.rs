//! [`Waiter`]: a waker in a table, as a dump shows it. With feature `inspect`.

use crate::observe::site::{Note, Task};
use crate::wake::key::TaskKey;
use crate::wake::waker;
use std::panic::Location;
use std::task::Waker;

/// A waker in a table. Plain numbers: what they mean is asked for where the loop need not wait for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    /// The task that waits: the one that the waker names or, for a foreign waker, the one that was polled when the
    /// waker was registered.
    pub(crate) task: Option<TaskKey>,
    /// Whether the waker is of another library, such as that of `FuturesUnordered`.
    pub(crate) foreign: bool,
    note: Note,
}

impl Waiter {
    /// Creates the waiter for a task of egret.
    pub(crate) fn of_key(key: TaskKey, note: Note) -> Waiter {
        Waiter { task: Some(key), foreign: false, note }
    }

    /// Creates the waiter for a waker that was registered in a poll of `task`.
    pub(crate) fn of_waker(waker: &Waker, note: Note, task: Task) -> Waiter {
        match waker::key_of(waker) {
            Some(key) => Waiter::of_key(key, note),
            None => Waiter { task: TaskKey::from_bits(task.bits()), foreign: true, note },
        }
    }

    /// Returns the line that waits. A future that is polled through a `dyn Future` and has no line of its own knows
    /// only the place of its `poll` in this crate, which says nothing to a reader.
    pub(crate) fn at(&self) -> Option<&'static Location<'static>> {
        let own = file!().strip_suffix("wake/waiter.rs").filter(|_| !cfg!(test));
        self.note.at().filter(|at| own.is_none_or(|own| !at.file().starts_with(own)))
    }

    /// Returns when it began to wait, in ticks.
    pub(crate) fn since(&self) -> u64 {
        self.note.ticks()
    }

    /// Returns the named frame that waits: see [`frames`](crate::observe::frame::frames).
    pub(crate) fn frame(&self) -> Option<u32> {
        self.note.frame()
    }

    /// Returns whether the task still waits here, as far as can be known, where it was put in the run queue last at a
    /// time in ticks.
    ///
    /// A future that is dropped leaves the key of its task in some tables. A task that waits by its own waker
    /// registers it in each poll, so a key from before the last wake is such a leftover. A foreign waker may be polled
    /// less often than its task; it counts as waiting.
    pub(crate) fn is_since(&self, woken_at: u64) -> bool {
        self.foreign || self.note.polled() >= woken_at
    }
}
