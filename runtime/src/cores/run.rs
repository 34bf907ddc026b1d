//! The threads of the cores: they start together, run, and end together.
//!
//! 1. Each thread pins itself and builds its runtime. The [`Gate`] holds it until all are there; if one fails, none
//!    calls the closure.
//! 2. The future of the closure runs in `block_on`, next to [`watch`], a task that carries a request of the shutdown
//!    from this core to the others and back, and cuts the core off at the deadline.
//! 3. When the future is over and the shutdown is requested, the core drains.
//! 4. The runtime is dropped on its thread, and with it every future that is left.

use super::builder::{Builder, OnFailure};
use super::core::Core;
use super::gate::Gate;
use super::joint::{Asked, Joint};
use crate::executor::running::Running;
use crate::observe::stats::Metrics;
use crate::runtime::Runtime;
use crate::signal::unix::{Signal, SignalKind, signal};
use crate::sys::Backend;
use crate::time;
use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// The outputs and the counts of the cores, from [`Builder::run`].
///
/// ```
/// use egret_runtime::cores;
/// use std::io;
///
/// let ended = cores::Builder::new().count(2).run(async |core| io::Result::Ok(core.index() * 10))?;
/// assert_eq!(ended.outputs, [0, 10]);
/// # io::Result::Ok(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended<T> {
    /// The output of each core, by its index.
    pub outputs: Vec<T>,
    /// How many tasks were aborted at the deadline, or by [`Stop::abort`](super::Stop::abort), on all cores.
    pub aborted: usize,
    /// The counts of each core at its end, by its index. Their [`sum`](Iterator::sum) is that of all.
    pub metrics: Vec<Metrics>,
}

/// Why a core has failed.
enum CoreFailure<E> {
    Error(E),
    Panic(Box<dyn Any + Send>),
}

/// The results that the threads hand to the caller.
struct Results<T, E> {
    ended: Vec<Option<(T, Metrics)>>,
    aborted: usize,
    /// The first failure.
    failure: Option<CoreFailure<E>>,
}

