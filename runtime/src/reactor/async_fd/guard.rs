//! [`AsyncFdReadyGuard`]: readiness that the kernel had reported when the guard was made.

use super::AsyncFd;
use crate::reactor::interest::Interest;
use crate::reactor::ready::Ready;
use std::fmt;
use std::io;
use std::os::fd::AsFd;

/// Proves that an [`AsyncFd`] was ready when this was made.
///
/// It remembers the number of events until then, so that clearing by an old guard cannot undo a later event.
#[must_use = "readiness that is neither used nor cleared makes the next wait return at once"]
pub struct AsyncFdReadyGuard<'a, T: AsFd> {
    fd: &'a AsyncFd<T>,
    seen: Seen,
}

/// The readiness that was reported when a guard was made.
#[derive(Debug)]
pub(super) struct Seen {
    interest: Interest,
    pub(super) ready: Ready,
    ticks: u64,
}

impl Seen {
    pub(super) fn new<T: AsFd>(fd: &AsyncFd<T>, interest: Interest) -> Seen {
        let (ready, ticks) = fd.registration.reported(interest);
        Seen { interest, ready, ticks }
    }

    /// Clears what is in `matching`, here and in the registration, unless an event has come since.
    pub(super) fn clear<T: AsFd>(&mut self, fd: &AsyncFd<T>, matching: Ready) {
        if let Some(cleared) = self.interest.answered_by(self.ready & matching) {
            fd.registration.clear_since(self.ticks, cleared);
        }
        self.ready = self.ready - matching;
    }
}

impl<'a, T: AsFd> AsyncFdReadyGuard<'a, T> {
    pub(super) fn new(fd: &'a AsyncFd<T>, interest: Interest) -> AsyncFdReadyGuard<'a, T> {
        AsyncFdReadyGuard { fd, seen: Seen::new(fd, interest) }
    }

    /// Returns what the descriptor is ready for, of what was waited for. Empty after
    /// [`clear_ready`](AsyncFdReadyGuard::clear_ready).
    pub fn ready(&self) -> Ready {
        self.seen.ready
    }

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
        self.clear_ready_matching(Ready::ALL);
    }

    /// Clears what is in `ready` and keeps the rest: after a wait for both directions, the one whose operation would
    /// block. The end of the stream stays reported.
    ///
    /// No effect when an event has come since the guard was made.
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        self.seen.clear(self.fd, ready);
    }

    /// Keeps the readiness. This is also what happens without the call.
    pub fn retain_ready(&mut self) {}

    /// Returns the `AsyncFd` that is ready.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }

    /// Returns the descriptor that is ready.
    pub fn get_inner(&self) -> &'a T {
        self.fd.get_ref()
    }
}

impl<T: AsFd> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyGuard").field("ready", &self.seen.ready).finish_non_exhaustive()
    }
}

/// The operation of [`AsyncFdReadyGuard::try_io`] would have blocked.
#[derive(Debug)]
pub struct TryIoError(pub(super) ());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation would have blocked")
    }
}

impl std::error::Error for TryIoError {}
