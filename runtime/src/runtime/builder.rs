//! [`Builder`]: the settings of a runtime.

mod hooks; // functions of the program

use crate::executor::Executor;
use crate::executor::hooks::Hooks;
use crate::executor::parking::Park;
use crate::executor::pool::Limits;
use crate::observe::watch::WatchSettings;
use crate::runtime::Runtime;
#[cfg(feature = "inspect")]
use crate::runtime::when_built::WhenBuilt;
use crate::sys::Backend;
use crate::task::unhandled::{Unhandled, UnhandledPanic};
use std::io;
use std::sync::Arc;
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
    name: Option<Arc<str>>,
    unhandled_panic: UnhandledPanic,
    blocking: Limits,
    park: Park,
    watch: WatchSettings,
    hooks: Hooks,
    #[cfg(feature = "inspect")]
    pub(super) when_built: WhenBuilt,
    #[cfg(feature = "test-util")]
    start_paused: bool,
}

impl Builder {
    /// Creates a builder with the default settings.
    #[inline]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The same as [`new`](Builder::new), for code ported from tokio.
    ///
    /// There is no `new_multi_thread`, as a runtime has one thread: see [`cores`](crate::cores).
    ///
    /// ```
    /// let rt = egret_runtime::runtime::Builder::new_current_thread().enable_all().build()?;
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn new_current_thread() -> Builder {
        Builder::default()
    }

    /// Has no effect, for code ported from tokio: every runtime has sockets, signals and timers.
    #[inline]
    pub fn enable_all(self) -> Builder {
        self
    }

    /// Has no effect: see [`enable_all`](Builder::enable_all).
    #[inline]
    pub fn enable_io(self) -> Builder {
        self
    }

    /// Has no effect: see [`enable_all`](Builder::enable_all).
    #[inline]
    pub fn enable_time(self) -> Builder {
        self
    }

