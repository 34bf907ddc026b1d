//! How a task is woken: the number that stands for it, the queue it is put in, and the way from other threads.

pub(crate) mod budget; // how many operations a task completes in one poll
pub(crate) mod context; // the thread-local slots in which the rooms find what belongs to this thread
pub(crate) mod key; // the numbers that stand for a task and for a registration
pub(crate) mod mailbox; // where other threads leave wakes
pub(crate) mod queue; // which tasks are to be polled
pub(crate) mod remote; // how a wake from another thread finds its executor
mod sync; // the types of synchronisation that the model checker replaces
pub(crate) mod waker; // the `Waker` that is a number
pub(crate) mod yield_now; // a task that wakes itself
