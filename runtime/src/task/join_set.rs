//! [`JoinSet`]: tasks whose outputs are taken in the order in which the tasks end.
//!
//! - The set keeps the handles in a slab. Each task carries a notice that knows its place there, and that is dropped
//!   after the task's future: by completion, panic or abort. It then queues the place and wakes the task that waits
//!   for the set. A task that ends costs the same however many there are: no other handle is polled, and none has a
//!   waker.
//! - A blocking job, and a task of another thread, have a waker in place of the notice. Both are in `join_set/ended.rs`.
//! - The notice comes just before the output is in the task's cell. A task of egret that it wakes is polled later,
//!   when the output is there; a foreign waker may poll from within the wake, finds the handle not finished, and waits
//!   in it.

mod builder; // a task with a name
mod collect; // from futures
mod ended;
mod spawn; // adds members

pub use builder::Builder;

use crate::observe::site::Site;
use crate::task::Id;
use crate::task::join::{JoinError, JoinHandle};
use crate::wake::budget;
use ended::Ended;
use slab::Slab;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A set of tasks: their outputs come out in the order in which they end, and no task outlives the set.
///
/// Dropping the set aborts the tasks that are left in it. Taking an output costs the same however many tasks there
/// are.
///
/// ```
/// use egret_runtime::task::{JoinSet, yield_now};
///
/// egret_runtime::block_on(async {
///     let mut set = JoinSet::new();
///     for turns in [3, 1, 2] {
///         set.spawn(async move {
///             for _ in 0..turns {
///                 yield_now().await;
///             }
///             turns
///         });
///     }
///     let mut outputs = Vec::new();
///     while let Some(output) = set.join_next().await {
///         outputs.push(output.unwrap());
///     }
///     assert_eq!(outputs, [1, 2, 3]);
/// });
/// ```
pub struct JoinSet<T> {
    handles: Slab<JoinHandle<T>>,
    ended: Rc<Ended>,
}

impl<T> JoinSet<T> {
    /// Creates a set with no tasks.
    #[inline]
    pub fn new() -> JoinSet<T> {
        JoinSet { handles: Slab::new(), ended: Rc::default() }
    }