impl Builder {
    /// Calls `main` on each core, once all of their runtimes are built, and runs the future that it returns; waits
    /// until all cores have ended. `main` is shared by the cores. Its future need not be `Send`.
    ///
    /// A core that returns a value leaves the others alone. The tasks that it leaves behind are dropped, as after
    /// [`block_on`](crate::block_on), unless the shutdown has been requested: then they are drained first.
    ///
    /// # Errors
    ///
    /// The error of the first core that returns one. Before any core has run, as an [`io::Error`]: those of
    /// [`runtime::Builder::build`](crate::runtime::Builder::build), of starting a thread (`EAGAIN`), of a signal
    /// handler, and [`InvalidInput`](io::ErrorKind::InvalidInput) for more pinned cores than processors.
    /// [`TimedOut`](io::ErrorKind::TimedOut) when a core has not returned at the deadline,
    /// [`Interrupted`](io::ErrorKind::Interrupted) when it has not at an [abort](super::Stop::abort), and
    /// [`Unsupported`](io::ErrorKind::Unsupported) in a simulation, which has one thread.
    ///
    /// # Panics
    ///
    /// With the panic of the first core that panics, after all have ended; and when a runtime runs on this thread.
    ///
    /// ```
    /// use egret_runtime::cores;
    /// use std::io;
    ///
    /// let failed = cores::Builder::new().count(2).run(async |core| {
    ///     if core.index() == 0 {
    ///         return Err(io::Error::other("no configuration"));
    ///     }
    ///     core.shutdown().requested().await;
    ///     Ok(())
    /// });
    /// assert_eq!(failed.unwrap_err().to_string(), "no configuration");
    /// # io::Result::Ok(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn run<M, T, E>(self, main: M) -> Result<Ended<T>, E>
    where
        M: AsyncFn(Core) -> Result<T, E> + Sync,
        T: Send,
        E: From<io::Error> + Send,
    {
        Running::check();
        if !Backend::current().threads_wait() {
            let message = "cores are threads, and a simulation has one: run the future of each core on a host of its own";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message).into());
        }
        let count = self.count.unwrap_or_else(super::available);
        let places = self.places(count)?;
        let watchman = Watchman::new(&self.stop_on)?;
        let gate = Gate::new(count);
        let results = Mutex::new(Results { ended: Vec::new(), aborted: 0, failure: None });
        lock(&results).ended.resize_with(count, || None);
        thread::scope(|scope| {
            for (index, place) in places.into_iter().enumerate() {
                let name = format!("{}-{index}", self.thread_name);
                let (builder, gate, main, results) = (&self, &gate, &main, &results);
                let thread = thread::Builder::new()
                    .name(name)
                    .spawn_scoped(scope, move || builder.core(index, place, gate, main, results));
                if let Err(error) = thread {
                    gate.refuse(error);
                    break;
                }
            }
            watchman.stand(&gate, &self.joint);
        });
        if let Some(error) = gate.refused() {
            return Err(error.into());
        }
        let Results { ended, aborted, failure } =
            results.into_inner().unwrap_or_else(PoisonError::into_inner);
        match failure {
            Some(CoreFailure::Panic(payload)) => resume_unwind(payload), // the hook has reported it on its thread
            Some(CoreFailure::Error(error)) => Err(error),
            None => {
                let (outputs, metrics) = ended.into_iter().flatten().unzip();
                Ok(Ended { outputs, aborted, metrics })
            }
        }
    }

    /// The body of a thread.
    #[inline]
    fn core<M, T, E>(
        &self,
        index: usize,
        place: Option<usize>,
        gate: &Gate,
        main: &M,
        results: &Mutex<Results<T, E>>,
    ) where
        M: AsyncFn(Core) -> Result<T, E>,
        E: From<io::Error>,
    {
        let _end = gate.ends();
        let prepared = catch_unwind(AssertUnwindSafe(|| {
            place.map_or(Ok(()), |processor| Backend::current().pin(processor))?;
            (self.runtime)(index).build()
        }));
        let runtime = match prepared {
            Ok(Ok(runtime)) => runtime,
            Ok(Err(error)) => return gate.refuse(error),
            Err(payload) => {
                let said = payload.downcast_ref::<&str>().map(|said| (*said).to_owned());
                let said = said.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
                let message = format!("core {index} panicked before it had a runtime: {said}");
                return gate.refuse(io::Error::other(message));
            }
        };
        let Some(handles) = gate.pass(index, runtime.handle()) else { return };
        let core = Core::new(index, handles, self.joint.clone());
        let cut = Rc::new(Cut::default());
        let mut result = self.serve(&runtime, &core, &cut, main);
        let metrics = runtime.metrics();
        drop(core);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(runtime))) {
            result = result.and(Err(CoreFailure::Panic(payload)));
        }
        let failed = result.is_err();
        let mut results = lock(results);
        results.aborted += cut.aborted.get();
        let later = match result {
            Ok(output) => {
                results.ended[index] = Some((output, metrics));
                None
            }
            Err(failure) if results.failure.is_none() => {
                results.failure = Some(failure);
                None
            }
            Err(failure) => Some(failure),
        };
        drop(results);
        drop(later);
        if failed && self.on_failure == OnFailure::Shutdown {
            self.joint.request();
        }
    }

    /// Runs the future of the closure, and then drains.
    #[inline]
    fn serve<M, T, E>(
        &self,
        runtime: &Runtime,
        core: &Core,
        cut: &Rc<Cut>,
        main: &M,
    ) -> Result<T, CoreFailure<E>>
    where
        M: AsyncFn(Core) -> Result<T, E>,
        E: From<io::Error>,
    {
        drop(runtime.spawn(watch(core.clone(), self.deadline, cut.clone())));
        if self.joint.asked() != Asked::Nothing {
            core.shutdown.request();
        }
        let result = contain(|| runtime.block_on(cut.limit(main(core.clone()))));
        let result = result.and_then(|output| match output {
            Some(output) => output.map_err(CoreFailure::Error),
            None => Err(CoreFailure::Error(late(&self.joint, self.deadline, core.index()).into())),
        });
        // `watch` may not have run since the request.
        if core.shutdown.is_requested() || result.is_err() && self.on_failure == OnFailure::Shutdown {
            self.joint.request();
        }
        if self.joint.asked() == Asked::Nothing || runtime.executor().is_closed() {
            return result; // a runtime that a panic has closed has nothing to drain
        }
        core.shutdown.request();
        let drained = contain(|| runtime.block_on(cut.limit(core.shutdown.drained())));
        drained.and(result)
    }
}

