//! The plain structs of a [`Dump`]. Each is `Serialize`; the names of the fields are those of the JSON.
//!
//! Times are nanoseconds. Ids of tasks are those of [`task::Id`](crate::task::Id), and 0 is the future of `block_on`.

use crate::observe::stats::Metrics;
use serde::Serialize;
use std::panic::Location;

/// The state of a runtime at one moment.
///
/// Its [`Display`](std::fmt::Display) is a page to read from top to bottom.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Dump {
    /// When it was made, in milliseconds since 1970.
    pub made_at_unix_ms: u64,
    /// How long that took, from the call to the end.
    pub took_ns: u64,
    /// For how long the loop did nothing else.
    pub held_loop_ns: u64,
    /// The number of the process.
    pub pid: u32,
    /// Conspicuous facts: tasks that wait for each other, a poll that takes long.
    pub hints: Vec<Hint>,
    /// The loop and its thread.
    #[serde(rename = "loop")]
    pub runtime: LoopView,
    /// The tasks that have not ended, with the future of `block_on` first. When the loop did not answer this is only
    /// the task that it polls.
    pub tasks: Vec<TaskView>,
    /// The registered descriptors.
    pub sources: Vec<SourceView>,
    /// The timers that are set, the next one first.
    pub timers: Vec<TimerView>,
    /// The pool for blocking jobs.
    pub blocking: BlockingView,
    /// The work that is queued for the loop.
    pub queue: QueueView,
}

/// A line of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// The path, as the compiler was given it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// The loop and its thread.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LoopView {
    /// The number of the runtime in its process, from 1. The next runtime has it after the end of this one.
    pub number: u16,
    /// The state of the loop.
    pub state: LoopState,
    /// The thread of the loop.
    pub thread: ThreadView,
    /// Since when there is the runtime.
    pub age_ns: u64,
    /// The counts of the runtime; `None` when the loop did not answer.
    pub metrics: Option<Metrics>,
    /// Whether the runtime has no recorder, so that polls are not timed: their times are 0, and a poll that holds the
    /// loop counts from the begin of its turn. See [`Builder::recorder`](crate::runtime::Builder::recorder).
    pub untimed: bool,
}

/// The state of a loop when the dump was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoopState {
    /// It made the dump, between two polls or within one.
    #[default]
    Answered,
    /// It did not answer: it is in this poll.
    InPoll(PollView),
    /// It did not answer, and is in no poll: in the runtime's own code, in a waker or a destructor, or in code of the
    /// program between two calls of [`turn`](crate::runtime::Runtime::turn) or
    /// [`block_on`](crate::runtime::Runtime::block_on).
    NotInPoll,
}

/// A poll that has not returned.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PollView {
    /// The task.
    pub task: u64,
    /// Its name.
    pub name: Option<String>,
    /// Where the task was spawned.
    pub spawned_at: Option<Place>,
    /// Since when the poll runs.
    pub since_ns: u64,
}

/// The thread of a loop.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ThreadView {
    /// The number that the kernel gives it.
    pub tid: u32,
    /// The name of the thread.
    pub name: String,
    /// Its state in the kernel; for a loop that did not answer: "running", or "sleeps in nanosleep".
    pub kernel: Option<String>,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TaskView {
    /// The id; 0 for the future of `block_on`.
    pub id: u64,
    /// The name, of tasks that have one.
    pub name: Option<String>,
    /// The line that spawned it.
    pub spawned_at: Place,
    /// Since when there is the task.
    pub age_ns: u64,
    /// Whether it runs, is queued or waits.
    pub state: TaskState,
    /// How often it was polled.
    pub polls: u64,
    /// The time in those polls.
    pub poll_total_ns: u64,
    /// The time in the longest of them.
    pub poll_longest_ns: u64,
    /// The time in the last of them.
    pub poll_last_ns: u64,
    /// How often it was put in the run queue by a wake.
    pub wakes: u64,
    /// The cause of the last wake.
    pub woken_by: Option<WokenBy>,
    /// The size of its future in bytes.
    pub size: usize,
    /// The task that awaits its handle.
    pub joined_by: Option<u64>,
    /// Its waits, several at a time for `select!` and `join!`. Never empty for a task that waits.
    pub waits: Vec<WaitView>,
    /// Its named frames, outermost first.
    pub frames: Vec<FrameView>,
}

/// Whether a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskState {
    /// It is polled now.
    Running {
        /// Since when.
        since_ns: u64,
    },
    /// It was woken, and is polled when its turn comes.
    Queued {
        /// Since when.
        since_ns: u64,
    },
    /// Its last poll has returned, and no wake has come since.
    Waiting {
        /// Since when.
        since_ns: u64,
    },
}

/// The cause of a wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
#[non_exhaustive]
pub enum WokenBy {
    /// The spawn: it was not woken yet.
    Spawn,
    /// An event of the descriptor with this number.
    Event {
        /// The number; -1 for one that was closed so long ago that it is not known any more.
        fd: i32,
    },
    /// A timer.
    Timer,
    /// The task with this id, in its poll. It may be the task itself.
    Task {
        /// The id.
        id: u64,
    },
    /// A task in its poll that has ended since.
    EndedTask,
    /// Another thread, or code of this thread outside of a poll.
    Thread,
}

