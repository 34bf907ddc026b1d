//! [`Job`]: a call on a thread of the pool. Dropped before a thread has taken it, it is cancelled.

use crate::observe::id::Id;
use crate::task::JoinError;
use crate::task::blocking;
use crate::task::join::JoinHandle;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

#[derive(Debug)]
pub(super) struct Job<T>(JoinHandle<T>);

impl<T: Send + 'static> Job<T> {
    #[track_caller]
    #[inline]
    pub(super) fn start(f: impl FnOnce() -> T + Send + 'static) -> Job<T> {
        Job(blocking::start(f, Id::next(), Location::caller()))
    }

    #[track_caller]
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Job<T> {
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
        let mut job = Job(blocking::start(f, Id::next(), at));
        (&mut job.0).await.map_err(no_result)?
    }
}

#[cold]
pub(super) fn no_result(error: JoinError) -> io::Error {
    io::Error::other(format!("the file operation has no result: {error}"))
}
