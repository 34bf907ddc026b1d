//! [`Handle`]: a runtime as other threads use it, and how they spawn.
//!
//! - A future that is spawned from another thread travels as an errand, becomes a task on the loop's thread, and
//!   leaves its output in a place that both sides hold.
//! - The guard that travels with it fills the place in every case: a panic, an abort, the end of the runtime before or
//!   after the spawn. The policy of the runtime handles a panic that is in the place when the handle is dropped.

use crate::executor;
#[cfg(feature = "inspect")]
use crate::observe::{progress::Progress, recorder::Recording, watch::Histograms};
use crate::task::Id;
use crate::task::blocking;
use crate::task::remote::{self as place, Filler, RemoteJoinHandle, RemoteTask};
use crate::wake::context;
use crate::wake::key::TaskKey;
use crate::wake::remote::{self, Address};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;

/// A runtime, for use from other threads.
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
    pub(super) address: Address,
    pub(super) name: Option<Arc<str>>,
}

impl Handle {
    #[inline]
    pub(crate) fn new(address: Address) -> Handle {
        Handle { address, name: remote::name(address) }
    }

    /// Returns where errands for the runtime are sent.
    #[cfg(feature = "inspect")]
    #[inline]
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Returns a handle for this thread's runtime; in a job of [`spawn_blocking`](crate::task::spawn_blocking), the
    /// runtime of the job.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime and runs no job of one: see [`try_current`](Handle::try_current).
    ///
    /// ```
    /// use egret_runtime::runtime::Handle;
    /// use egret_runtime::task::spawn_blocking;
    ///
    /// egret_runtime::block_on(async {
    ///     let job = spawn_blocking(|| Handle::current().spawn_with(|| async { 42 }));
    ///     assert_eq!(job.await.unwrap().await.unwrap(), 42);
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn current() -> Handle {
        match Handle::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// [`current`](Handle::current) without the panic.
    ///
    /// # Errors
    ///
    /// [`TryCurrentError`] when this thread is not in a runtime and runs no job of one.
    ///
    /// ```
    /// use egret_runtime::runtime::Handle;
    ///
    /// assert!(Handle::try_current().unwrap_err().is_missing_context());
    /// egret_runtime::block_on(async { assert!(Handle::try_current().is_ok()) });
    /// ```
    #[inline]
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        let inside = executor::try_current().map(|executor| executor.address());
        inside.or_else(context::JobScope::runtime).map(Handle::new).ok_or(TryCurrentError(()))
    }

