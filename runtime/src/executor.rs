//! The loop: which task is polled next, and how it waits when there is none.

#[cfg(feature = "test-util")]
pub(crate) mod alive; // what an executor holds at a moment, by name
mod current; // the executor that a thread is in
pub(crate) mod parking; // how an idle loop waits: asleep, or looking
pub(crate) mod pool; // the threads that may block
pub(crate) mod running; // one loop at a time on a thread, and its timer slack
pub(crate) mod stock; // pipes and buffers that copies borrow
pub(crate) mod task; // what the executor needs of a task
mod turn; // the executor, and the turn of its loop
mod wait; // the look at the kernel, and the sleep there

pub(crate) use current::{EnteredExecutor, current, try_current};
pub use turn::Turn;
pub(crate) use turn::{Executor, Rooted};
