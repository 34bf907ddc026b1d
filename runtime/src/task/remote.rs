//! [`RemoteJoinHandle`]: a task as another thread awaits it, and the [`RemotePlace`] that both sides hold.
//!
//! The handle and the loop's thread share a place: a [`SharedOutput`] and the state for an abort. The [`Filler`]
//! travels with the task and fills it, once. An abort may come before the task does: the place then keeps it until the
//! task arrives.

use crate::executor;
use crate::observe::id::Id;
use crate::observe::site::Site;
use crate::task::abort::{self, AbortHandle, Abortable};
use crate::task::join::{JoinError, JoinHandle};
use crate::task::shared_output::SharedOutput;
use crate::task::{Join, NewTask};
use crate::wake::budget;
use crate::wake::key::TaskKey;
use crate::wake::listed::RemoteWait;
use crate::wake::remote::Address;
use crate::wake::task::Policy;
use crate::wake::waker;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Awaits the output of a task of another thread's runtime. Dropping it detaches the task; if the task then panics,
/// the runtime's [`UnhandledPanic`](crate::runtime::UnhandledPanic) decides what happens.
///
/// # Errors
///
/// [`JoinError`] when the task panicked or was aborted, or its runtime is gone.
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
/// use egret_runtime::runtime::Handle;
///
/// egret_runtime::block_on(async {
///     let task = Handle::current().spawn(std::future::pending::<()>());
///     task.abort();
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct RemoteJoinHandle<T> {
    place: Arc<RemotePlace<T>>,
    wait: RemoteWait,
}

struct RemotePlace<T> {
    output: SharedOutput<T>,
    /// No user code runs under the lock.
    arrival: Mutex<Arrival>,
}

/// The state of the task for an abort.
enum Arrival {
    /// The task is not spawned yet.
    OnItsWay,
    /// It is spawned, with this key unless it is a blocking job.
    There(Option<TaskKey>),
    /// It has been aborted; another abort is a no-op.
    Aborted,
}

/// Creates a place for the output of a task that will be spawned at `address`, with its filler. `joiner` is woken
/// when the output is there, although it has not polled the handle.
#[inline]
pub(crate) fn place<T>(
    id: Id,
    at: &'static Location<'static>,
    address: Address,
    joiner: Option<Waker>,
) -> (Filler<T>, RemoteJoinHandle<T>) {
    let output = SharedOutput::new(id, at, address, joiner);
    let place = Arc::new(RemotePlace { output, arrival: Mutex::new(Arrival::OnItsWay) });
    (Filler { place: place.clone() }, RemoteJoinHandle { place, wait: RemoteWait::default() })
}

impl<T> RemoteJoinHandle<T> {
    /// Cancels the task: this sends the abort to the runtime, which wakes up if it sleeps and drops the future on its
    /// own thread in its next turn. The handle then resolves to a [`JoinError`] that
    /// [is cancelled](JoinError::is_cancelled).
    ///
    /// No effect on a task that is over or ends before the runtime handles the abort, nor on a blocking job that runs.
    /// Inside the task's own runtime the future is dropped before this returns, unless the task has not been spawned
    /// yet or is being polled right now. The closure of `spawn_with` is not called when the abort comes first.
    #[inline]
    pub fn abort(&self) {
        self.place.abort();
    }

    /// Returns the number of the task.
    #[inline]
    pub fn id(&self) -> Id {
        self.place.output.id
    }

    /// Returns whether the output is there.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.place.output.is_finished()
    }
}

impl<T: 'static> RemoteJoinHandle<T> {
    /// Converts to the handle of a member of a set, whose waker the place has.
    #[inline]
    pub(crate) fn into_member(self) -> JoinHandle<T> {
        JoinHandle::of_other(Rc::new(RemoteMember(self)))
    }
}

/// A task of another thread, as a set of this one has it. The handle in it detaches when it is dropped.
struct RemoteMember<T>(RemoteJoinHandle<T>);

impl<T> Join<T> for RemoteMember<T> {
    #[inline]
    fn poll_join(&self, cx: &mut Context<'_>, at: Site) -> Poll<Option<Result<T, JoinError>>> {
        self.0.place.output.poll(cx, at)
    }

    #[inline]
    fn cancel(&self) {
        self.0.abort();
    }

    #[inline]
    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    #[inline]
    fn detach(&self) {}

    #[inline]
    fn id(&self) -> Id {
        self.0.id()
    }

    #[inline]
    fn address(&self) -> Option<Address> {
        Some(self.0.place.output.runtime)
    }
}

impl<T: Send + 'static> RemoteJoinHandle<T> {
    /// Returns a handle that aborts the task from any thread.
    #[inline]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::on_its_way(self.id(), self.place.clone())
    }
}

