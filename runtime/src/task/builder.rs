//! [`Builder`]: a task with a name.

use crate::executor;
use crate::task::join::JoinHandle;
use crate::task::{Id, LocalSet, NewTask, blocking};
use std::future::Future;
use std::io;
use std::panic::Location;

/// Spawns a task with a name, which reports of its panic show next to the place where it was spawned.
///
/// A name costs an allocation; a task without one does not pay for it.
///
/// ```
/// egret_runtime::block_on(async {
///     let task = egret_runtime::task::Builder::new().name("counter").spawn(async { 1 + 1 })?;
///     assert_eq!(task.await.unwrap(), 2);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    pub(crate) name: Option<Box<str>>,
}

impl Builder {
    /// Creates a builder for a task without a name.
    #[inline]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Sets the name of the task. It need not be unique.
    #[inline]
    pub fn name(mut self, name: &str) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// Spawns the task, as [`spawn`](crate::task::spawn) does.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
    {
        let executor = executor::current();
        Ok(executor.start(future, NewTask { id: Id::next(), at: Location::caller(), name: self.name }))
    }

    /// The same as [`spawn`](Builder::spawn), under the name that it has for futures that are not `Send` on tokio.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
    {
        self.spawn(future)
    }

    /// Spawns the task as one of `local_set`, as [`LocalSet::spawn_local`] does.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// use egret_runtime::task::{Builder, LocalSet};
    ///
    /// egret_runtime::block_on(async {
    ///     let set = LocalSet::new();
    ///     let task = Builder::new().name("counter").spawn_local_on(async { 42 }, &set)?;
    ///     set.await;
    ///     assert_eq!(task.await.unwrap(), 42);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
    {
        let (future, place) = local_set.admit(future);
        let task = self.spawn(future)?;
        place.fill(task.abort_handle());
        Ok(task)
    }

    /// Runs `f` where it may block, as [`spawn_blocking`](crate::task::spawn_blocking) does. A job has no reports that show
    /// its name.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn spawn_blocking<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Ok(blocking::start(f, Id::next(), Location::caller()))
    }
}
