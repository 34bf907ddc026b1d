//! [`Builder`]: a task of a set, with a name.

use super::JoinSet;
use crate::task::LocalSet;
use crate::task::abort::AbortHandle;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;

/// Spawns a task of a [`JoinSet`] with a name, as [`task::Builder`](crate::task::Builder) does outside of a set. From
/// [`JoinSet::build_task`].
#[must_use = "no task is spawned until `spawn`"]
pub struct Builder<'a, T> {
    pub(crate) set: &'a mut JoinSet<T>,
    pub(crate) name: Option<Box<str>>,
}

impl<'a, T> Builder<'a, T> {
    #[inline]
    pub(super) fn new(set: &'a mut JoinSet<T>) -> Builder<'a, T> {
        Builder { set, name: None }
    }

    /// Sets the name of the task. It need not be unique.
    #[inline]
    pub fn name(mut self, name: &str) -> Builder<'a, T> {
        self.name = Some(name.into());
        self
    }
}

impl<T: 'static> Builder<'_, T> {
    /// [`JoinSet::spawn`] with the name.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// As [`JoinSet::spawn`].
    #[track_caller]
    #[inline]
    pub fn spawn<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        Ok(self.set.start(self.name, future, Location::caller()))
    }

    /// The same as [`spawn`](Builder::spawn), under the name that it has for futures that are not `Send` on tokio.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// As [`JoinSet::spawn`].
    #[track_caller]
    #[inline]
    pub fn spawn_local<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        self.spawn(future)
    }

    /// [`JoinSet::spawn_local_on`] with the name.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// As [`JoinSet::spawn`].
    #[track_caller]
    #[inline]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        Ok(self.set.start_on(self.name, future, local_set, Location::caller()))
    }

    /// [`JoinSet::spawn_blocking`]. A job has no reports that show its name.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// # Panics
    ///
    /// As [`JoinSet::spawn_blocking`].
    #[track_caller]
    #[inline]
    pub fn spawn_blocking<F>(self, f: F) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        Ok(self.set.spawn_blocking(f))
    }
}

impl<T> fmt::Debug for Builder<'_, T> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("join_set::Builder").field("name", &self.name).finish_non_exhaustive()
    }
}
