//! [`Handle::metrics`]: the counts of a runtime from any thread.
//!
//! The counters are plain numbers of the loop's thread. Another thread sends an errand and waits for the answer, but not
//! without a limit: nothing drives a runtime between two calls of `block_on`.

use super::{Handle, Metrics};
use crate::executor;
use crate::wake::remote;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long [`Handle::metrics`] waits for a loop that does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

impl Handle {
    /// Returns the counts of the runtime so far, from any thread.
    ///
    /// Inside the runtime this is [`Runtime::metrics`](crate::runtime::Runtime::metrics) and waits for nothing. From
    /// elsewhere the loop answers between two polls, and is woken for that if it sleeps: the counts are exact, and those
    /// of the wake and of the turn for the answer are among them. The calling thread is blocked for so long, at most a
    /// second: in a task of another runtime, call it in [`spawn_blocking`](crate::task::spawn_blocking).
    ///
    /// `None` when the runtime is gone, or has not answered within a second. A loop does not answer while a poll holds
    /// it, and while nothing drives it. That may last for ever, and so the wait has a limit; a loop that works has
    /// answered long before. The same runtime may answer the next call. To tell a loop that is stuck from one that is
    /// gone, use `Handle::dump_loop` of feature `inspect`, which also names the poll.
    ///
    /// On the thread of the runtime itself, outside of `block_on` and of an [`enter`](crate::runtime::Runtime::enter)
    /// guard, nothing drives the loop while this function waits, so it always returns `None`: use `Runtime::metrics`.
    ///
    /// ```
    /// use egret_runtime::runtime::Handle;
    /// use egret_runtime::task::spawn_blocking;
    ///
    /// egret_runtime::block_on(async {
    ///     assert_eq!(Handle::current().metrics().unwrap().polls, 0); // this one is not over
    ///     let metrics = spawn_blocking(|| Handle::current().metrics()).await.unwrap();
    ///     assert_eq!(metrics.unwrap().blocking_jobs, 1);
    /// });
    /// ```
    #[inline]
    pub fn metrics(&self) -> Option<Metrics> {
        if let Some(executor) = executor::try_current().filter(|executor| executor.address() == self.address)
        {
            return Some(executor.metrics());
        }
        let (answer, answered) = sync_channel(1);
        let errand = move || {
            let _ = answer.send(executor::current().metrics()); // there is room for one
        };
        remote::send(self.address, Box::new(errand));
        answered.recv_timeout(PATIENCE).ok()
    }
}
