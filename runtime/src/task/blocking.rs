//! [`spawn_blocking`]: a closure on a thread of the [pool](crate::executor::pool), with the handle that tasks have.
//!
//! Two threads share a [`BlockingJob`]: the loop's, where its handle is, and the one that runs it.
//!
//! * The closure is taken once, with the duty to finish the job: by a thread of the pool to run it, by an abort or the
//!   end of the runtime to drop it.
//! * The [`SharedOutput`] is filled by the side that took the closure.
//!
//! User code (the closure, its drop, the drop of the output, foreign wakers) runs with no lock held.

use crate::executor;
#[cfg(feature = "inspect")]
use crate::executor::pool::JobInPool;
use crate::executor::pool::{Job, Pool, Seat};
use crate::observe::id::{Id, Within};
use crate::observe::site::{Moment, Site};
use crate::observe::spans::{self, SpanKind, Spawned};
use crate::task::Join;
use crate::task::join::{JoinError, JoinHandle};
use crate::task::shared_output::SharedOutput;
use crate::wake::context;
use crate::wake::remote::Address;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Runs `f` on a thread where it may block, while this one goes on.
///
/// For operations without an asynchronous form: files, name look-ups, compression, a blocking database driver. Each
/// runtime has a pool of threads for it that is empty at first, grows to
/// [`max_blocking_threads`](crate::runtime::Builder::max_blocking_threads) (512), and shrinks when threads
/// have been idle for [`thread_keep_alive`](crate::runtime::Builder::thread_keep_alive) (10 s). When
/// all are busy, jobs wait in a queue, first in first out and without a bound: a server that takes work from
/// clients should bound it itself.
///
/// The job runs to its end whether or not the handle is kept; if it panics without a handle, the runtime's
/// [`UnhandledPanic`](crate::runtime::UnhandledPanic) decides what happens. `f` runs outside the runtime: it cannot
/// use the runtime's sockets and timers, and `spawn` and this function panic there. It can use
/// [`Handle::current`](crate::runtime::Handle::current), which is the runtime of the job.
///
/// # Aborting
///
/// [`abort`](JoinHandle::abort) of a job that has not begun cancels it: `f` is dropped, on this thread,
/// before `abort` returns. On a job that runs it has no effect, because a thread cannot be stopped: the
/// handle still returns the output. An [`AbortHandle`](crate::task::AbortHandle) does the same, from any thread.
///
/// # When the runtime is dropped
///
/// Jobs that have not begun are cancelled: `f` is dropped and the handle returns an error that
/// [is a cancellation](JoinError::is_cancelled). So are jobs submitted during the drop. Running jobs are not waited
/// for, so that one that hangs cannot keep the program from ending. They go on, and a handle that outlives the runtime
/// returns the output, in any runtime. The end of the process stops them in the middle: **await the handle of a job
/// that has to be completed**, such as a write to a file.
///
/// # Errors
///
/// The handle resolves to a [`JoinError`] when `f` panicked and when the job was cancelled; also, as if it
/// had panicked, when the pool has no thread and the kernel refuses one
/// ([`pthread_create(3)`](https://man7.org/linux/man-pages/man3/pthread_create.3.html) has the limits).
///
/// # Panics
///
/// When this thread is not in a runtime.
///
/// ```
/// # egret_runtime::block_on(async {
/// let text = egret_runtime::task::spawn_blocking(|| std::fs::read_to_string("/proc/self/comm"));
/// assert!(text.await.unwrap()?.ends_with('\n'));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
#[inline]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    start(f, Id::next(), Location::caller())
}

/// [`spawn_blocking`] for a name look-up: at most 32 of these run at a time, and at most half of the threads, so that
/// a name server that does not answer leaves threads for other jobs. Further look-ups wait.
///
/// For `egret-net`.
#[doc(hidden)]
#[track_caller]
#[inline]
pub fn spawn_look_up<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    start_as(true, None, f, Id::next(), Location::caller())
}

/// [`spawn_blocking`] for a job that has an id already.
#[track_caller]
#[inline]
pub(crate) fn start<F, T>(f: F, id: Id, at: &'static Location<'static>) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    start_for(None, f, id, at)
}

/// [`start`] for a `joiner` that is woken once, when the job is over and the handle has the output, although it has
/// not polled the handle.
#[track_caller]
#[inline]
pub(crate) fn start_for<F, T>(
    joiner: Option<Waker>,
    f: F,
    id: Id,
    at: &'static Location<'static>,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    start_as(false, joiner, f, id, at)
}

