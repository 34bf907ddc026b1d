//! Tasks of a [`JoinSet`], and tasks with a name, on a runtime that a [`Handle`] names: on another thread, or on this one
//! outside of it.

use super::Handle;
use crate::task::blocking;
use crate::task::join_set::{Builder, JoinSet};
use crate::task::remote::RemoteTask;
use crate::task::{self, AbortHandle, RemoteJoinHandle};
use std::future::Future;
use std::io;
use std::panic::Location;
use std::task::Waker;

impl<T: Send + 'static> JoinSet<T> {
    /// Spawns a task of the set on the runtime of `handle`, as [`Handle::spawn`] does: the future is `Send`, and its output
    /// comes back to the thread of the set. When that runtime ends first, the output is a cancellation.
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    /// use egret_runtime::task::JoinSet;
    ///
    /// let rt = Runtime::new()?;
    /// let mut set = JoinSet::new();
    /// set.spawn_on(async { 6 * 7 }, &rt.handle()); // outside of the runtime
    /// assert_eq!(rt.block_on(set.join_all()), [42]);
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
    {
        let at = Location::caller();
        self.insert_remote(|notice| handle.spawn_named(None, Some(notice), future, at))
    }

    /// Runs `f` on a thread of the pool of the runtime of `handle`, as [`Handle::spawn_blocking`] does.
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    /// use egret_runtime::task::JoinSet;
    ///
    /// let rt = Runtime::new()?;
    /// let mut set = JoinSet::new();
    /// set.spawn_blocking_on(|| 6 * 7, &rt.handle());
    /// assert_eq!(rt.block_on(set.join_all()), [42]);
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let at = Location::caller();
        self.insert_remote(|notice| {
            handle.send_for(Some(notice), at, |filler, id, at| {
                drop(blocking::start(move || filler.fill_with(f), id, at));
                None
            })
        })
    }
}

impl<T: Send + 'static> Builder<'_, T> {
    /// [`JoinSet::spawn_on`] with the name, which dumps of feature `inspect` show.
    ///
    /// # Errors
    ///
    /// None today.
    #[track_caller]
    #[inline]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (at, name) = (Location::caller(), self.name);
        Ok(self.set.insert_remote(|notice| handle.spawn_named(name, Some(notice), future, at)))
    }

    /// [`JoinSet::spawn_blocking_on`]. A job has no reports that show its name.
    ///
    /// # Errors
    ///
    /// None today.
    #[track_caller]
    #[inline]
    pub fn spawn_blocking_on<F>(self, f: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
    {
        Ok(self.set.spawn_blocking_on(f, handle))
    }
}

impl task::Builder {
    /// [`Handle::spawn`] with the name, which dumps of feature `inspect` show.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    /// use egret_runtime::task::Builder;
    ///
    /// let rt = Runtime::new()?;
    /// let task = Builder::new().name("counter").spawn_on(async { 6 * 7 }, &rt.handle())?;
    /// assert_eq!(rt.block_on(task).unwrap(), 42);
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<RemoteJoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(handle.spawn_named(self.name, None, future, Location::caller()))
    }

    /// [`Handle::spawn_blocking`]. A job has no reports that show its name.
    ///
    /// # Errors
    ///
    /// None today.
    #[track_caller]
    #[inline]
    pub fn spawn_blocking_on<F, T>(self, f: F, handle: &Handle) -> io::Result<RemoteJoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Ok(handle.spawn_blocking(f))
    }
}

impl Handle {
    /// Spawns a task that has a name, or that wakes `notice` when its output is there.
    #[inline]
    fn spawn_named<F>(
        &self,
        name: Option<Box<str>>,
        notice: Option<Waker>,
        future: F,
        at: &'static Location<'static>,
    ) -> RemoteJoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.send_for(notice, at, move |filler, id, at| {
            RemoteTask::spawn_named(name, || future, filler, id, at)
        })
    }
}
