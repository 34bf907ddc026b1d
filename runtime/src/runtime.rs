//! [`Runtime`]: an executor and a reactor that somebody owns.

pub use crate::executor::Turn;
pub use crate::handle::Handle;
pub use crate::park::Park;
pub use crate::stats::Metrics;
pub use crate::unhandled::UnhandledPanic;

use crate::context::{Entered, Running};
use crate::executor::{EnteredExecutor, Executor, Rooted};
use crate::join::JoinHandle;
use crate::pool::Limits;
use crate::spans::{Kind, Spawned, TaskSpan};
use crate::sys::Backend;
use crate::task::Id;
use crate::unhandled::Unhandled;
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Builds a [`Runtime`].
///
/// ```
/// let rt = egret_runtime::runtime::Builder::new().build()?;
/// assert_eq!(rt.block_on(async { 1 + 1 }), 2);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    unhandled_panic: UnhandledPanic,
    blocking: Limits,
    park: Park,
}

impl Builder {
    /// A runtime with everything at its default.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// What happens when a task panics whose handle is gone. Without this it is reported on standard error and
    /// the runtime goes on.
    ///
    /// ```should_panic
    /// use egret_runtime::runtime::{Builder, UnhandledPanic};
    ///
    /// let rt = Builder::new().unhandled_panic(UnhandledPanic::Shutdown).build()?;
    /// rt.spawn(async { panic!("nobody would hear of this") });
    /// rt.block_on(std::future::pending::<()>()); // panics and says which task it was
    /// # std::io::Result::Ok(())
    /// ```
    pub fn unhandled_panic(mut self, policy: UnhandledPanic) -> Builder {
        self.unhandled_panic = policy;
        self
    }

    /// How many threads [`spawn_blocking`](crate::task::spawn_blocking) may use at once; 512 by default.
    ///
    /// They are started when they are needed. Jobs for which there is no thread wait.
    ///
    /// # Panics
    ///
    /// When `threads` is 0: no job would ever run.
    ///
    /// ```
    /// use egret_runtime::runtime::Builder;
    /// use egret_runtime::task::spawn_blocking;
    ///
    /// let rt = Builder::new().max_blocking_threads(1).build()?;
    /// rt.block_on(async {
    ///     let (first, second) = (spawn_blocking(|| 1), spawn_blocking(|| 2));
    ///     assert_eq!(first.await.unwrap() + second.await.unwrap(), 3);
    /// });
    /// assert_eq!(rt.metrics().blocking_threads_started, 1);
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn max_blocking_threads(mut self, threads: usize) -> Builder {
        assert!(threads > 0, "max_blocking_threads(0): no blocking job would ever run; 1 is the least");
        self.blocking.threads = threads;
        self
    }

    /// How long a thread of [`spawn_blocking`](crate::task::spawn_blocking) waits for another job before it ends;
    /// 10 s by default. [`Duration::MAX`] is for as long as the runtime lives.
    pub fn thread_keep_alive(mut self, duration: Duration) -> Builder {
        self.blocking.keep_alive = duration;
        self
    }