#[track_caller]
#[inline]
fn start_as<F, T>(
    is_look_up: bool,
    joiner: Option<Waker>,
    f: F,
    id: Id,
    at: &'static Location<'static>,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (executor, size) = (executor::current(), size_of::<F>());
    let f = spans::of_job(f, Spawned { kind: SpanKind::Blocking, name: None, id: Some(id), size, at });
    let job = Arc::new(BlockingJob {
        is_look_up,
        closure: Mutex::new(Some(Box::new(f))),
        submitted: Moment::now(),
        output: SharedOutput::new(id, at, executor.address(), joiner),
    });
    executor.blocking.submit(job.clone());
    let handle = BlockingHandle { job, pool: executor.blocking.clone() };
    JoinHandle::of_other(Rc::new(handle))
}

type Closure<T> = Box<dyn FnOnce() -> T + Send>;

/// The state of a job that the loop's thread and the pool share.
struct BlockingJob<T> {
    is_look_up: bool,
    /// `None` once the job runs or is cancelled.
    closure: Mutex<Option<Closure<T>>>,
    #[cfg_attr(not(feature = "inspect"), expect(dead_code, reason = "there is no dump"))]
    submitted: Moment,
    output: SharedOutput<T>,
}

/// The part of a job that its [`JoinHandle`] owns.
struct BlockingHandle<T> {
    job: Arc<BlockingJob<T>>,
    pool: Arc<Pool>,
}

impl<T> BlockingJob<T> {
    /// Takes the closure out, unless it has been taken.
    #[must_use = "the side that takes the closure has to finish the job"]
    #[inline]
    fn start(&self) -> Option<Closure<T>> {
        self.closure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Drops the closure, unless it has been taken, and keeps `error` for the handle.
    #[inline]
    fn give_up(&self, error: impl FnOnce(Id) -> JoinError) {
        let Some(f) = self.start() else { return };
        let id = self.output.id;
        let _within = Within::task(id);
        let result = match catch_unwind(AssertUnwindSafe(|| drop(f))) {
            Ok(()) => Err(error(id)),
            Err(payload) => Err(JoinError::panic(id, payload)),
        };
        self.output.fill(result, || {});
    }
}

impl<T: Send> Job for BlockingJob<T> {
    #[inline]
    fn run(&self, seat: &Seat<'_>) {
        let Some(f) = self.start() else { return };
        let _job = context::JobScope::start(self.output.runtime);
        let _within = Within::task(self.output.id);
        let result =
            catch_unwind(AssertUnwindSafe(f)).map_err(|payload| JoinError::panic(self.output.id, payload));
        self.output.fill(result, || seat.free());
    }

    #[inline]
    fn cancel(&self) {
        self.give_up(JoinError::cancelled);
    }

    #[inline]
    fn fail(&self, error: &io::Error) {
        let message = format!("there is no thread for a blocking job, and none can be started: {error}");
        self.give_up(|id| JoinError::panic(id, Box::new(message)));
    }

    #[inline]
    fn id(&self) -> Id {
        self.output.id
    }

    #[inline]
    fn is_look_up(&self) -> bool {
        self.is_look_up
    }

    #[cfg(feature = "inspect")]
    #[inline]
    fn view(&self, since: Option<Moment>) -> JobInPool {
        JobInPool {
            id: self.output.id,
            spawned_at: self.output.spawned_at,
            is_running: since.is_some(),
            since: since.unwrap_or(self.submitted).nanoseconds(),
            is_look_up: self.is_look_up,
            awaited_by: self.output.waiter(),
        }
    }
}

impl<T: Send> Join<T> for BlockingHandle<T> {
    #[inline]
    fn poll_join(&self, cx: &mut Context<'_>, at: Site) -> Poll<Option<Result<T, JoinError>>> {
        self.job.output.poll(cx, at)
    }

    #[inline]
    fn cancel(&self) {
        self.pool.abort(self.id());
    }

    #[inline]
    fn is_finished(&self) -> bool {
        self.job.output.is_finished()
    }

    #[inline]
    fn detach(&self) {
        self.job.output.detach();
    }

    #[inline]
    fn id(&self) -> Id {
        self.job.output.id
    }

    #[inline]
    fn address(&self) -> Option<Address> {
        Some(self.job.output.runtime)
    }
}
