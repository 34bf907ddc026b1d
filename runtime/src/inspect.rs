//! The view inside a running server: what every task waits for, and which one holds the loop. With feature `inspect`.
//!
//! - A [`Dump`] is plain data, gathered on the loop's thread from what the runtime keeps anyway. No task is polled and
//!   no code of the user runs for it.
//! - `docs/inspecting.md` finds five planted faults with it.

mod dump; // the plain structs of a dump
mod groups; // the rows of the page
mod page; // the page
mod stack; // the stack of a thread
mod stall; // the stall finder
mod words; // times, counts and tasks in words

pub use crate::observe::histogram::Histogram;
pub use crate::observe::progress::{PollProgress, Progress};
pub use crate::observe::recorder::{Cause, Record, RecordedTask, Recording, What};
pub use crate::observe::watch::{GroupHistograms, Histograms};
pub use dump::{
    BlockingView, Dump, FrameView, Hint, HintKind, JobView, LoopState, LoopView, Place, PollView, QueueView,
    SourceView, TaskState, TaskView, ThreadView, TimerView, WaitKind, WaitView, WokenBy,
};
pub use stack::{Stack, StackFrame};
pub use stall::{Stall, StallStage};
