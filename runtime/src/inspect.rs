//! The view inside a running server: what every task waits for, and which one holds the loop. With feature `inspect`.
//!
//! - [`dump_on`] prints a [`Dump`] of every runtime when a signal comes; [`Runtime::dump`](crate::runtime::Runtime::dump)
//!   and [`Handle::dump`](crate::runtime::Handle::dump) return one.
//! - A dump is plain data, gathered on the loop's thread from what the runtime keeps anyway. No task is polled and no
//!   code of the user runs for it. A loop that is stuck is described from outside.
//! - `docs/inspecting.md` finds five planted faults with it.

mod addresses; // what the descriptors are, asked for on another thread
mod ask; // dumps on demand, from any thread
mod descriptors; // descriptors in words
mod dump; // the plain structs of a dump
mod facts; // the meaning of what was gathered
mod gather; // what the loop's thread gathers
mod groups; // the rows of the page
mod hints; // what is conspicuous
mod links; // each wait with its task and what it waits for
mod on_signal; // dumps on a signal
mod outside; // the dump of a loop that does not answer
mod page; // the page
mod snapshot; // what a dump is made of, and the making
mod stack; // the stack of a thread
mod stall; // the stall finder
mod words; // times, counts and tasks in words

pub use crate::observe::histogram::Histogram;
pub use crate::observe::progress::{PollProgress, Progress};
pub use crate::observe::recorder::{Cause, Record, RecordedTask, Recording, What};
pub use crate::observe::watch::{GroupHistograms, Histograms};
pub use ask::DumpError;
pub use dump::{
    BlockingView, Dump, FrameView, Hint, HintKind, JobView, LoopState, LoopView, Place, PollView, QueueView,
    SourceView, TaskState, TaskView, ThreadView, TimerView, WaitKind, WaitView, WokenBy,
};
pub use on_signal::{dump_on, dump_on_with};
pub use stack::{Stack, StackFrame};
pub use stall::{Stall, StallStage};
