//! The content of a flight recorder, and its form for Perfetto.

use crate::observe::id::Id;
use crate::observe::recorder::chrome;
use std::io;
use std::panic::Location;

/// The last events of a loop, taken from its flight recorder: see [`Handle::recording`](crate::runtime::Handle::recording).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recording {
    /// The records, the oldest first.
    pub records: Vec<Record>,
    /// The tasks that the records name and that are known still.
    pub tasks: Vec<RecordedTask>,
    /// When it was taken, in nanoseconds of `CLOCK_MONOTONIC`.
    pub taken_at: u64,
    /// The number of the runtime in its process.
    pub runtime: u16,
}

impl Recording {
    /// Writes it in the [trace event format], which [Perfetto](https://ui.perfetto.dev) and `chrome://tracing` open.
    ///
    /// Each poll and each wait of the loop is a slice of one track; an arrow goes from a wake by a task or a thread
    /// to the poll that follows it. The arguments of a poll include what woke its task.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    ///
    /// ```
    /// let rt = egret_runtime::runtime::Runtime::new()?;
    /// rt.block_on(async { egret_runtime::task::yield_now().await });
    /// let mut trace = Vec::new();
    /// rt.recording().write_chrome_trace(&mut trace)?;
    /// assert!(trace.starts_with(b"{"));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// [trace event format]: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
    pub fn write_chrome_trace(&self, out: &mut (impl io::Write + ?Sized)) -> io::Result<()> {
        chrome::write(self, out)
    }
}

/// Something that a loop did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// When it began, in nanoseconds of `CLOCK_MONOTONIC`.
    pub at: u64,
    /// How long it took, in nanoseconds; 0 of what has no duration.
    pub took: u64,
    /// The event.
    pub what: What,
}

/// The event of a [`Record`]. A task is its position in [`Recording::tasks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A poll of a task.
    Poll {
        /// The task.
        task: u32,
        /// The cause of its wake.
        by: Cause,
    },
    /// A wake of a task by something else than an event: an event is in the poll that follows it.
    Wake {
        /// The task.
        task: u32,
        /// The cause of the wake.
        by: Cause,
    },
    /// A call of `epoll_wait`.
    Wait {
        /// How many events it returned.
        events: u32,
        /// Whether it could sleep.
        sleeps: bool,
    },
    /// Timers that fired.
    Timers {
        /// How many.
        fired: u32,
    },
    /// A task was spawned.
    Spawn {
        /// The task.
        task: u32,
    },
    /// A task ended.
    End {
        /// The task.
        task: u32,
    },
}

/// The cause of a task's wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The spawn: it was not woken yet.
    Spawn,
    /// An event of the descriptor with this number.
    Event {
        /// The number; -1 for one that was closed so long ago that it is not known any more.
        fd: i32,
        /// The mask that the kernel reported.
        mask: u32,
    },
    /// A timer.
    Timer,
    /// The task at this index, in its poll.
    Task(u32),
    /// Another thread, or code of this thread outside of a poll.
    Thread,
}

/// A task of a [`Recording`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordedTask {
    /// The id; `None` for the future of `block_on`.
    pub id: Option<Id>,
    /// The name, of tasks that have one.
    pub name: Option<String>,
    /// Where it was spawned.
    pub spawned_at: Option<&'static Location<'static>>,
}
