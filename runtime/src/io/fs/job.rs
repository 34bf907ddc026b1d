//! [`FileJob`]: a call on a thread of the pool. Dropped before a thread has taken it, it is cancelled.

use crate::observe::id::Id;
use crate::observe::site::Site;
use crate::task::JoinError;
use crate::task::blocking;
use crate::task::join::JoinHandle;
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

#[derive(Debug)]
pub(super) struct FileJob<T>(JoinHandle<T>);

impl<T: Send + 'static> FileJob<T> {
    #[track_caller]
    #[inline]
    pub(super) fn start(f: impl FnOnce() -> T + Send + 'static) -> FileJob<T> {
        FileJob(blocking::start(f, Id::next(), Location::caller()))
    }

    #[track_caller]
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for FileJob<T> {
    #[inline]
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs `f` on the pool.
#[track_caller]
#[inline]
pub(super) fn on_pool<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> impl Future<Output = io::Result<T>> {
    let at = Location::caller();
    async move {
        let mut job = FileJob(blocking::start(f, Id::next(), at));
        (&mut job.0).await.map_err(no_result)?
    }
}

/// Runs `f` on the pool, with a path. The value that names the path, such as a temporary file that its drop removes,
/// lives until `f` is over.
#[track_caller]
#[inline]
pub(super) fn at_path<T: Send + 'static>(
    path: impl AsRef<Path>,
    f: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> impl Future<Output = io::Result<T>> {
    let owned = path.as_ref().to_owned();
    let done = Site::caller().within(on_pool(move || f(owned)));
    async move {
        let result = done.await;
        drop(path);
        result
    }
}

/// [`at_path`] with two of them.
#[track_caller]
#[inline]
pub(super) fn at_paths<T: Send + 'static>(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    f: impl FnOnce(PathBuf, PathBuf) -> io::Result<T> + Send + 'static,
) -> impl Future<Output = io::Result<T>> {
    let to_owned = to.as_ref().to_owned();
    let done = at_path(from, move |from| f(from, to_owned));
    async move {
        let result = done.await;
        drop(to);
        result
    }
}

#[cold]
pub(super) fn no_result(error: JoinError) -> io::Error {
    io::Error::other(format!("the file operation has no result: {error}"))
}