    /// How a loop with nothing to run waits for the next event; without this it sleeps in the kernel.
    ///
    /// ```
    /// use egret_runtime::runtime::{Builder, Park};
    /// use std::time::Duration;
    ///
    /// let rt = Builder::new().park(Park::Adaptive { limit: Duration::from_micros(20) }).build()?;
    /// rt.block_on(egret_runtime::time::sleep(Duration::from_millis(1)));
    /// assert_eq!(rt.metrics().spins, 0); // one wait says nothing of the next
    /// # std::io::Result::Ok(())
    /// ```
    pub fn park(mut self, park: Park) -> Builder {
        self.park = park;
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    ///
    /// Those of `epoll_create1(2)` and `eventfd(2)`: no descriptors left (`EMFILE`, `ENFILE`), no memory; and
    /// `Other` when 65 535 runtimes are alive in the process.
    pub fn build(self) -> io::Result<Runtime> {
        let executor = Executor::new(Backend::current(), self.blocking, self.park)?;
        Ok(Runtime { executor, unhandled: Unhandled::new(self.unhandled_panic) })
    }
}

/// One thread's loop: tasks, and the descriptors they wait for.
///
/// It stays on the thread that made it. Dropped, it drops every task that is left, one after the other and
/// each exactly once, before it returns. What becomes of blocking jobs is said at
/// [`spawn_blocking`](crate::task::spawn_blocking).
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
    /// A runtime with everything at its default.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// Runs `future`, and every task beside it, until `future` is done. Tasks that are not done by then stay
    /// where they are, for the next call or for the drop of the runtime.
    ///
    /// # Panics
    ///
    /// When a runtime runs on this thread already, because this is called by a task; when `future` panics; and by
    /// [`UnhandledPanic::Shutdown`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _running = Running::start();
        let _entered = self.enter();
        let mut output = None;
        let (size, at) = (size_of::<F>(), Location::caller());
        let span = TaskSpan::open(Spawned { kind: Kind::BlockOn, name: None, id: None, size, at });
        {
            let root = RootGuard::new(&self.executor, &span);
            let mut future = pin!(future);
            let mut poll = |cx: &mut Context<'_>| match span.poll(|| future.as_mut().poll(cx)) {
                Poll::Pending => Rooted::Pending,
                Poll::Ready(value) => {
                    output = Some(value);
                    Rooted::Done
                }
            };
            root.executor.run_until_done(&mut poll, || self.unhandled.has_failed());
            self.raise_unhandled(); // with the future still there: the tasks go first
        }
        self.raise_unhandled(); // also what the future held and dropped just now
        output.expect("the turn in which the future completes is the last")
    }

    /// Steps the loop by hand: looks at the kernel, once, and polls what is queued.
    ///
    /// With nothing queued it waits for an event for up to `timeout`, or for as long as it takes with `None`.
    /// For tests of wake-ups, and for programs that have a loop of their own and call this from it.
    ///
    /// # Panics
    ///
    /// When a runtime runs on this thread already; and by [`UnhandledPanic::Shutdown`].
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
    pub fn turn(&self, timeout: Option<Duration>) -> Turn {
        let _running = Running::start();
        let _entered = self.enter();
        self.raise_unhandled();
        let turn = self.executor.turn(timeout);
        self.raise_unhandled();
        turn
    }

    /// Spawns a task on this runtime, from inside or outside of it: see [`spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let _entered = self.enter();
        self.executor.spawn(future, Id::next(), Location::caller())
    }

    /// Makes this the runtime that `spawn` and the socket types use on this thread, until the guard is
    /// dropped. Guards of several runtimes are to be dropped in the opposite order.
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard {
            _executor: self.executor.enter(),
            _unhandled: self.unhandled.enter(),
            _runtime: PhantomData,
        }
    }

    /// The runtime as other threads see it.
    pub fn handle(&self) -> Handle {
        Handle::new(self.executor.address())
    }

    /// What turns the loop.
    #[cfg(feature = "sim")]
    pub(crate) fn executor(&self) -> &Executor {
        &self.executor
    }

    /// What the runtime has done so far.
    pub fn metrics(&self) -> Metrics {
        self.executor.metrics()
    }

    /// Ends the runtime, and panics when a task that nobody awaits has panicked and
    /// [`UnhandledPanic::Shutdown`] is the policy.
    #[track_caller]
    pub(crate) fn close(&self) {
        let _entered = self.enter();
        self.executor.shut_down();
        self.raise_unhandled();
    }

    /// Ends the runtime if a task has panicked that was not to, by [`UnhandledPanic::Shutdown`].
    #[inline]
    #[track_caller]
    fn raise_unhandled(&self) {
        if self.unhandled.has_failed() {
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

impl Drop for Runtime {
    fn drop(&mut self) {
        let _entered = self.enter();
        self.executor.shut_down();
        self.unhandled.report_unraised();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("metrics", &self.metrics()).finish()
    }
}

/// Keeps a thread in a runtime: see [`Runtime::enter`].
#[must_use = "the thread leaves the runtime when the guard is dropped"]
pub struct EnterGuard<'a> {
    _executor: EnteredExecutor,
    _unhandled: Entered<Unhandled>,
    _runtime: PhantomData<&'a Runtime>,
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnterGuard")
    }
}

/// Makes the wakers of a `block_on` stale when it ends, by a panic too.
struct RootGuard<'a> {
    executor: &'a Executor,
}

impl<'a> RootGuard<'a> {
    fn new(executor: &'a Executor, span: &TaskSpan) -> RootGuard<'a> {
        executor.start_root(span);
        RootGuard { executor }
    }
}

impl Drop for RootGuard<'_> {
    fn drop(&mut self) {
        self.executor.end_root();
    }
}

/// Runs `future` on a new [`Runtime`], and drops the runtime with whatever is left in it.
///
/// # Panics
///
/// When a runtime runs on this thread already, when none can be made ([`Builder::build`] has the reasons),
/// and when `future` panics.
///
/// ```
/// assert_eq!(egret_runtime::block_on(async { "done" }), "done");
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    crate::context::Running::check();
    let runtime = Runtime::new().unwrap_or_else(|e| panic!("cannot make an egret runtime: {e}"));
    runtime.block_on(future)
}
