//! Tasks.

pub(crate) mod abort; // cancels a task from any thread
pub(crate) mod blocking; // a closure on a thread of the pool
mod builder; // a task with a name
mod cell; // the allocation of a task: its future, then its output
mod confined; // a value of this thread that other threads may hold
pub mod coop; // the budget, as tasks use it
mod frame; // a named part of a task
pub(crate) mod join; // the handle of a task, and its error
pub mod join_set; // a set of tasks, joined in the order in which they end
mod local; // values that a future takes with it
mod local_set; // tokio's names for tasks that are not `Send`
pub(crate) mod remote; // a task as another thread awaits it
mod running; // which task runs
mod shared_output; // the output of a job or a task, between two threads
mod spawn; // makes a future a task of an executor
pub(crate) mod unhandled; // the policy for a panic that no handle receives

pub use crate::observe::id::Id;
pub use crate::wake::yield_now::yield_now;
pub use abort::AbortHandle;
pub use blocking::spawn_blocking;
#[doc(hidden)]
pub use blocking::spawn_look_up;
pub use builder::Builder;
pub(crate) use cell::{Join, NewTask};
pub use confined::Confined;
pub use coop::{Unconstrained, consume_budget, unconstrained};
pub use frame::{FrameExt, Framed, frame};
pub use join::{JoinError, JoinHandle};
pub use join_set::JoinSet;
pub use local::{AccessError, LocalKey};
pub use local_set::{LocalEnterGuard, LocalSet, spawn_local};
pub use remote::RemoteJoinHandle;
pub use running::{id, try_id};
pub use spawn::spawn;

/// The futures that this module makes, by name.
pub mod futures {
    pub use super::local::TaskLocalFuture;
}
