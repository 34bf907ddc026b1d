//! [`Runtime`]: an executor and a reactor that the program owns.

mod block_on; // a future on a thread that has no loop
mod builder; // the settings of a runtime
mod counts; // the counters, from any thread
mod embed; // a runtime as a part of another loop
mod enter; // the guards that keep a thread in a runtime
mod handle; // a runtime as other threads use it
mod identity; // which runtime a handle is of
mod local_set; // a set of tasks, as the body of a runtime
pub mod macro_support; // what the attributes of `egret-macros` call
mod members; // tasks of a set on the runtime of a handle
pub mod shutdown; // graceful shutdown of a server
#[cfg(feature = "inspect")]
mod when_built; // what a higher room does with a new runtime

pub use builder::Builder;
pub use enter::EnterGuard;
pub use handle::{Handle, TryCurrentError};
pub use identity::Id;

pub use crate::executor::Turn;
pub use crate::executor::hooks::TaskMeta;
pub use crate::executor::parking::Park;
pub use crate::observe::stats::Metrics;
pub use crate::reactor::gone::is_rt_shutdown_err;
pub use crate::task::unhandled::UnhandledPanic;

use crate::executor::running::Running;
use crate::executor::stock;
use crate::executor::{Executor, RootView, Rooted};
use crate::observe::spans::{SpanKind, Spawned, TaskSpan};
#[cfg(feature = "inspect")]
use crate::observe::{recorder::Recording, watch::Histograms};
use crate::task::join::JoinHandle;
use crate::task::unhandled::Unhandled;
use crate::task::{self, blocking};
use enter::Scoped;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// One thread's loop: its tasks, and the descriptors that they wait for.
///
/// It stays on the thread that made it. Its drop drops every task that is left, one after the other and each exactly
/// once, before it returns. For blocking jobs see [`spawn_blocking`](crate::task::spawn_blocking).
///
/// # Becoming a daemon: descriptors, and `fork`
///
/// Each runtime has an eventfd that outlives it: it is kept for the next one, because a waker may be used after its
/// runtime is gone. The pipe for signals is kept likewise. A program that closes descriptors which it does not know,
/// as daemons do with `close_range(3, ..)`, **has to do so before the first runtime**. Done between two runtimes, the
/// number goes to the next file or socket, and the next runtime writes 8 bytes to it to wake itself.
///
/// A child of a bare [`fork`](https://man7.org/linux/man-pages/man2/fork.2.html) shares the epoll instance of its
/// parent, which is not a copy. A runtime that was made before the fork is the parent's: in the child, running it panics
/// and registering a descriptor fails, with a message that says so; dropping it, or what it holds, leaves the parent
/// alone. The child may make a runtime of its own. It has none of the parent's threads, so blocking jobs that run are
/// never over there. A fork that does not go through the C library is not noticed. See also
/// [signals](crate::signal#processes).
///
/// ```
/// use egret_runtime::runtime::Runtime;
///
/// let rt = Runtime::new()?;
/// let answer = rt.spawn(async { 42 });
/// assert_eq!(rt.block_on(answer).unwrap(), 42);
/// # std::io::Result::Ok(())
/// ```
pub struct Runtime {
    executor: Rc<Executor>,
    unhandled: Rc<Unhandled>,
}