    /// Returns how many tasks have an output that has not been taken.
    #[inline]
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Returns whether every output has been taken.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Waits for the next task that ends and takes its output; `None` when the set is empty.
    ///
    /// # Errors
    ///
    /// [`JoinError`] when the task panicked or was aborted, as for [`JoinHandle`]. The set can be used after it.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it resolves, it has taken no output.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let mut set = egret_runtime::task::JoinSet::new();
    /// set.spawn(std::future::pending::<()>()).abort();
    /// assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    /// assert!(set.join_next().await.is_none());
    /// # });
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn join_next(&mut self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_join_next(cx)).await })
    }

    /// [`join_next`](JoinSet::join_next) with the id of the task. The id of a failed task is
    /// [in the error](JoinError::id).
    ///
    /// # Errors
    ///
    /// As [`join_next`](JoinSet::join_next).
    ///
    /// # Cancel safety
    ///
    /// As [`join_next`](JoinSet::join_next).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let mut set = egret_runtime::task::JoinSet::new();
    /// let id = set.spawn(async { 42 }).id();
    /// assert_eq!(set.join_next_with_id().await.unwrap().unwrap(), (id, 42));
    /// # });
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn join_next_with_id(&mut self) -> impl Future<Output = Option<Result<(Id, T), JoinError>>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_join_next_with_id(cx)).await })
    }

    /// Waits for every task and takes the outputs, in the order in which the tasks end.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it resolves, it drops the set, which aborts the tasks left, and the outputs that it has
    /// taken.
    ///
    /// # Panics
    ///
    /// When a task has panicked, with its panic; when one was aborted. The tasks that are left in the set are aborted.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let set: egret_runtime::task::JoinSet<u32> = (0..3).map(|n| async move { n * n }).collect();
    /// assert_eq!(set.join_all().await, [0, 1, 4]);
    /// # });
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn join_all(mut self) -> impl Future<Output = Vec<T>> {
        Site::caller().within(async move {
            let mut outputs = Vec::with_capacity(self.len());
            while let Some(result) = self.join_next().await {
                outputs.push(result.unwrap_or_else(|error| match error.try_into_panic() {
                    Ok(payload) => resume_unwind(payload),
                    Err(cancelled) => panic!("JoinSet::join_all: {cancelled}"),
                }));
            }
            outputs
        })
    }

    /// Returns the output of a task that has ended, if there is one.
    ///
    /// # Errors
    ///
    /// As [`join_next`](JoinSet::join_next).
    #[inline]
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id().map(without_id)
    }

    /// [`try_join_next`](JoinSet::try_join_next) with the id of the task.
    ///
    /// # Errors
    ///
    /// As [`join_next`](JoinSet::join_next).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let mut set = egret_runtime::task::JoinSet::new();
    /// let id = set.spawn(async { 42 }).id();
    /// assert!(set.try_join_next_with_id().is_none());
    /// egret_runtime::task::yield_now().await;
    /// assert_eq!(set.try_join_next_with_id().unwrap().unwrap(), (id, 42));
    /// # });
    /// ```
    #[inline]
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        let place = self.ended.first()?;
        if !self.handles[place].is_finished() {
            return None; // further up the stack it is being dropped
        }
        match self.poll_first(place, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// [`join_next`](JoinSet::join_next) as a poll function. The waker of the last call is woken.
    ///
    /// Each output is charged to the task's budget, so that a task with many outputs to take yields.
    ///
    /// # Errors
    ///
    /// As [`join_next`](JoinSet::join_next).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_join_next_with_id(cx).map(|result| result.map(without_id))
    }

    /// [`poll_join_next`](JoinSet::poll_join_next) with the id of the task.
    ///
    /// # Errors
    ///
    /// As [`join_next`](JoinSet::join_next).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        if self.handles.is_empty() {
            return Poll::Ready(None);
        }
        if !budget::charge() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.ended.first().is_none() {
            self.ended.entry.enter(&self.ended);
            self.ended.wait(cx.waker(), Site::current()); // user code, which may end a task
        }
        let poll = match self.ended.first() {
            Some(place) => self.poll_first(place, cx),
            None => Poll::Pending,
        };
        if poll.is_pending() {
            budget::refund();
        }
        poll.map(Some)
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_first(&mut self, place: usize, cx: &mut Context<'_>) -> Poll<Result<(Id, T), JoinError>> {
        let handle = &mut self.handles[place];
        let id = handle.id();
        let result = handle.poll_uncharged(cx).map_ok(|output| (id, output));
        if result.is_ready() {
            self.ended.pop();
            drop(self.handles.remove(place));
        }
        result
    }

    /// Aborts every task, like [`JoinHandle::abort`]. Each stays in the set until it is taken out as an error that
    /// [is a cancellation](JoinError::is_cancelled).
    #[inline]
    pub fn abort_all(&mut self) {
        for (_, handle) in &self.handles {
            handle.abort();
        }
    }

    /// Aborts every task and waits until none is left.
    ///
    /// Outputs of tasks that have ended are dropped, panics included.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it resolves, the tasks are aborted all the same.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn shutdown(&mut self) -> impl Future<Output = ()> {
        Site::caller().within(async move {
            self.abort_all();
            while self.join_next().await.is_some() {}
        })
    }

    /// Takes all tasks out of the set and detaches them.
    ///
    /// Outputs of tasks that have ended are dropped; a panic among them is
    /// [unhandled](crate::runtime::UnhandledPanic).
    #[inline]
    pub fn detach_all(&mut self) {
        let handles = mem::take(&mut self.handles);
        let ended = mem::take(&mut self.ended); // later notices name places of the old slab
        drop(handles);
        ended.wake();
    }
}

#[inline]
fn without_id<T>(result: Result<(Id, T), JoinError>) -> Result<T, JoinError> {
    result.map(|(_, output)| output)
}

impl<T> Default for JoinSet<T> {
    #[inline]
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

impl<T> Drop for JoinSet<T> {
    #[inline]
    fn drop(&mut self) {
        for (_, handle) in mem::take(&mut self.handles) {
            handle.abort();
        }
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}