impl<T> Future for RemoteJoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !budget::has_left() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let at = Site::current();
        let Poll::Ready(output) = self.place.output.poll(cx, at) else {
            let id = self.id();
            self.wait.wait(id, cx.waker(), at);
            return Poll::Pending;
        };
        budget::charge_completed();
        Poll::Ready(output.expect("a RemoteJoinHandle was polled after it had given its output"))
    }
}

impl<T> Drop for RemoteJoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        self.place.output.detach();
    }
}

impl<T> fmt::Debug for RemoteJoinHandle<T> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJoinHandle").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl<T> RemotePlace<T> {
    #[inline]
    fn lock_arrival(&self) -> MutexGuard<'_, Arrival> {
        self.arrival.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn replace_arrival(&self, arrival: Arrival) -> Arrival {
        std::mem::replace(&mut *self.lock_arrival(), arrival)
    }

    #[inline]
    fn abort(&self) {
        if let Arrival::There(key) = self.replace_arrival(Arrival::Aborted) {
            abort::abort(key, self.output.id, self.output.runtime);
        }
    }
}

impl<T: Send> Abortable for RemotePlace<T> {
    #[inline]
    fn abort(&self) {
        RemotePlace::abort(self);
    }
}

/// Fills the place once; if it is dropped first, with a cancellation.
pub(crate) struct Filler<T> {
    place: Arc<RemotePlace<T>>,
}

impl<T> Filler<T> {
    /// On the runtime's thread: calls `start`, which spawns the task and returns its key, unless it has been aborted.
    #[inline]
    pub(crate) fn arrive(self, start: impl FnOnce(Filler<T>) -> Option<TaskKey>) {
        let place = self.place.clone();
        place.output.set_policy(Policy::current());
        if matches!(*place.lock_arrival(), Arrival::Aborted) {
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(start)));
            return self.fill(Err(match dropped {
                Ok(()) => JoinError::cancelled(place.output.id),
                Err(payload) => self.panic(payload),
            }));
        }
        let key = start(self); // user code, which may abort it
        if let Arrival::Aborted = place.replace_arrival(Arrival::There(key)) {
            place.abort();
        }
    }

    /// Fills it with the result or the panic of `f`.
    #[inline]
    pub(crate) fn fill_with(&self, f: impl FnOnce() -> T) {
        let result = catch_unwind(AssertUnwindSafe(f));
        self.fill(result.map_err(|payload| self.panic(payload)));
    }

    /// Returns the error to fill it with after a panic.
    #[inline]
    pub(crate) fn panic(&self, payload: Box<dyn std::any::Any + Send>) -> JoinError {
        JoinError::panic(self.place.output.id, payload)
    }

    #[inline]
    pub(crate) fn fill(&self, result: Result<T, JoinError>) {
        self.place.output.fill(result, || {});
    }
}

impl<T> Drop for Filler<T> {
    #[inline]
    fn drop(&mut self) {
        self.fill(Err(JoinError::cancelled(self.place.output.id)));
    }
}

pin_project_lite::pin_project! {
    /// A future from another thread, as a task.
    pub(crate) struct RemoteTask<F: Future> {
        // `None` after a panic.
        #[pin]
        future: Option<F>,
        filler: Filler<F::Output>,
    }
}

/// Like the guard of the task cell: drops a future whose poll panics while the stack unwinds.
struct DropRemoteOnPanic<'a, F>(Pin<&'a mut Option<F>>);

impl<F> Drop for DropRemoteOnPanic<'_, F> {
    #[cold]
    fn drop(&mut self) {
        waker::contain(|| self.0.set(None));
    }
}

impl<F: Future + 'static> RemoteTask<F> {
    /// Calls `make` and spawns the future that it returns.
    #[inline]
    pub(crate) fn spawn(
        make: impl FnOnce() -> F,
        filler: Filler<F::Output>,
        id: Id,
        at: &'static Location<'static>,
    ) -> Option<TaskKey> {
        RemoteTask::spawn_named(None, make, filler, id, at)
    }

    /// The same, with a name for reports.
    #[inline]
    pub(crate) fn spawn_named(
        name: Option<Box<str>>,
        make: impl FnOnce() -> F,
        filler: Filler<F::Output>,
        id: Id,
        at: &'static Location<'static>,
    ) -> Option<TaskKey> {
        match catch_unwind(AssertUnwindSafe(make)) {
            Ok(future) => {
                let remote = RemoteTask { future: Some(future), filler };
                executor::current().start(remote, NewTask { id, at, name }).key()
            }
            Err(payload) => {
                filler.fill(Err(filler.panic(payload)));
                None
            }
        }
    }
}

impl<F: Future> Future for RemoteTask<F> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let mut guard = DropRemoteOnPanic(this.future);
            let future = guard.0.as_mut().as_pin_mut().expect("a task is not polled after a panic");
            let polled = future.poll(cx);
            std::mem::forget(guard);
            polled
        }));
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => this.filler.fill(Ok(output)),
            Err(payload) => this.filler.fill(Err(this.filler.panic(payload))),
        }
        Poll::Ready(())
    }
}