impl Runtime {
    /// Creates a runtime with the default settings.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    #[inline]
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// Runs `future`, together with every spawned task, until `future` is done. Tasks that are not done then stay in
    /// the runtime, for the next call or for its drop.
    ///
    /// # Panics
    ///
    /// When a runtime runs on this thread already, because a task calls this; when `future` panics; and under
    /// [`UnhandledPanic::Shutdown`].
    #[track_caller]
    #[inline]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _running = Running::start();
        let _entered = Scoped::enter(self);
        let mut output = None;
        let (size, at) = (size_of::<F>(), Location::caller());
        let span = TaskSpan::open(Spawned { kind: SpanKind::BlockOn, name: None, id: None, size, at });
        {
            let root = RootGuard::new(&self.executor, &span, RootView { at, size });
            let mut future = pin!(future);
            let mut poll = |cx: &mut Context<'_>| match span.poll(|| future.as_mut().poll(cx)) {
                Poll::Pending => Rooted::Pending,
                Poll::Ready(value) => {
                    output = Some(value);
                    Rooted::Done
                }
            };
            root.executor.run_until_done(&mut poll, self.unhandled.failure());
            self.raise_unhandled(); // with the future still alive: the tasks are dropped first
        }
        self.raise_unhandled(); // also panics from the drop of the future
        output.expect("the turn in which the future completes is the last")
    }

    /// Runs one turn of the loop: calls `epoll_wait` once, and polls the tasks that are queued.
    ///
    /// With none queued it waits for an event for up to `timeout`, or without a limit for `None`. A signal that is handled on
    /// this thread, and a stop and continuation of the process ([`signal(7)`]), end the wait early, with nothing reported.
    /// For tests of wake-ups, and for programs that have a loop of their own and call this from it.
    ///
    /// [`signal(7)`]: https://man7.org/linux/man-pages/man7/signal.7.html
    ///
    /// # Panics
    ///
    /// When a runtime runs on this thread already; and under [`UnhandledPanic::Shutdown`].
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    /// use std::time::Duration;
    ///
    /// let rt = Runtime::new()?;
    /// let task = rt.spawn(async {});
    /// let turn = rt.turn(Some(Duration::ZERO));
    /// assert_eq!((turn.events, turn.polled), (0, 1));
    /// assert!(task.is_finished());
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn turn(&self, timeout: Option<Duration>) -> Turn {
        let _running = Running::start();
        let _entered = Scoped::enter(self);
        self.raise_unhandled();
        let turn = self.executor.turn(timeout);
        self.raise_unhandled();
        turn
    }

    /// Spawns a task on this runtime, from inside or outside it: see [`spawn`](crate::spawn).
    #[track_caller]
    #[inline]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let _entered = Scoped::enter(self);
        self.executor.spawn(future, task::Id::next(), Location::caller())
    }

    /// The same as [`spawn`](Runtime::spawn), under the name that tokio's `LocalRuntime` has for it.
    #[track_caller]
    #[inline]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.spawn(future)
    }

    /// Runs `f` on a thread of this runtime's pool, from inside or outside the runtime: see
    /// [`spawn_blocking`](crate::task::spawn_blocking).
    ///
    /// ```
    /// let rt = egret_runtime::runtime::Runtime::new()?;
    /// let job = rt.spawn_blocking(|| 42);
    /// assert_eq!(rt.block_on(job).unwrap(), 42);
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let _entered = Scoped::enter(self);
        blocking::start(f, task::Id::next(), Location::caller())
    }

    /// Makes this the runtime that `spawn` and the socket types use on this thread, until the guard is dropped.
    ///
    /// Guards of several runtimes have to be dropped in the opposite order, or the drop panics: see [`EnterGuard`].
    ///
    /// The runtime may be dropped or moved into [`shutdown_timeout`](Runtime::shutdown_timeout) while a guard of it lives.
    /// The thread is then in a runtime that has ended until the guard is dropped: what is spawned is cancelled, and a
    /// socket cannot be made.
    ///
    /// ```
    /// let rt = egret_runtime::runtime::Runtime::new()?;
    /// let _inside = rt.enter();
    /// rt.shutdown_background();
    /// assert!(egret_runtime::spawn(async {}).is_finished()); // cancelled
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard::new(self)
    }

    /// Returns a handle for other threads.
    #[inline]
    pub fn handle(&self) -> Handle {
        Handle::new(self.executor.address())
    }

    /// Returns the executor of this runtime.
    #[inline]
    pub(crate) fn executor(&self) -> &Executor {
        &self.executor
    }

    /// Returns the counts of the runtime so far.
    #[inline]
    pub fn metrics(&self) -> Metrics {
        self.executor.metrics()
    }

    /// Returns the histograms of the runtime so far. With feature `inspect`.
    ///
    /// ```
    /// let rt = egret_runtime::runtime::Runtime::new()?;
    /// rt.block_on(async { egret_runtime::task::yield_now().await });
    /// assert_eq!(rt.histograms().poll.count(), 2);
    /// # std::io::Result::Ok(())
    /// ```
    #[cfg(feature = "inspect")]
    #[inline]
    pub fn histograms(&self) -> Histograms {
        self.executor().queue.watch.flush();
        self.handle().histograms().unwrap_or_default()
    }

    /// Returns the last events of the loop, from its flight recorder: see [`Builder::recorder`]. With feature `inspect`.
    #[cfg(feature = "inspect")]
    #[inline]
    pub fn recording(&self) -> Recording {
        self.handle().recording().unwrap_or_default()
    }

    /// Drops the runtime, then waits until the blocking jobs that have begun are over, for up to `duration` on the
    /// clock of the system.
    ///
    /// First, tasks are dropped and jobs that have not begun are cancelled, as at
    /// [`spawn_blocking`](crate::task::spawn_blocking); that waits for no job. A job that takes longer goes on, and
    /// the end of the process stops it in the middle.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use std::sync::{Arc, mpsc};
    /// use std::time::Duration;
    ///
    /// let rt = egret_runtime::runtime::Runtime::new()?;
    /// let saved = Arc::new(AtomicBool::new(false));
    /// let ((begin, begun), theirs) = (mpsc::channel(), saved.clone());
    /// drop(rt.spawn_blocking(move || {
    ///     begin.send(()).unwrap();
    ///     theirs.store(true, Ordering::Relaxed);
    /// }));
    /// begun.recv().unwrap();
    /// rt.shutdown_timeout(Duration::from_secs(60));
    /// assert!(saved.load(Ordering::Relaxed));
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn shutdown_timeout(self, duration: Duration) {
        let pool = self.executor.blocking.clone();
        drop(self);
        pool.wait(duration);
    }

    /// Drops the runtime, like `drop`, which waits for no blocking job. The name is for code ported from tokio, where
    /// a drop waits for all of them.
    ///
    /// ```
    /// let rt = egret_runtime::runtime::Runtime::new()?;
    /// drop(rt.spawn_blocking(|| ()));
    /// rt.shutdown_background();
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn shutdown_background(self) {}

    /// Ends the runtime, and panics when a detached task has panicked and [`UnhandledPanic::Shutdown`] is the policy.
    #[track_caller]
    #[inline]
    pub(crate) fn close(&self) {
        let _entered = Scoped::enter(self);
        self.executor.shut_down();
        self.raise_unhandled();
    }

    /// Ends the runtime if a detached task has panicked under [`UnhandledPanic::Shutdown`].
    #[inline]
    #[track_caller]
    fn raise_unhandled(&self) {
        if self.unhandled.failure().get().is_some() {
            self.fail();
        }
    }

    #[cold]
    #[track_caller]
    fn fail(&self) {
        self.executor.shut_down();
        if let Some(report) = self.unhandled.raise() {
            panic!("{report}; its runtime was shut down, as UnhandledPanic::Shutdown asks");
        }
    }
}

