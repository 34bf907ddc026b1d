//! [`RemoteJoinHandle`]: a task as another thread awaits it, and the [`Place`] that both sides hold.
//!
//! The handle and the loop's thread share a place behind a mutex, under which no user code runs. The [`Filler`] travels
//! with the task and fills it, once:
//!
//! ```text
//!                 fill (1)             poll, drop of the handle (2)
//!      Empty -----------------> Filled -----------------------------> Over
//!        |                                                             ^
//!        +------- fill when the handle is gone: nobody wants it (3) ---+
//! ```
//!
//! An output that nobody wants (2, 3) is dropped by the side that finds that out, and a panic is for the policy of the
//! runtime. An abort may come before the task does: then the place keeps it until the task arrives.

use crate::executor;
use crate::observe::id::Id;
use crate::task::abort::{self, AbortHandle, Abortable};
use crate::task::coop::poll_proceed;
use crate::task::join::JoinError;
use crate::task::unhandled::Policy;
use crate::wake::key::TaskKey;
use crate::wake::remote::Address;
use crate::wake::waker::{self, discard};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

/// Awaits the output of a task of another thread's runtime. Dropped, it lets the task go on by itself; should it panic,
/// the runtime's [`UnhandledPanic`](crate::runtime::UnhandledPanic) says what happens.
///
/// # Errors
///
/// [`JoinError`] when the task panicked or was aborted, or its runtime is gone.
///
/// # Cancel safety
///
/// `&mut handle` may be awaited again after a wait that was given up; nothing is lost.
///
/// # Panics
///
/// When it is polled after it has given its output.
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
    place: Shared<T>,
    id: Id,
}

type Shared<T> = Arc<Mutex<Place<T>>>;

struct Place<T> {
    stage: Stage<T>,
    waiter: Option<Waker>,
    /// Nobody will ask for the output.
    detached: bool,
    arrival: Arrival,
    /// What the runtime does about a panic that nobody hears of; `None` until the task is there.
    unhandled: Option<Policy>,
    id: Id,
    at: &'static Location<'static>,
    address: Address,
}

enum Stage<T> {
    Empty,
    Filled(Result<T, JoinError>),
    Over,
}

/// What an abort finds.
enum Arrival {
    /// The task is not spawned yet.
    OnItsWay,
    /// It is, and this is its key unless it is a blocking job.
    There(Option<TaskKey>),
    /// It has been aborted, and another abort changes nothing.
    Aborted,
}

/// A place for the output of a task that is to be spawned at `address`, with what fills it.
#[inline]
pub(crate) fn place<T>(
    id: Id,
    at: &'static Location<'static>,
    address: Address,
) -> (Filler<T>, RemoteJoinHandle<T>) {
    let (stage, arrival) = (Stage::Empty, Arrival::OnItsWay);
    let place = Place { stage, waiter: None, detached: false, arrival, unhandled: None, id, at, address };
    let place = Arc::new(Mutex::new(place));
    (Filler { place: place.clone() }, RemoteJoinHandle { place, id })
}

impl<T> RemoteJoinHandle<T> {
    /// Cancels the task: the runtime is told to, is woken if it sleeps, and drops the future on its own thread in its
    /// next turn. The handle then resolves to a [`JoinError`] that [is cancelled](JoinError::is_cancelled).
    ///
    /// A task that is over already, or ends before the runtime comes to it, is left as it is; so is a blocking job that
    /// runs. Inside the task's own runtime the future is dropped before this returns, unless the task has not been
    /// spawned yet or is being polled right now. What `spawn_with` was given is not called when the abort comes before
    /// it.
    #[inline]
    pub fn abort(&self) {
        abort(&self.place);
    }

    /// The number of the task.
    #[inline]
    pub fn id(&self) -> Id {
        self.id
    }

    /// Whether the output is there.
    #[inline]
    pub fn is_finished(&self) -> bool {
        !matches!(lock(&self.place).stage, Stage::Empty)
    }
}

impl<T: Send + 'static> RemoteJoinHandle<T> {
    /// A handle that can do nothing but abort the task, from any thread.
    #[inline]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::on_its_way(self.id, self.place.clone())
    }
}

impl<T> Future for RemoteJoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let charge = ready!(poll_proceed(cx));
        let waker = cx.waker().clone(); // user code, as the drop of the old one: not under the lock
        let before = {
            let place = &mut *lock(&self.place);
            if let Some(result) = place.take_output() {
                charge.made_progress();
                return Poll::Ready(result);
            }
            let is_over = matches!(place.stage, Stage::Over);
            assert!(!is_over, "a RemoteJoinHandle was polled after it had given its output");
            place.waiter.replace(waker)
        };
        drop(before);
        Poll::Pending
    }
}

impl<T> Drop for RemoteJoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        let (waiter, output) = {
            let place = &mut *lock(&self.place);
            place.detached = true;
            (place.waiter.take(), place.take_output())
        };
        if let Some(result) = output {
            discard_output(&self.place, result);
        }
        drop(waiter);
    }
}

