//! [`AsyncFdReadyGuard`]: readiness that the kernel had reported when the guard was made.

use super::{AsyncFd, Interest};
use std::fmt;
use std::io;
use std::os::fd::AsFd;

/// Proves that an [`AsyncFd`] was ready when this was made.
///
/// It remembers the number of events until then, so that clearing by an old guard cannot undo a later event.
#[must_use = "readiness that is neither used nor cleared makes the next wait return at once"]
pub struct AsyncFdReadyGuard<'a, T: AsFd> {
    pub(super) fd: &'a AsyncFd<T>,
    pub(super) interest: Interest,
    pub(super) ticks: u64,
}

impl<'a, T: AsFd> AsyncFdReadyGuard<'a, T> {
    /// Tries `op` once; when it would block, clears the readiness, so that the next wait is `Pending`.
    ///
    /// # Errors
    ///
    /// The outer error when `op` returned [`WouldBlock`](io::ErrorKind::WouldBlock); any other error of `op` is the
    /// inner one.
    pub fn try_io<R>(
        &mut self,
        op: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match op(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// Clears the readiness: an operation on the descriptor would block.
    ///
    /// No effect when an event has come since the guard was made.
    pub fn clear_ready(&mut self) {
        self.fd.registration.clear_since(self.ticks, self.interest.0);
    }

    /// Keeps the readiness. This is also what happens without the call.
    pub fn retain_ready(&mut self) {}

    /// The `AsyncFd` that is ready.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }

    /// The descriptor that is ready.
    pub fn get_inner(&self) -> &'a T {
        self.fd.get_ref()
    }
}

impl<T: AsFd> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard").field("interest", &self.interest).finish_non_exhaustive()
    }
}

/// The operation of [`AsyncFdReadyGuard::try_io`] would have blocked.
#[derive(Debug)]
pub struct TryIoError(());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation would have blocked")
    }
}

impl std::error::Error for TryIoError {}