// No user code runs while a part of the executor is borrowed, and a panic out of `block_on` leaves the tasks as they are.
impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

impl Drop for Runtime {
    #[inline]
    fn drop(&mut self) {
        let _entered = Scoped::enter(self);
        self.executor.shut_down();
        stock::empty(); // after the tasks, which may have returned pipes
        self.unhandled.report_unraised();
    }
}

impl fmt::Debug for Runtime {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("metrics", &self.metrics()).finish()
    }
}

/// Makes the wakers of a `block_on` stale when it ends, also by a panic.
struct RootGuard<'a> {
    executor: &'a Executor,
}

impl<'a> RootGuard<'a> {
    #[inline]
    fn new(executor: &'a Executor, span: &TaskSpan, root: RootView) -> RootGuard<'a> {
        executor.start_root(span, root);
        RootGuard { executor }
    }
}

impl Drop for RootGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.executor.end_root();
    }
}

/// Runs `future` on a new [`Runtime`], and drops the runtime with its remaining tasks.
///
/// # Panics
///
/// When a runtime runs on this thread already, when none can be made (see [`Builder::build`]), and when `future`
/// panics.
///
/// ```
/// assert_eq!(egret_runtime::block_on(async { "done" }), "done");
/// ```
#[track_caller]
#[inline]
pub fn block_on<F: Future>(future: F) -> F::Output {
    Running::check();
    let runtime = Runtime::new().unwrap_or_else(|e| panic!("cannot make an egret runtime: {e}"));
    runtime.block_on(future)
}