/// Returns the error of a core that has not returned in time.
#[inline]
pub(super) fn late(joint: &Joint, deadline: Duration, core: usize) -> io::Error {
    if joint.asked() == Asked::Abort {
        let message = format!("core {core} was aborted before it returned");
        return io::Error::new(io::ErrorKind::Interrupted, message);
    }
    let message = format!("core {core} has not returned {deadline:?} after the shutdown was requested");
    io::Error::new(io::ErrorKind::TimedOut, message)
}

#[inline]
fn contain<T, E>(run: impl FnOnce() -> T) -> Result<T, CoreFailure<E>> {
    catch_unwind(AssertUnwindSafe(run)).map_err(CoreFailure::Panic)
}

/// Passes a request of the shutdown on, from this core to the others or from them to this one. At the deadline it
/// aborts what is left and cuts off the future of the core.
#[inline]
pub(super) async fn watch(core: Core, deadline: Duration, cut: Rc<Cut>) {
    let (joint, shutdown) = (&core.joint, &core.shutdown);
    let mut requested = pin!(shutdown.requested());
    poll_fn(|cx| {
        if requested.as_mut().poll(cx).is_ready() {
            joint.request();
            return Poll::Ready(());
        }
        match joint.asked_beyond(Asked::Nothing, core.index(), cx.waker()) {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        }
    })
    .await;
    shutdown.request();
    let known = joint.asked();
    if known != Asked::Abort {
        let mut over = pin!(time::sleep(joint.left_of(deadline)));
        poll_fn(|cx| match joint.asked_beyond(known, core.index(), cx.waker()) {
            Some(_) => Poll::Ready(()),
            None => over.as_mut().poll(cx),
        })
        .await;
    }
    let before = shutdown.tasks();
    shutdown.abort();
    cut.aborted.set(before.saturating_sub(shutdown.tasks()));
    cut.set.set(true);
    cut.waiting.take().into_iter().for_each(Waker::wake);
}

/// Cuts off the future of a core.
#[derive(Default)]
pub(super) struct Cut {
    set: Cell<bool>,
    waiting: Cell<Option<Waker>>,
    /// How many tasks were aborted.
    pub(super) aborted: Cell<usize>,
}

impl Cut {
    /// Returns the output of `future`; `None` when it has none before the cut.
    #[inline]
    pub(super) async fn limit<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if self.set.get() {
                return Poll::Ready(None);
            }
            drop(self.waiting.replace(Some(cx.waker().clone())));
            Poll::Pending
        })
        .await
    }
}

/// The signals that end the cores. They are received on the calling thread, which outlives every core.
struct Watchman(Option<(Runtime, Vec<Signal>)>);

impl Watchman {
    #[inline]
    fn new(kinds: &[SignalKind]) -> io::Result<Watchman> {
        if kinds.is_empty() {
            return Ok(Watchman(None));
        }
        let runtime = Runtime::new()?;
        let entered = runtime.enter();
        let signals = kinds.iter().map(|kind| signal(*kind)).collect::<io::Result<_>>()?;
        drop(entered);
        Ok(Watchman(Some((runtime, signals))))
    }

    /// Receives signals until all cores have ended.
    #[inline]
    fn stand(self, gate: &Gate, joint: &Joint) {
        let Some((runtime, mut signals)) = self.0 else { return };
        runtime.block_on(poll_fn(|cx| {
            for signal in &mut signals {
                while let Poll::Ready(Some(())) = signal.poll_recv(cx) {
                    match joint.asked() {
                        Asked::Nothing => joint.request(),
                        _ => joint.abort(),
                    }
                }
            }
            if gate.all_ended(cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
        }));
        drop(signals); // before their runtime
    }
}

/// No user code runs under the locks of this file.
#[inline]
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
