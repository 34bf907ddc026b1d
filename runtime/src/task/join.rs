//! [`JoinHandle`]: the spawner's handle of a task, and [`JoinError`]: why there is no output.
//!
//! A handle belongs to the thread of its task and may outlive the runtime.

use crate::observe::site::Site;
use crate::task::{Id, Join};
use crate::wake::budget;
use crate::wake::key::TaskKey;
use crate::wake::remote::Address;
use crate::wake::task::CellRef;
use crate::wake::waker;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// Awaits the output of a spawned task. Dropping it detaches the task; if the task then panics, the runtime's
/// [`UnhandledPanic`](crate::runtime::UnhandledPanic) decides what happens.
///
/// When it resolves, the task's future has been dropped and the resources that it held are released.
///
/// # Errors
///
/// [`JoinError`] when the task panicked, was aborted, or was still running when its runtime was dropped.
///
/// # Cancel safety
///
/// `&mut handle` may be awaited again after a cancelled wait; nothing is lost.
///
/// # Panics
///
/// When it is polled after it has returned its output.
///
/// ```
/// # egret_runtime::block_on(async {
/// let handle = egret_runtime::spawn(async { 6 * 7 });
/// assert_eq!(handle.await.unwrap(), 42);
/// # });
/// ```
pub struct JoinHandle<T> {
    joined: Joined<T>,
}

enum Joined<T> {
    /// A task, and its key in its executor.
    Task(CellRef<dyn Join<T>>, TaskKey),
    /// A blocking job, or a task of another thread as a member of a set.
    Other(Rc<dyn Join<T>>),
}

impl<T> JoinHandle<T> {
    #[inline]
    pub(crate) fn of_task(task: CellRef<dyn Join<T>>, key: TaskKey) -> JoinHandle<T> {
        JoinHandle { joined: Joined::Task(task, key) }
    }

    /// Of what has an address and no key.
    #[inline]
    pub(crate) fn of_other(other: Rc<dyn Join<T>>) -> JoinHandle<T> {
        JoinHandle { joined: Joined::Other(other) }
    }

    #[inline]
    fn task(&self) -> &dyn Join<T> {
        match &self.joined {
            Joined::Task(task, _) => &**task,
            Joined::Other(other) => &**other,
        }
    }

    /// Returns its key in the executor; `None` for what is no task of this thread.
    #[inline]
    pub(crate) fn key(&self) -> Option<TaskKey> {
        match &self.joined {
            Joined::Task(_, key) => Some(*key),
            Joined::Other(_) => None,
        }
    }

    /// Returns the address of its runtime; `None` when that is gone.
    #[inline]
    pub(crate) fn address(&self) -> Option<Address> {
        match &self.joined {
            Joined::Task(_, key) => Address::of_executor(key.executor()),
            Joined::Other(other) => other.address(),
        }
    }

    /// Cancels the task: its future is dropped before this returns, and the handle resolves to a
    /// [`JoinError`] that [is cancelled](JoinError::is_cancelled).
    ///
    /// One exception: a task that is being polled right now (it aborts itself, directly or through another)
    /// is dropped when that poll returns, and finishes as usual if the poll completes it. A task that is over is left
    /// unchanged.
    ///
    /// The destructors of the future run here, in the runtime of this thread: outside any runtime, a destructor that
    /// spawns panics. [`AbortHandle::abort`](crate::task::AbortHandle::abort) runs them in the loop.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let handle = egret_runtime::spawn(std::future::pending::<()>());
    /// handle.abort();
    /// assert!(handle.await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    #[inline]
    pub fn abort(&self) {
        if !self.task().is_finished() {
            self.task().cancel();
            if let Some(key) = self.key() {
                // The executor finds it finished in the next turn and frees its slot.
                waker::new(key).wake();
            }
        }
    }

    /// Returns whether the task is over: completed, panicked or aborted.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.task().is_finished()
    }

    /// Returns the number of the task.
    #[inline]
    pub fn id(&self) -> Id {
        self.task().id()
    }

    /// As [`poll`](Future::poll), without a charge: for a caller whose own operation includes this one and is charged.
    #[track_caller]
    #[inline]
    pub(crate) fn poll_uncharged(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        match self.task().poll_join(cx, Site::current()) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(result)) => Poll::Ready(result),
            // Here and not in the task: `track_caller` does not pass a call of a `dyn Join`.
            Poll::Ready(None) => panic!("a JoinHandle was polled after it had given its output"),
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !budget::has_left() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let result = ready!(self.poll_uncharged(cx));
        budget::charge_completed();
        Poll::Ready(result)
    }
}