    /// Spawns a task on the runtime, which is woken if it sleeps.
    ///
    /// **Most callers need [`spawn_with`](Handle::spawn_with).** The future given here is made on the caller's thread
    /// and moves to the runtime's, so it has to be `Send`. A future that holds a socket, a timer or another type of
    /// egret across an `await` is not. This is for futures that only compute or wait for channels. When the runtime
    /// is gone, or ends before the task is done, the handle returns a cancellation.
    ///
    /// ```
    /// use egret_runtime::runtime::Handle;
    ///
    /// egret_runtime::block_on(async {
    ///     assert_eq!(Handle::current().spawn(async { 6 * 7 }).await.unwrap(), 42);
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn<F>(&self, future: F) -> RemoteJoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_with(|| future)
    }

    /// Calls `make` on the runtime's thread and spawns the future that it returns, which need not be `Send`.
    ///
    /// When the runtime is gone, or ends before the task is done, the handle returns a cancellation; when `make`
    /// panics, its panic.
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
    ///
    /// A thread-local of the loop's thread gives another thread access to what is not `Send`, for instance to a
    /// [`Shutdown`](crate::shutdown::Shutdown):
    ///
    /// ```
    /// use egret_runtime::runtime::Handle;
    /// use egret_runtime::shutdown::Shutdown;
    ///
    /// thread_local! {
    ///     static SHUTDOWN: Shutdown = Shutdown::new();
    /// }
    ///
    /// egret_runtime::block_on(async {
    ///     let handle = Handle::current();
    ///     std::thread::spawn(move || {
    ///         drop(handle.spawn_with(|| async { SHUTDOWN.with(Shutdown::request) }));
    ///     });
    ///     SHUTDOWN.with(Shutdown::clone).requested().await;
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_with<M, F>(&self, make: M) -> RemoteJoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.send(Location::caller(), |filler, id, at| RemoteTask::spawn(make, filler, id, at))
    }

    /// Runs `f` on a thread of the runtime's pool, where it may block: see
    /// [`spawn_blocking`](crate::task::spawn_blocking).
    ///
    /// The loop passes it to the pool in its next turn, and is woken for that if it sleeps. When the runtime is gone,
    /// when it ends before the job has begun, or when there is no thread for it, the handle returns a cancellation.
    ///
    /// ```
    /// use egret_runtime::runtime::Handle;
    /// use egret_runtime::task::spawn_blocking;
    ///
    /// egret_runtime::block_on(async {
    ///     let outer = spawn_blocking(|| Handle::current().spawn_blocking(|| 42)); // a job may start another
    ///     assert_eq!(outer.await.unwrap().await.unwrap(), 42);
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_blocking<F, T>(&self, f: F) -> RemoteJoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.send(Location::caller(), |filler, id, at| {
            drop(blocking::start(move || filler.fill_with(f), id, at));
            None
        })
    }

    /// Returns the state of the loop at this moment; `None` when the runtime is gone. With feature `inspect`.
    ///
    /// It asks nothing of the loop, and so returns at once while a task blocks it.
    ///
    /// ```
    /// use egret_runtime::runtime::Handle;
    ///
    /// egret_runtime::block_on(async {
    ///     let handle = Handle::current();
    ///     let seen = std::thread::spawn(move || handle.progress()).join().unwrap().unwrap();
    ///     assert!(seen.poll.is_some()); // this poll, which waits for the thread
    /// });
    /// ```
    #[cfg(feature = "inspect")]
    #[inline]
    pub fn progress(&self) -> Option<Progress> {
        remote::post(self.address)?.progress()
    }

    /// Returns the histograms of the runtime; `None` when it is gone. Asks nothing of the loop. With feature `inspect`.
    #[cfg(feature = "inspect")]
    #[inline]
    pub fn histograms(&self) -> Option<Histograms> {
        remote::post(self.address)?.histograms()
    }

    /// Returns the last events of the loop, from its flight recorder; `None` when the runtime is gone. With feature
    /// `inspect`.
    ///
    /// It asks nothing of the loop, and so has the poll that blocks it. A panic hook takes the recording of its thread by
    /// [`Handle::try_current`].
    #[cfg(feature = "inspect")]
    #[inline]
    pub fn recording(&self) -> Option<Recording> {
        remote::post(self.address)?.recording(self.address.number())
    }

    /// Calls `start` on the runtime's thread with the guard that fills the place. It returns the key of its task, or
    /// `None` for a blocking job.
    #[inline]
    fn send<T, S>(&self, at: &'static Location<'static>, start: S) -> RemoteJoinHandle<T>
    where
        T: Send + 'static,
        S: FnOnce(Filler<T>, Id, &'static Location<'static>) -> Option<TaskKey> + Send + 'static,
    {
        self.send_for(None, at, start)
    }

    /// The same, for a `joiner` that is woken when the output is there, although it has not polled the handle.
    #[inline]
    pub(super) fn send_for<T, S>(
        &self,
        joiner: Option<Waker>,
        at: &'static Location<'static>,
        start: S,
    ) -> RemoteJoinHandle<T>
    where
        T: Send + 'static,
        S: FnOnce(Filler<T>, Id, &'static Location<'static>) -> Option<TaskKey> + Send + 'static,
    {
        let id = Id::next();
        let (filler, handle) = place::place(id, at, self.address, joiner);
        let errand = move || filler.arrive(|filler| start(filler, id, at));
        remote::send(self.address, Box::new(errand));
        handle
    }
}

/// The error of [`Handle::try_current`]: this thread is not in a runtime.
pub struct TryCurrentError(());

impl TryCurrentError {
    /// Always `true`: there is no other reason. A thread whose thread-locals are destroyed has left its runtime.
    #[inline]
    pub fn is_missing_context(&self) -> bool {
        true
    }
}

impl fmt::Display for TryCurrentError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(context::nowhere())
    }
}

impl fmt::Debug for TryCurrentError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryCurrentError")
    }
}

impl std::error::Error for TryCurrentError {}