/// Something that a task waits for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WaitView {
    /// What it is.
    pub kind: WaitKind,
    /// In words, without time and place: "reads TcpStream #7 127.0.0.1:8080 <- 127.0.0.1:51234".
    pub text: String,
    /// The kind of the descriptor: "TcpStream", "pipe"; empty without one.
    pub of: &'static str,
    /// The line of the program that waits.
    pub at: Option<Place>,
    /// Since when it waits.
    pub since_ns: Option<u64>,
    /// The descriptor.
    pub fd: Option<i32>,
    /// The task or the blocking job whose handle is awaited.
    pub task: Option<u64>,
    /// How long a sleep has to go; 0 when it is due.
    pub left_ns: Option<u64>,
}

/// The kinds of waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaitKind {
    /// For bytes, or for another event of reading.
    Read,
    /// For room to write, or for a connect that goes on.
    Write,
    /// For a connection.
    Accept,
    /// For a deadline.
    Sleep,
    /// For the end of a task.
    Join,
    /// For the end of a blocking job.
    Blocking,
    /// For the end of a child process.
    Child,
    /// For a signal.
    Signal,
    /// For a [`Shutdown`](crate::shutdown::Shutdown).
    Shutdown,
    /// For nothing of egret's: the waker is with a channel, a lock, another thread, or nowhere.
    #[default]
    Foreign,
}

/// A named part of a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FrameView {
    /// The name.
    pub name: String,
    /// How deep it is nested: 0 is outermost.
    pub depth: usize,
    /// The line that named it.
    pub at: Option<Place>,
    /// Since when it is entered.
    pub since_ns: u64,
    /// Which of the [`waits`](TaskView::waits) of the task are directly in it, by position.
    pub waits: Vec<usize>,
}

/// A registered descriptor.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SourceView {
    /// Its number.
    pub fd: i32,
    /// "TcpStream", "TcpListener", "UdpSocket", "UnixStream", "pipe", "pidfd" and so on.
    pub kind: &'static str,
    /// Its own address.
    pub local: Option<String>,
    /// The address of its peer.
    pub peer: Option<String>,
    /// In words: "TcpStream #7 127.0.0.1:8080 <- 127.0.0.1:51234".
    pub text: String,
    /// The tasks that wait to read; with wakers of other libraries where the task is known.
    pub readers: Vec<u64>,
    /// The tasks that wait to write.
    pub writers: Vec<u64>,
}

/// A timer that is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TimerView {
    /// How long it has to go; 0 when it is due.
    pub left_ns: u64,
    /// The task that it wakes.
    pub task: Option<u64>,
    /// The line of the program that waits.
    pub at: Option<Place>,
    /// Since when it is set.
    pub since_ns: Option<u64>,
}

/// The pool for blocking jobs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BlockingView {
    /// The threads that there are.
    pub threads: usize,
    /// The most that there may be.
    pub max_threads: usize,
    /// The jobs that run, then those that are queued, in their order.
    pub jobs: Vec<JobView>,
}

/// A blocking job.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobView {
    /// Its id.
    pub id: u64,
    /// The line that spawned it.
    pub spawned_at: Place,
    /// Whether a thread runs it.
    pub is_running: bool,
    /// Since when it runs or is queued.
    pub since_ns: u64,
    /// Whether it is a name look-up of egret's.
    pub is_look_up: bool,
    /// The task that awaits it.
    pub awaited_by: Option<u64>,
}

/// The work that is queued for the loop.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueueView {
    /// The tasks in the run queue, in their order.
    pub tasks: Vec<u64>,
    /// The wakes of other threads that were not collected yet.
    pub letters: usize,
    /// The errands of other threads that were not collected yet: spawns and aborts through a handle.
    pub errands: usize,
}

/// A conspicuous fact of a dump.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Hint {
    /// What it is.
    pub kind: HintKind,
    /// In words.
    pub text: String,
    /// The tasks that it is about, at most the first hundred.
    pub tasks: Vec<u64>,
}

/// The kinds of hints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HintKind {
    /// The loop is in a poll and does not answer.
    #[default]
    Stuck,
    /// Tasks join each other in a circle: none of them ends.
    JoinCycle,
    /// Every task waits, and for nothing that can come from within the process or the kernel.
    Deadlock,
    /// A task waits for nothing of egret's, and nothing has woken it: a wake may have been forgotten.
    NeverWoken,
    /// A task wakes itself in nearly every poll.
    SelfWaking,
    /// A poll took long: the task blocks the loop.
    LongPoll,
    /// Many tasks of one line, which ever more are spawned of.
    ManyTasks,
    /// All threads of the pool for blocking jobs are busy, and jobs have been queued for a second or more.
    PoolFull,
}

impl Default for TaskState {
    fn default() -> TaskState {
        TaskState::Waiting { since_ns: 0 }
    }
}

impl From<&'static Location<'static>> for Place {
    fn from(at: &'static Location<'static>) -> Place {
        Place { file: at.file(), line: at.line(), column: at.column() }
    }
}
