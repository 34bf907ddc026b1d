//! [`Waiter`]: a waker in a table, as a dump shows it. With feature `inspect`.

use crate::observe::site::{Note, Serial, Task};
use crate::wake::key::TaskKey;
use crate::wake::waker;
use std::panic::Location;
use std::task::Waker;

/// A waker in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    /// The task that waits: the one that the waker names or, for a foreign waker, the one that was polled when the
    /// waker was registered.
    pub(crate) task: Option<TaskKey>,
    /// Whether the waker is of another library, such as that of `FuturesUnordered`.
    pub(crate) foreign: bool,
    pub(crate) at: Option<&'static Location<'static>>,
    /// When it began to wait, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) since: u64,
    /// The last poll that waited here.
    poll: Serial,
    /// The named frame that waits: see [`frames`](crate::observe::frame::frames).
    pub(crate) frame: Option<u32>,
}

impl Waiter {
    /// A task of egret that waits.
    pub(crate) fn of_key(key: TaskKey, note: Note) -> Waiter {
        let (at, since, poll, frame) = (place(note), note.since(), note.poll(), note.frame());
        Waiter { task: Some(key), foreign: false, at, since, poll, frame }
    }

    /// A waker that was registered in a poll of `task`.
    pub(crate) fn of_waker(waker: &Waker, note: Note, task: Task) -> Waiter {
        match waker::key_of(waker) {
            Some(key) => Waiter::of_key(key, note),
            None => {
                let (at, since, poll, frame) = (place(note), note.since(), note.poll(), note.frame());
                Waiter { task: TaskKey::from_bits(task.bits()), foreign: true, at, since, poll, frame }
            }
        }
    }

    /// Whether the task still waits here, as far as can be known: see [`RunQueue::last_poll`].
    ///
    /// A future that is dropped leaves the key of its task in some tables. A task that waits by its own waker
    /// registers it in each poll, so a key from an earlier poll is such a leftover. A foreign waker may be polled less
    /// often than its task; it counts as waiting.
    ///
    /// [`RunQueue::last_poll`]: crate::wake::queue::RunQueue::last_poll
    pub(crate) fn is_of_poll(&self, last: Serial) -> bool {
        self.foreign || self.poll == last
    }
}

/// The line that waits. A future that is polled through a `dyn Future` and has no line of its own knows only the place of
/// its `poll` in this crate, which says nothing to a reader.
fn place(note: Note) -> Option<&'static Location<'static>> {
    let own = file!().strip_suffix("wake/waiter.rs").filter(|_| !cfg!(test));
    note.at().filter(|at| own.is_none_or(|own| !at.file().starts_with(own)))
}
