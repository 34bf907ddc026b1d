//! [`JoinSet`]: tasks whose outputs are taken in the order in which the tasks end.
//!
//! The set keeps the handles in a slab. With each task travels a [`Notice`] that knows its place there, and that is
//! dropped when the task's future has been: by completion, panic or abort alike. It then puts the place in a
//! queue and wakes whoever waits for the set. So a task that ends costs the same however many there are: nobody
//! looks at the other handles, and none of them has a waker.
//!
//! The notice comes a moment before the output is in the task's cell. A task of egret that is woken by it is polled
//! later, when it is there; a foreign waker may come back from within the wake, finds the handle
//! not finished, and waits in the handle until it is.

use crate::abort::AbortHandle;
use crate::context;
use crate::executor;
use crate::join::{JoinError, JoinHandle};
use crate::task::Id;
use crate::waker;
use pin_project_lite::pin_project;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Tasks that belong together: their outputs come out in the order in which they end, and none of them outlives
/// the set.
///
/// Dropping the set aborts the tasks that are left in it. To take an output costs the same however many tasks
/// there are.
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

/// What the set shares with its tasks.
#[derive(Default)]
struct Ended {
    /// The places in the slab of tasks that have ended, the first first.
    places: RefCell<VecDeque<usize>>,
    waiter: Cell<Option<Waker>>,
}

/// Says, when it is dropped, that a task has ended.
struct Notice {
    place: usize,
    ended: Rc<Ended>,
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.ended.places.borrow_mut().push_back(self.place);
        self.ended.wake();
    }
}

impl Ended {
    fn wake(&self) {
        if let Some(waiter) = self.waiter.take() {
            waker::wake_contained(waiter);
        }
    }

    fn first(&self) -> Option<usize> {
        self.places.borrow().front().copied()
    }
}

pin_project! {
    /// The task that a future of the set becomes.
    struct Member<F> {
        #[pin]
        future: F,
        // Behind the future, to be dropped after it, also when the drop of the future panics.
        notice: Notice,
    }
}

impl<F: Future> Future for Member<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

impl<T> JoinSet<T> {
    /// A set with no tasks.
    pub fn new() -> JoinSet<T> {
        JoinSet { handles: Slab::new(), ended: Rc::default() }
    }

    /// How many tasks there are whose output has not been taken.
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Whether every output has been taken.
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task of the set on the runtime that this thread is in: see [`spawn`](crate::task::spawn).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let executor = executor::current(); // before there is a notice, for this may panic
        let entry = self.handles.vacant_entry();
        let notice = Notice { place: entry.key(), ended: self.ended.clone() };
        let handle = executor.spawn(Member { future, notice }, Id::next(), Location::caller());
        let abort = handle.abort_handle();
        entry.insert(handle);
        abort
    }

    /// Waits for the task that ends next and takes its output; `None` when there is no task in the set.
    ///
    /// # Errors
    ///
    /// [`JoinError`] when the task panicked or was aborted, as by [`JoinHandle`]. The set goes on after it.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, it has taken no output.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let mut set = egret_runtime::task::JoinSet::new();
    /// set.spawn(std::future::pending::<()>()).abort();
    /// assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    /// assert!(set.join_next().await.is_none());
    /// # });
    /// ```
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// The output of a task that has ended, if there is one.
    ///
    /// # Errors
    ///
    /// As [`join_next`](JoinSet::join_next).
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        let place = self.ended.first()?;
        if !self.handles[place].is_finished() {
            return None; // further up the stack it is being dropped
        }
        match self.poll_first(place, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// [`join_next`](JoinSet::join_next) for those who poll by hand. The waker of the last call is the one that is
    /// woken.
    ///
    /// An output that is taken is charged to the task's budget, so that a task with many to take lets others run.
    ///
    /// # Errors
    ///
    /// As [`join_next`](JoinSet::join_next).
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        if self.handles.is_empty() {
            return Poll::Ready(None);
        }
        if !context::charge_budget() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.ended.first().is_none() {
            let waker = cx.waker().clone(); // user code, as the drop of the old one: it may end a task
            drop(self.ended.waiter.replace(Some(waker)));
        }
        let poll = match self.ended.first() {
            Some(place) => self.poll_first(place, cx),
            None => Poll::Pending,
        };
        if poll.is_pending() {
            context::refund_budget();
        }
        poll.map(Some)
    }

    fn poll_first(&mut self, place: usize, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        let result = Pin::new(&mut self.handles[place]).poll(cx);
        if result.is_ready() {
            self.ended.places.borrow_mut().pop_front();
            drop(self.handles.remove(place));
        }
        result
    }

    /// Aborts every task, as [`JoinHandle::abort`] does. They stay in the set until they are taken out as errors
    /// that [are cancellations](JoinError::is_cancelled).
    pub fn abort_all(&mut self) {
        for (_, handle) in &self.handles {
            handle.abort();
        }
    }

    /// Aborts every task and waits until none is left.
    ///
    /// Outputs of tasks that have ended are thrown away, panics among them.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the tasks are aborted all the same.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Takes all tasks out of the set and lets them go on by themselves.
    ///
    /// Outputs of tasks that have ended are thrown away; a panic among them is then an
    /// [unhandled one](crate::runtime::UnhandledPanic).
    pub fn detach_all(&mut self) {
        let handles = mem::take(&mut self.handles);
        let ended = mem::take(&mut self.ended); // what they say from now on is about no place of the new slab
        drop(handles);
        ended.wake();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        for (_, handle) in mem::take(&mut self.handles) {
            handle.abort();
        }
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}