    /// Sets the name of the runtime, which [`Handle::name`](crate::runtime::Handle::name) returns. It need not be
    /// unique.
    ///
    /// # Panics
    ///
    /// When `name` is empty or only white space.
    #[track_caller]
    #[inline]
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        let name = name.into();
        assert!(!name.trim().is_empty(), "the name of a runtime is empty: leave out `name`, or write one");
        self.name = Some(name.into());
        self
    }

    /// Sets what happens when a task without a handle panics. By default it is reported on standard error and the
    /// runtime goes on.
    ///
    /// ```should_panic
    /// use egret_runtime::runtime::{Builder, UnhandledPanic};
    ///
    /// let rt = Builder::new().unhandled_panic(UnhandledPanic::Shutdown).build()?;
    /// rt.spawn(async { panic!("no handle receives this") });
    /// rt.block_on(std::future::pending::<()>()); // panics and names the task
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn unhandled_panic(mut self, policy: UnhandledPanic) -> Builder {
        self.unhandled_panic = policy;
        self
    }

    /// Sets how many threads [`spawn_blocking`](crate::task::spawn_blocking) may use at once; 512 by default.
    ///
    /// They are started on demand. Jobs without a thread wait.
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
    #[inline]
    pub fn max_blocking_threads(mut self, threads: usize) -> Builder {
        assert!(threads > 0, "max_blocking_threads(0): no blocking job would ever run; 1 is the least");
        self.blocking.threads = threads;
        self
    }

    /// Sets how long a thread of [`spawn_blocking`](crate::task::spawn_blocking) waits for another job before it ends;
    /// 10 s by default. With [`Duration::MAX`] it lives as long as the runtime.
    #[inline]
    pub fn thread_keep_alive(mut self, duration: Duration) -> Builder {
        self.blocking.keep_alive = duration;
        self
    }

    /// Sets the name of the threads of [`spawn_blocking`](crate::task::spawn_blocking); `egret-blocking` by default. The
    /// kernel keeps 15 bytes of it:
    /// [`pthread_setname_np(3)`](https://man7.org/linux/man-pages/man3/pthread_setname_np.3.html).
    ///
    /// # Panics
    ///
    /// When the name contains a zero byte.
    ///
    /// ```
    /// use egret_runtime::runtime::Builder;
    /// use std::thread;
    ///
    /// let rt = Builder::new().thread_name("disk").build()?;
    /// let name = rt.spawn_blocking(|| thread::current().name().map(str::to_owned));
    /// assert_eq!(rt.block_on(name).unwrap().as_deref(), Some("disk"));
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn thread_name(mut self, name: impl Into<String>) -> Builder {
        let name = name.into();
        assert!(!name.contains('\0'), "thread_name({name:?}): a thread cannot have a zero byte in its name");
        self.blocking.thread_name = name.into();
        self
    }

    /// Sets whether the clock of the runtime [is paused](crate::time::pause) from the start. With feature `test-util`.
    ///
    /// ```
    /// use egret_runtime::runtime::Builder;
    /// use egret_runtime::time::{Duration, Instant, sleep};
    ///
    /// let rt = Builder::new().start_paused(true).build()?;
    /// rt.block_on(async {
    ///     let start = Instant::now();
    ///     sleep(Duration::from_secs(3600)).await; // at once
    ///     assert_eq!(start.elapsed(), Duration::from_secs(3600)); // exactly
    /// });
    /// # std::io::Result::Ok(())
    /// ```
    #[cfg(feature = "test-util")]
    #[inline]
    pub fn start_paused(mut self, start_paused: bool) -> Builder {
        self.start_paused = start_paused;
        self
    }

    /// Sets how a loop with nothing to run waits for the next event; by default it sleeps in the kernel.
    ///
    /// ```
    /// use egret_runtime::runtime::{Builder, Park};
    /// use std::time::Duration;
    ///
    /// let rt = Builder::new().park(Park::Spin).build()?;
    /// rt.block_on(egret_runtime::time::sleep(Duration::from_millis(1)));
    /// assert!(rt.metrics().spins > 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn park(mut self, park: Park) -> Builder {
        self.park = park;
        self
    }

    /// Sets the memory of the flight recorder in bytes: 2 MiB by default, and none with 0. With feature `inspect`.
    ///
    /// A poll takes 16 bytes of it, and so does a wait. It is reserved when the runtime is built, and is touched page by
    /// page as it is first written.
    ///
    /// With 0 no poll is timed, which saves most of what the feature costs. Then histograms of polls and of delays
    /// are empty, the times of tasks are 0 ([`LoopView::untimed`](crate::inspect::LoopView::untimed) says so), no
    /// long poll is counted, a poll that goes on counts from the begin of its turn, and a
    /// [stall](Builder::stall_after) is reported up to half of the limit later. Dumps still show timers, what tasks
    /// wait for, and what woke them and how often.
    ///
    /// ```
    /// use egret_runtime::runtime::Builder;
    ///
    /// let rt = Builder::new().recorder(64 << 20).build()?;
    /// rt.block_on(async {});
    /// assert!(!rt.recording().records.is_empty());
    /// # std::io::Result::Ok(())
    /// ```
    #[cfg(feature = "inspect")]
    #[inline]
    pub fn recorder(mut self, bytes: usize) -> Builder {
        self.watch.recorder = bytes;
        self
    }

    /// Sets from how long on a poll counts among [`Metrics::long_polls`](crate::runtime::Metrics::long_polls): 100 ms by
    /// default. With feature `inspect`, and with a [recorder](Builder::recorder).
    ///
    /// ```
    /// use egret_runtime::runtime::Builder;
    /// use std::time::Duration;
    ///
    /// let rt = Builder::new().long_poll(Duration::from_millis(5)).build()?;
    /// rt.block_on(async { std::thread::sleep(Duration::from_millis(10)) });
    /// assert_eq!(rt.metrics().long_polls, 1);
    /// # std::io::Result::Ok(())
    /// ```
    #[cfg(feature = "inspect")]
    #[inline]
    pub fn long_poll(mut self, limit: Duration) -> Builder {
        self.watch.limit = limit;
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    ///
    /// Those of `epoll_create1(2)` and `eventfd(2)`: no descriptors left (`EMFILE`, `ENFILE`), no memory; and
    /// `Other` when 65 535 runtimes are alive in the process. Those of starting a thread for `stall_after`.
    #[inline]
    pub fn build(self) -> io::Result<Runtime> {
        Backend::current().needs_no_other_loop()?;
        let executor = Executor::new(Backend::current(), self.blocking, self.park, &self.watch, self.hooks)?;
        self.name.into_iter().for_each(|name| executor.set_name(name));
        #[cfg(feature = "test-util")]
        if self.start_paused {
            executor.clock.source.pause();
        }
        let unhandled = Unhandled::new(self.unhandled_panic);
        executor.policy.set(unhandled.policy());
        let runtime = Runtime { executor, unhandled };
        #[cfg(feature = "inspect")]
        self.when_built.call(&runtime)?;
        Ok(runtime)
    }
}
