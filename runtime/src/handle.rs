//! [`Handle`]: a runtime as other threads see it, and [`RemoteJoinHandle`]: a task of it that they wait for.
//!
//! A future that is spawned from elsewhere travels as an errand, becomes a task on the loop's thread, and leaves its
//! output in a place that both sides hold. Whatever happens to it on the way (a panic, an abort, the end of the
//! runtime before or after it was spawned), the place is filled: by the guard that travels with it.

use crate::executor;
use crate::join::JoinError;
use crate::remote::{self, Address};
use crate::task::Id;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// A runtime, for those who are on another thread.
///
/// Made by [`Runtime::handle`](crate::runtime::Runtime::handle) or [`Handle::current`]. It does not keep the
/// runtime alive.
///
/// ```
/// use egret_runtime::runtime::Runtime;
///
/// let rt = Runtime::new()?;
/// let handle = rt.handle();
/// let thread = std::thread::spawn(move || {
///     let task = handle.spawn(async { 6 * 7 });
///     egret_runtime::block_on(task).unwrap() // on a runtime of this thread's own
/// });
/// while !thread.is_finished() {
///     rt.turn(Some(std::time::Duration::from_millis(1)));
/// }
/// assert_eq!(thread.join().unwrap(), 42);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct Handle {
    address: Address,
}

impl Handle {
    pub(crate) fn new(address: Address) -> Handle {
        Handle { address }
    }

    /// The runtime that this thread is in.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    pub fn current() -> Handle {
        Handle::new(executor::current().address())
    }

    /// Spawns a task on the runtime, which is woken if it sleeps.
    ///
    /// The future is `Send`, for it travels to the runtime's thread; there it stays. One that uses sockets or timers is
    /// not: [`spawn_with`](Handle::spawn_with) is for those. When the runtime is gone, or ends before the task is
    /// done, the handle says that it was cancelled.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> RemoteJoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_with(|| future)
    }

    /// Calls `make` on the runtime's thread and spawns the future that it returns, which need not be `Send`.
    ///
    /// When the runtime is gone, when it ends before the task is done, or when `make` panics, the handle says that
    /// it was cancelled.
    ///
    /// ```
    /// use egret_runtime::runtime::{Handle, Runtime};
    /// use egret_runtime::time::{Duration, sleep};
    ///
    /// let rt = Runtime::new()?;
    /// let handle = rt.handle();
    /// let thread = std::thread::spawn(move || {
    ///     let task = handle.spawn_with(|| async {
    ///         sleep(Duration::from_micros(10)).await;
    ///         "slept"
    ///     });
    ///     egret_runtime::block_on(task).unwrap()
    /// });
    /// while !thread.is_finished() {
    ///     rt.turn(Some(Duration::from_millis(1)));
    /// }
    /// assert_eq!(thread.join().unwrap(), "slept");
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn spawn_with<M, F>(&self, make: M) -> RemoteJoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let place = Arc::new(Mutex::new(Place { result: None, waiter: None, taken: false }));
        let id = Id::next();
        let filler = Filler { place: place.clone(), id };
        let at = Location::caller();
        let errand = move || {
            let future = make();
            drop(executor::current().spawn(Remote { future, filler }, id, at));
        };
        remote::send(self.address, Box::new(errand));
        RemoteJoinHandle { place, id }
    }
}

/// Awaits the output of a task of another thread's runtime. Dropped, it lets the task go on by itself.
///
/// # Errors
///
/// [`JoinError`] when the task panicked, or its runtime is gone.
///
/// # Panics
///
/// When it is polled after it has given its output.
#[must_use = "futures do nothing unless awaited"]
pub struct RemoteJoinHandle<T> {
    place: Arc<Mutex<Place<T>>>,
    id: Id,
}

struct Place<T> {
    result: Option<Result<T, JoinError>>,
    waiter: Option<Waker>,
    taken: bool,
}

impl<T> RemoteJoinHandle<T> {
    /// The number of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Whether the output is there.
    pub fn is_finished(&self) -> bool {
        let place = lock(&self.place);
        place.taken || place.result.is_some()
    }
}

impl<T> Future for RemoteJoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = cx.waker().clone(); // user code, as the drop of the old one: not under the lock
        let before = {
            let place = &mut *lock(&self.place);
            assert!(!place.taken, "a RemoteJoinHandle was polled after it had given its output");
            if let Some(result) = place.result.take() {
                place.taken = true;
                return Poll::Ready(result);
            }
            place.waiter.replace(waker)
        };
        drop(before);
        Poll::Pending
    }
}

impl<T> fmt::Debug for RemoteJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJoinHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

fn lock<T>(place: &Mutex<Place<T>>) -> std::sync::MutexGuard<'_, Place<T>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fills the place once; with "cancelled" when it is dropped before.
struct Filler<T> {
    place: Arc<Mutex<Place<T>>>,
    id: Id,
}

impl<T> Filler<T> {
    fn fill(&self, result: Result<T, JoinError>) {
        let (waiter, unwanted) = {
            let place = &mut *lock(&self.place);
            if place.taken || place.result.is_some() {
                (None, Some(result))
            } else {
                place.result = Some(result);
                (place.waiter.take(), None)
            }
        };
        drop(unwanted);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl<T> Drop for Filler<T> {
    fn drop(&mut self) {
        self.fill(Err(JoinError::cancelled(self.id)));
    }
}

pin_project_lite::pin_project! {
    /// The task that a future from elsewhere becomes.
    struct Remote<F: Future> {
        #[pin]
        future: F,
        filler: Filler<F::Output>,
    }
}

impl<F: Future> Future for Remote<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => this.filler.fill(Ok(output)),
            Err(payload) => this.filler.fill(Err(JoinError::panic(this.filler.id, payload))),
        }
        Poll::Ready(())
    }
}