impl<T> fmt::Debug for RemoteJoinHandle<T> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJoinHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<T> Place<T> {
    /// Takes the output out. (2)
    #[inline]
    fn take_output(&mut self) -> Option<Result<T, JoinError>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Filled(result) => Some(result),
            other => {
                self.stage = other;
                None
            }
        }
    }
}

impl<T: Send> Abortable for Mutex<Place<T>> {
    #[inline]
    fn abort(&self) {
        abort(self);
    }
}

#[inline]
fn abort<T>(place: &Mutex<Place<T>>) {
    let (there, id, address) = {
        let place = &mut *lock(place);
        (std::mem::replace(&mut place.arrival, Arrival::Aborted), place.id, place.address)
    };
    if let Arrival::There(key) = there {
        abort::abort(key, id, address);
    }
}

/// Drops an output that nobody asked for; what else is done about a panic is the policy of the runtime.
#[inline]
fn discard_output<T>(place: &Mutex<Place<T>>, result: Result<T, JoinError>) {
    if let Err(error) = &result {
        let (policy, at, address) = {
            let place = lock(place);
            (place.unhandled, place.at, place.address)
        };
        if let Some(policy) = policy.filter(|_| error.is_panic()) {
            policy.apply_at(address, error.report(None, at));
        }
    }
    discard(result);
}

/// No user code runs under the lock. It may be poisoned by the assertion of `poll`, which leaves all as it was.
#[inline]
fn lock<T>(place: &Mutex<Place<T>>) -> MutexGuard<'_, Place<T>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fills the place once; with "cancelled" when it is dropped before.
pub(crate) struct Filler<T> {
    place: Shared<T>,
}

impl<T> Filler<T> {
    /// On the runtime's thread: has `start` spawn the task and say by which key, unless it has been aborted already.
    #[inline]
    pub(crate) fn arrive(self, start: impl FnOnce(Filler<T>) -> Option<TaskKey>) {
        let place = self.place.clone();
        let (aborted, id) = {
            let place = &mut *lock(&place);
            place.unhandled = Some(Policy::current());
            (matches!(place.arrival, Arrival::Aborted), place.id)
        };
        if aborted {
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(start)));
            return self.fill(Err(dropped
                .err()
                .map_or_else(|| JoinError::cancelled(id), |payload| JoinError::panic(id, payload))));
        }
        let key = start(self); // user code, which may abort it
        let arrival = std::mem::replace(&mut lock(&place).arrival, Arrival::There(key));
        if matches!(arrival, Arrival::Aborted) {
            abort(&place);
        }
    }

    /// Fills it with what `f` returns or panics with.
    #[inline]
    pub(crate) fn fill_with(&self, f: impl FnOnce() -> T) {
        let result = catch_unwind(AssertUnwindSafe(f));
        self.fill(result.map_err(|payload| self.panic(payload)));
    }

    /// What to fill it with after a panic.
    #[inline]
    pub(crate) fn panic(&self, payload: Box<dyn std::any::Any + Send>) -> JoinError {
        JoinError::panic(lock(&self.place).id, payload)
    }

    /// (1, 3)
    #[inline]
    pub(crate) fn fill(&self, result: Result<T, JoinError>) {
        let (unwanted, waiter) = {
            let place = &mut *lock(&self.place);
            match (&place.stage, place.detached) {
                (Stage::Empty, false) => {
                    place.stage = Stage::Filled(result);
                    (None, place.waiter.take())
                }
                (Stage::Empty, true) => {
                    place.stage = Stage::Over;
                    (Some(result), None)
                }
                (Stage::Filled(_) | Stage::Over, _) => (Some(result), None),
            }
        };
        if let Some(result) = unwanted {
            discard_output(&self.place, result);
        }
        // The waker of somebody on another thread may be anything.
        waiter.into_iter().for_each(waker::wake_contained);
    }
}

impl<T> Drop for Filler<T> {
    #[inline]
    fn drop(&mut self) {
        let id = lock(&self.place).id;
        self.fill(Err(JoinError::cancelled(id)));
    }
}

pin_project_lite::pin_project! {
    /// The task that a future from elsewhere becomes.
    pub(crate) struct Remote<F: Future> {
        // `None` after a panic.
        #[pin]
        future: Option<F>,
        filler: Filler<F::Output>,
    }
}

/// As the guard of [`crate::task`]: drops a future whose poll panics while the stack unwinds.
struct DropOnPanic<'a, F>(Pin<&'a mut Option<F>>);

impl<F> Drop for DropOnPanic<'_, F> {
    #[cold]
    fn drop(&mut self) {
        waker::contain(|| self.0.set(None));
    }
}

impl<F: Future + 'static> Remote<F> {
    /// Spawns what `make` returns, which is called here.
    #[inline]
    pub(crate) fn spawn(
        make: impl FnOnce() -> F,
        filler: Filler<F::Output>,
        id: Id,
        at: &'static Location<'static>,
    ) -> Option<TaskKey> {
        match catch_unwind(AssertUnwindSafe(make)) {
            Ok(future) => executor::current().spawn(Remote { future: Some(future), filler }, id, at).key,
            Err(payload) => {
                filler.fill(Err(filler.panic(payload)));
                None
            }
        }
    }
}

impl<F: Future> Future for Remote<F> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let mut guard = DropOnPanic(this.future);
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
