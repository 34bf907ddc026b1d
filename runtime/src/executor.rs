//! The loop: which task is polled next, and how the thread waits when none is queued.

#[cfg(feature = "test-util")]
pub(crate) mod alive; // what is alive in an executor, by name
mod counts; // what the executor did, in numbers
mod current; // the executor of this thread
pub(crate) mod embed; // the loop as a part of another
pub(crate) mod hooks; // callbacks of the program
pub(crate) mod parking; // how an idle loop waits: asleep, or polling
mod polls; // the polls of a turn
pub(crate) mod pool; // the threads for blocking jobs
pub(crate) mod running; // one loop at a time on a thread, and its timer slack
#[cfg(all(test, feature = "inspect"))]
mod sites_tests; // what each kind of wait notes
pub(crate) mod stock; // pipes and buffers that copies borrow
mod turn; // the executor, and the turn of its loop
mod views; // what a dump shows of an executor
mod wait; // `epoll_wait`: the check and the sleep

pub(crate) use current::{EnteredExecutor, current, try_current};
#[cfg(feature = "test-util")]
pub(crate) use turn::POLLS_PER_WAIT;
pub use turn::Turn;
pub(crate) use turn::{Executor, Rooted};
pub(crate) use views::RootView;
