//! The budget of a task: cooperative yielding, and how to opt out.
//!
//! - A task may complete 128 operations in one poll. The next one is `Pending`, once: the task goes to the end of the
//!   run queue and is polled again with a full budget.
//! - Only egret's operations charge it: I/O, [`JoinSet`](crate::task::JoinSet), and this module. **The channels and
//!   locks of other crates charge nothing,** `tokio::sync` included, whose budget is tokio's runtime's.
//! - A task that awaits those in a loop and always finds one ready is never `Pending` and holds the loop.
//!   [`consume_budget`] in that loop, or [`cooperative`] around the future, prevents it.

use crate::wake::budget::{self, Unlimited};
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Charges one operation to the task's budget, and yields when it is used up.
///
/// For loops that would not yield: over the channels and locks of other crates while these are never empty, and over
/// computations that are too short for a [`yield_now`](crate::task::yield_now) in each round.
///
/// ```
/// # let items = [1, 2, 3];
/// # egret_runtime::block_on(async {
/// let mut sum = 0;
/// for item in items {
///     sum += item;
///     egret_runtime::task::consume_budget().await; // yields in one round of 128
/// }
/// # assert_eq!(sum, 6);
/// # });
/// ```
///
/// # Cancel safety
///
/// Safe: a future that is dropped before it resolves charges nothing.
#[inline]
pub async fn consume_budget() {
    poll_fn(|cx| poll_proceed(cx).map(|charge| charge.made_progress())).await
}

/// Returns whether the budget allows another operation of this task. Outside a runtime, and in [`unconstrained`],
/// always.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_runtime::task::{consume_budget, coop::has_budget_remaining};
///
/// let mut operations = 0;
/// while has_budget_remaining() {
///     consume_budget().await;
///     operations += 1;
/// }
/// assert_eq!(operations, 128);
/// # });
/// ```
#[inline]
pub fn has_budget_remaining() -> bool {
    budget::has_left()
}

/// Charges one operation to the budget of the task that polls, for hand-written futures: call it first, and
/// [`made_progress`](RestoreOnPending::made_progress) when the operation is complete. An incomplete operation is not
/// charged.
///
/// `Pending` when the budget is used up. The task has been woken then: return `Pending` as well.
///
/// ```
/// use egret_runtime::task::coop::poll_proceed;
/// use std::task::{Context, Poll, ready};
///
/// fn poll_next(items: &mut Vec<u32>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
///     let charge = ready!(poll_proceed(cx));
///     let item = items.pop();
///     charge.made_progress();
///     Poll::Ready(item)
/// }
/// # egret_runtime::block_on(async {
/// # let mut items = vec![7];
/// # assert_eq!(std::future::poll_fn(|cx| poll_next(&mut items, cx)).await, Some(7));
/// # });
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    if budget::charge() {
        return Poll::Ready(RestoreOnPending { restores: Cell::new(true), _of_this_thread: PhantomData });
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// An operation that [`poll_proceed`] has charged. Dropped before [`made_progress`](RestoreOnPending::made_progress),
/// it returns the charge; drop it in the poll that made it.
#[must_use = "dropped at once, it charges nothing"]
pub struct RestoreOnPending {
    restores: Cell<bool>,
    /// The budget is in a thread-local.
    _of_this_thread: PhantomData<*const ()>,
}

impl RestoreOnPending {
    /// Notes that the operation is complete: the charge stands.
    #[inline]
    pub fn made_progress(&self) {
        self.restores.set(false);
    }
}

impl Drop for RestoreOnPending {
    #[inline]
    fn drop(&mut self) {
        if self.restores.get() {
            budget::refund();
        }
    }
}

impl fmt::Debug for RestoreOnPending {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestoreOnPending").field("made_progress", &!self.restores.get()).finish()
    }
}

pin_project! {
    /// A future whose completion is charged to the budget: see [`cooperative`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Coop<F> {
        #[pin]
        future: F,
    }
}

/// Charges one operation to the task's budget when `future` completes, and yields before a poll when the budget is
/// used up.
///
/// For futures of other crates that may always be ready: `cooperative(receiver.recv()).await`. A poll that is
/// `Pending` is not charged.
///
/// ```
/// # egret_runtime::block_on(async {
/// let n = egret_runtime::task::coop::cooperative(async { 1 }).await;
/// # assert_eq!(n, 1);
/// # });
/// ```
#[inline]
pub fn cooperative<F: Future>(future: F) -> Coop<F> {
    Coop { future }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let charge = ready!(poll_proceed(cx));
        let output = ready!(self.project().future.poll(cx));
        charge.made_progress();
        Poll::Ready(output)
    }
}

pin_project! {
    /// A future without a budget: see [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

/// Lets `future` complete any number of operations in one poll.
///
/// Without it an operation is `Pending`, once, when the task has completed 128 since it was last polled. With it the
/// future may hold the loop for as long as its peers send, and no other task, timer or socket of the thread is served
/// meanwhile.
///
/// ```
/// # egret_runtime::block_on(async {
/// let n = egret_runtime::task::unconstrained(async { 1 }).await;
/// # assert_eq!(n, 1);
/// # });
/// ```
#[inline]
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _unlimited = Unlimited::start();
        self.project().future.poll(cx)
    }
}
