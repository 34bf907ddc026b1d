//! [`Builder`]: how many cores, on which processors, and what a failure of one does to the others.

use super::joint::{Joint, Stop};
use crate::runtime;
use crate::signal::unix::SignalKind;
use crate::sys::Backend;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The effect on the others of a core that returns an error or panics, set by [`Builder::on_failure`].
///
/// ```
/// use egret_runtime::cores::{self, OnFailure};
/// use std::io;
///
/// let cores = cores::Builder::new().count(2).on_failure(OnFailure::GoOn);
/// let failed = cores.run(async |core| match core.index() {
///     0 => Err(io::Error::other("no configuration")),
///     _ => Ok(()), // serves on, although core 0 has failed
/// });
/// assert!(failed.is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// The shutdown of all cores is requested.
    #[default]
    Shutdown,
    /// The others go on. [`Builder::run`] reports the failure when all have ended.
    GoOn,
}

/// Runs one runtime on each of several threads: see the [module](super).
///
/// ```
/// use egret_runtime::cores;
/// use std::io;
/// use std::time::Duration;
///
/// cores::Builder::new().count(2).deadline(Duration::from_secs(10)).run(async |core| {
///     core.shutdown().request(); // a server would wait for it
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub struct Builder {
    pub(super) count: Option<usize>,
    pub(super) pinned: bool,
    pub(super) thread_name: String,
    pub(super) runtime: Box<dyn Fn(usize) -> runtime::Builder + Send + Sync>,
    pub(super) on_failure: OnFailure,
    pub(super) deadline: Duration,
    pub(super) stop_on: Vec<SignalKind>,
    pub(super) joint: Arc<Joint>,
}

/// Returns how many processors this process may use: those of its affinity mask, limited by the CPU quota of its cgroup.
///
/// A quota is rounded down to whole processors, and is at least 1: with 1.5 processors, two busy cores would both be
/// stopped for a part of each period. By [`std::thread::available_parallelism`], which reads both.
///
/// ```
/// assert!(egret_runtime::cores::available() >= 1);
/// ```
#[inline]
pub fn available() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

impl Default for Builder {
    #[inline]
    fn default() -> Builder {
        Builder {
            count: None,
            pinned: false,
            thread_name: "egret-core".to_owned(),
            runtime: Box::new(|_| runtime::Builder::new()),
            on_failure: OnFailure::default(),
            deadline: Duration::MAX,
            stop_on: Vec::new(),
            joint: Arc::default(),
        }
    }
}

impl Builder {
    /// As many cores as [`available`] says, not pinned, without a deadline.
    #[inline]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Sets how many cores there are; [`available`] by default. More than there are processors is allowed, unless
    /// they are [pinned](Builder::pinned).
    ///
    /// # Panics
    ///
    /// When `count` is 0.
    #[track_caller]
    #[inline]
    pub fn count(mut self, count: usize) -> Builder {
        assert_ne!(count, 0, "count(0): no core would run; 1 is the least");
        self.count = Some(count);
        self
    }

    /// Sets whether each core runs on a processor of its own, the lowest that the affinity mask allows first; `false` by
    /// default.
    ///
    /// For machines that run nothing else: a pinned core waits for its processor while others are idle. Threads that a
    /// pinned core starts are pinned too, those of [`spawn_blocking`](crate::task::spawn_blocking) among them.
    #[inline]
    pub fn pinned(mut self, pinned: bool) -> Builder {
        self.pinned = pinned;
        self
    }

    /// Sets the name of the threads, `egret-core` by default; the index follows it: `egret-core-0`. The kernel keeps 15
    /// bytes.
    ///
    /// # Panics
    ///
    /// When the name contains a zero byte.
    #[track_caller]
    #[inline]
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        let name = name.into();
        assert!(!name.contains('\0'), "thread_name({name:?}): a thread cannot have a zero byte in its name");
        self.thread_name = name;
        self
    }

    /// Sets the function that returns the settings of each core's runtime, by its index. It is called on the thread
    /// of the core.
    ///
    /// ```
    /// use egret_runtime::{cores, runtime};
    ///
    /// let _builder = cores::Builder::new().runtime(|_core| runtime::Builder::new().max_blocking_threads(4));
    /// ```
    #[inline]
    pub fn runtime(
        mut self,
        settings: impl Fn(usize) -> runtime::Builder + Send + Sync + 'static,
    ) -> Builder {
        self.runtime = Box::new(settings);
        self
    }

    /// Sets the effect on the others of a core that returns an error or panics; by default all are shut down.
    #[inline]
    pub fn on_failure(mut self, policy: OnFailure) -> Builder {
        self.on_failure = policy;
        self
    }

    /// Sets how long the cores may take to end, from the first request of their shutdown on; without a limit by default.
    ///
    /// At the deadline each core drops the future of its closure and aborts the tasks that are
    /// [spawned](crate::shutdown::Shutdown::spawn) by its shutdown. A task that blocks its thread cannot be stopped:
    /// its core ends when it returns.
    #[inline]
    pub fn deadline(mut self, deadline: Duration) -> Builder {
        self.deadline = deadline;
        self
    }

    /// Requests the shutdown on the first of these signals; the second one [aborts](Stop::abort) it.
    ///
    /// ```
    /// use egret_runtime::cores;
    /// use egret_runtime::signal::unix::SignalKind;
    ///
    /// let _builder = cores::Builder::new().stop_on([SignalKind::terminate(), SignalKind::interrupt()]);
    /// ```
    #[inline]
    pub fn stop_on(mut self, signals: impl IntoIterator<Item = SignalKind>) -> Builder {
        self.stop_on.extend(signals);
        self
    }

    /// Ends the cores of this builder, from any thread.
    #[inline]
    pub fn stop(&self) -> Stop {
        Stop { joint: self.joint.clone() }
    }

    /// Returns the processor of each core, or `None` for cores that are not pinned.
    #[inline]
    pub(super) fn places(&self, count: usize) -> io::Result<Vec<Option<usize>>> {
        if !self.pinned {
            return Ok(vec![None; count]);
        }
        let processors = Backend::current().processors()?;
        if count > processors.len() {
            let there = processors.len();
            let message =
                format!("{count} pinned cores on {there} processors: set a lower count, or do not pin");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(processors.into_iter().take(count).map(Some).collect())
    }
}

impl fmt::Debug for Builder {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("count", &self.count)
            .field("pinned", &self.pinned)
            .field("thread_name", &self.thread_name)
            .field("on_failure", &self.on_failure)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
