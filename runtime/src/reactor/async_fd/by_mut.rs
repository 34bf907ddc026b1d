//! [`AsyncFdReadyMutGuard`], and the methods of [`AsyncFd`] whose operation changes the descriptor's owner.

use super::guard::Seen;
use super::{AsyncFd, TryIoError};
use crate::observe::site::Site;
use crate::reactor::interest::Interest;
use crate::reactor::readiness::Direction;
use crate::reactor::ready::Ready;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

/// [`AsyncFdReadyGuard`](super::AsyncFdReadyGuard) with `&mut` access to the descriptor.
#[must_use = "readiness that is neither used nor cleared makes the next wait return at once"]
pub struct AsyncFdReadyMutGuard<'a, T: AsFd> {
    fd: &'a mut AsyncFd<T>,
    seen: Seen,
}

/// # With `&mut` access
///
/// As the methods without `_mut`, with their errors and cancel safety.
impl<T: AsFd> AsyncFd<T> {
    /// [`readable`](AsyncFd::readable).
    ///
    /// ```
    /// use egret_runtime::io::AsyncFd;
    /// use std::io::{Read, Write};
    ///
    /// # egret_runtime::block_on(async {
    /// let (ours, mut theirs) = std::os::unix::net::UnixStream::pair()?;
    /// ours.set_nonblocking(true)?;
    /// let mut ours = AsyncFd::new(ours)?;
    /// theirs.write_all(b"hello")?;
    /// let mut buf = [0; 16];
    /// let n = loop {
    ///     let mut guard = ours.readable_mut().await?;
    ///     match guard.try_io(|fd| fd.get_mut().read(&mut buf)) {
    ///         Ok(read) => break read?,
    ///         Err(_would_block) => continue,
    ///     }
    /// };
    /// assert_eq!(&buf[..n], b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn readable_mut(&mut self) -> impl Future<Output = io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        self.guarded_mut(Direction::Read, Interest::READABLE)
    }

    /// [`writable`](AsyncFd::writable).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable_mut(&mut self) -> impl Future<Output = io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        self.guarded_mut(Direction::Write, Interest::WRITABLE)
    }

    /// [`ready`](AsyncFd::ready).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> impl Future<Output = io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        Site::caller().within(async move {
            self.registration.ready_for(interest).await?;
            Ok(AsyncFdReadyMutGuard::new(self, interest))
        })
    }

    /// [`poll_read_ready`](AsyncFd::poll_read_ready).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_ready_mut(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        ready!(self.registration.poll_ready(cx, Direction::Read))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, Interest::READABLE)))
    }

    /// [`poll_write_ready`](AsyncFd::poll_write_ready).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write_ready_mut(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        ready!(self.registration.poll_ready(cx, Direction::Write))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, Interest::WRITABLE)))
    }

    /// [`async_io`](AsyncFd::async_io), which waits for the first event before it tries.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut op: impl FnMut(&mut T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        Site::caller().within(async move {
            loop {
                self.registration.ready_for(interest).await?;
                match op(self.registration.get_mut()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.registration.clear_for(interest);
                    }
                    result => return result,
                }
            }
        })
    }

    /// [`try_io`](AsyncFd::try_io).
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        op: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        if !self.registration.is_worth_a_call(interest) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        op(self.registration.get_mut()).inspect_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                self.registration.clear_for(interest);
            }
        })
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    fn guarded_mut(
        &mut self,
        direction: Direction,
        interest: Interest,
    ) -> impl Future<Output = io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        Site::caller().within(async move {
            self.registration.ready(direction).await?;
            Ok(AsyncFdReadyMutGuard::new(self, interest))
        })
    }
}

impl<'a, T: AsFd> AsyncFdReadyMutGuard<'a, T> {
    fn new(fd: &'a mut AsyncFd<T>, interest: Interest) -> AsyncFdReadyMutGuard<'a, T> {
        let seen = Seen::new(fd, interest);
        AsyncFdReadyMutGuard { fd, seen }
    }

    /// Returns the readiness of the descriptor: [`AsyncFdReadyGuard::ready`](super::AsyncFdReadyGuard::ready).
    pub fn ready(&self) -> Ready {
        self.seen.ready
    }

    /// Tries `op` once; when it would block, clears the readiness.
    ///
    /// # Errors
    ///
    /// As [`AsyncFdReadyGuard::try_io`](super::AsyncFdReadyGuard::try_io).
    pub fn try_io<R>(
        &mut self,
        op: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match op(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// Clears the readiness: [`AsyncFdReadyGuard::clear_ready`](super::AsyncFdReadyGuard::clear_ready).
    pub fn clear_ready(&mut self) {
        self.clear_ready_matching(Ready::ALL);
    }

    /// Clears a part of it:
    /// [`AsyncFdReadyGuard::clear_ready_matching`](super::AsyncFdReadyGuard::clear_ready_matching).
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        self.seen.clear(self.fd, ready);
    }

    /// Keeps the readiness. This is also what happens without the call.
    pub fn retain_ready(&mut self) {}

    /// Returns the `AsyncFd` that is ready.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.fd
    }

    /// Returns the `AsyncFd` that is ready, mutably.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.fd
    }

    /// Returns the descriptor that is ready.
    pub fn get_inner(&self) -> &T {
        self.fd.get_ref()
    }

    /// Returns the descriptor that is ready, mutably: see [`AsyncFd::get_mut`].
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.fd.get_mut()
    }
}

impl<T: AsFd> fmt::Debug for AsyncFdReadyMutGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFdReadyMutGuard").field("ready", &self.seen.ready).finish_non_exhaustive()
    }
}
