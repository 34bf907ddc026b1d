//! Waking a task: the key that names it, the run queue, and the path from other threads.

pub(crate) mod budget; // how many operations a task completes in one poll
pub(crate) mod clones; // which tasks have had their waker cloned
pub(crate) mod context; // the thread-local slots of the executor's parts
pub(crate) mod key; // the numbers that name a task and a registration
pub(crate) mod listed; // waits that are in no table of the executor
pub(crate) mod mailbox; // where other threads leave wakes
pub(crate) mod queue; // the tasks that are ready to be polled
pub(crate) mod remote; // how a wake from another thread reaches its executor
mod sync; // the synchronisation types that the model checker replaces
pub(crate) mod task; // what the run queue and the executor need of a task
#[cfg(feature = "inspect")]
pub(crate) mod waiter; // a waker in a table, as a dump shows it
pub(crate) mod waker; // the `Waker` that is a number
pub(crate) mod yield_now; // a task that wakes itself