// A panic of user code is caught in the cell, in a phase that says who has the stage.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        match &self.joined {
            Joined::Task(task, _) if task.is_empty() => {}
            _ => self.task().detach(),
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).field("finished", &self.is_finished()).finish()
    }
}

/// Why a task has no output.
///
/// ```
/// egret_runtime::block_on(async {
///     let cancelled = egret_runtime::spawn(std::future::pending::<()>());
///     cancelled.abort();
///     assert!(cancelled.await.unwrap_err().is_cancelled());
///
///     let panicked = egret_runtime::spawn(async { panic!("no configuration") });
///     let error = panicked.await.unwrap_err();
///     assert_eq!(error.into_panic().downcast_ref(), Some(&"no configuration"));
/// });
/// ```
pub struct JoinError {
    id: Id,
    cause: JoinFailure,
}

enum JoinFailure {
    Cancelled,
    Panic(Box<Panic>),
}

/// The panic of a task.
struct Panic {
    /// Behind an uncontended lock: it need not be `Sync`, and errors have to be, for `io::Error::other`
    /// and for `?` into `Box<dyn Error + Send + Sync>`.
    payload: Mutex<Box<dyn Any + Send>>,
    /// The text of the panic, where it has one.
    message: Option<String>,
}

impl JoinError {
    #[inline]
    pub(crate) fn cancelled(id: Id) -> JoinError {
        JoinError { id, cause: JoinFailure::Cancelled }
    }

    #[inline]
    pub(crate) fn panic(id: Id, payload: Box<dyn Any + Send>) -> JoinError {
        let text = payload.downcast_ref::<String>().cloned();
        let message = text.or_else(|| payload.downcast_ref::<&'static str>().map(|text| text.to_string()));
        JoinError { id, cause: JoinFailure::Panic(Box::new(Panic { payload: Mutex::new(payload), message })) }
    }

    /// Returns the message that names the task.
    ///
    /// For a panic without a handle. The panic hook has reported the panic, but does not know its task.
    #[inline]
    pub(crate) fn report(&self, name: Option<&str>, spawned_at: &Location<'_>) -> String {
        let name = name.map(|name| format!(" {name:?}")).unwrap_or_default();
        format!("egret: task {}{name} spawned at {spawned_at} is over: {self}", self.id)
    }

    /// Returns whether the task was aborted or its runtime dropped.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, JoinFailure::Cancelled)
    }

    /// Returns whether the task panicked.
    #[inline]
    pub fn is_panic(&self) -> bool {
        matches!(self.cause, JoinFailure::Panic(_))
    }

    /// Returns the payload of the task's panic, to be passed to [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// When the task did not panic; [`try_into_panic`](JoinError::try_into_panic) returns the error instead.
    #[track_caller]
    #[inline]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("JoinError::into_panic: {error}; ask is_panic first"),
        }
    }

    /// Returns the payload of the task's panic.
    ///
    /// # Errors
    ///
    /// This error, when the task did not panic.
    #[inline]
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        match self.cause {
            JoinFailure::Panic(panic) => {
                Ok(panic.payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            JoinFailure::Cancelled => Err(self),
        }
    }

    /// Returns the number of the task.
    #[inline]
    pub fn id(&self) -> Id {
        self.id
    }
}

impl fmt::Display for JoinError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            JoinFailure::Cancelled => write!(f, "task {} was cancelled", self.id),
            JoinFailure::Panic(panic) => match &panic.message {
                Some(message) => write!(f, "task {} panicked: {message}", self.id),
                None => write!(f, "task {} panicked", self.id),
            },
        }
    }
}

impl fmt::Debug for JoinError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for std::io::Error {
    /// Of kind [`Other`](std::io::ErrorKind::Other), so that a function that returns an I/O error may use `?` on a
    /// handle.
    #[inline]
    fn from(error: JoinError) -> std::io::Error {
        std::io::Error::other(error.to_string())
    }
}
