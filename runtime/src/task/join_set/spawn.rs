//! Members of a set: tasks, blocking jobs, and tasks of other threads.

use super::ended::SetMember;
use super::{Builder, JoinSet};
use crate::executor;
use crate::task::abort::AbortHandle;
use crate::task::blocking;
use crate::task::remote::RemoteJoinHandle;
use crate::task::{Id, LocalSet, NewTask};
use std::future::Future;
use std::panic::Location;
use std::task::Waker;

impl<T: 'static> JoinSet<T> {
    /// Spawns a task of the set on this thread's runtime: see [`spawn`](crate::task::spawn).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.start(None, future, Location::caller())
    }

    /// The same as [`spawn`](JoinSet::spawn), under the name that it has for futures that are not `Send` on tokio.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.start(None, future, Location::caller())
    }

    /// Spawns a task that belongs to this set and to `local_set`: it also ends when that is dropped, and awaiting that
    /// waits for it.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime. On tokio it may be outside of one: see [`LocalSet::spawn_local`].
    ///
    /// ```
    /// use egret_runtime::task::{JoinSet, LocalSet};
    ///
    /// egret_runtime::block_on(async {
    ///     let (mut set, local_set) = (JoinSet::new(), LocalSet::new());
    ///     set.spawn_local_on(async { 42 }, &local_set);
    ///     local_set.await;
    ///     assert_eq!(set.try_join_next().unwrap().unwrap(), 42);
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_local_on<F>(&mut self, future: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.start_on(None, future, local_set, Location::caller())
    }

    /// Returns a builder for a task of the set with a name.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let mut set = egret_runtime::task::JoinSet::new();
    /// set.build_task().name("counter").spawn(async { 1 + 1 })?;
    /// assert_eq!(set.join_all().await, [2]);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder::new(self)
    }

    #[track_caller]
    #[inline]
    pub(super) fn start_on<F>(
        &mut self,
        name: Option<Box<str>>,
        future: F,
        local_set: &LocalSet,
        at: &'static Location<'static>,
    ) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let (future, place) = local_set.admit(future);
        let abort = self.start(name, future, at);
        place.fill(abort.clone());
        abort
    }

    #[track_caller]
    #[inline]
    pub(super) fn start<F>(
        &mut self,
        name: Option<Box<str>>,
        future: F,
        at: &'static Location<'static>,
    ) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let executor = executor::current(); // before there is a notice, as this may panic
        let entry = self.handles.vacant_entry();
        let member = SetMember::new(future, entry.key(), self.ended.clone());
        let handle = executor.start(member, NewTask { id: Id::next(), at, name });
        let abort = handle.abort_handle();
        entry.insert(handle);
        abort
    }

    /// Adds a member of another thread, which wakes the waker that `start` gets when its output is there.
    #[inline]
    pub(crate) fn insert_remote(&mut self, start: impl FnOnce(Waker) -> RemoteJoinHandle<T>) -> AbortHandle
    where
        T: Send,
    {
        let entry = self.handles.vacant_entry();
        let handle = start(self.ended.notice_of_job(entry.key()));
        let abort = handle.abort_handle();
        entry.insert(handle.into_member());
        abort
    }

    /// Runs `f` on a thread where it may block, as a member of the set: see
    /// [`spawn_blocking`](crate::task::spawn_blocking).
    ///
    /// An abort has no effect on a job that has begun: it stays in the set until it is over, and
    /// [`shutdown`](JoinSet::shutdown) waits for it. The drop of the set does not.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let mut set = egret_runtime::task::JoinSet::new();
    /// for n in [1, 2, 3] {
    ///     set.spawn_blocking(move || n * n);
    /// }
    /// assert_eq!(set.join_all().await.iter().sum::<u32>(), 14);
    /// # });
    /// ```
    #[track_caller]
    #[inline]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let entry = self.handles.vacant_entry();
        let notice = self.ended.notice_of_job(entry.key());
        let handle = blocking::start_for(Some(notice), f, Id::next(), Location::caller());
        let abort = handle.abort_handle();
        entry.insert(handle);
        abort
    }
}
