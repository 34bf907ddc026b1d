//! [`AsyncFd`]: any descriptor that `epoll` takes, as futures.
//!
//! A [`Registration`] that only `EAGAIN` clears: a short transfer proves nothing on a descriptor of unknown kind.

mod by_mut;
mod error;
mod guard;

pub use by_mut::AsyncFdReadyMutGuard;
pub use error::AsyncFdTryNewError;
pub use guard::{AsyncFdReadyGuard, TryIoError};

use crate::observe::site::Site;
use crate::reactor::interest::Interest;
use crate::reactor::readiness::{Direction, Start};
use crate::reactor::registration::Registration;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

/// A descriptor of your own, registered with the reactor: a socket of a kind that egret has no type for, a
/// pipe, a timerfd, a pidfd, a terminal, inotify.
///
/// The descriptor must be non-blocking (`O_NONBLOCK`); egret does not change its flags, which other descriptors may
/// share. It stays registered, edge-triggered and for everything unless it was made by
/// [`with_interest`](AsyncFd::with_interest), until the `AsyncFd` is dropped or taken apart by
/// [`into_inner`](AsyncFd::into_inner).
///
/// A closure given to [`read_with`](AsyncFd::read_with) and the like makes one attempt and returns
/// [`WouldBlock`](io::ErrorKind::WouldBlock) if, and only if, the system call did. Any number of tasks may
/// wait on one `AsyncFd`: an event wakes them all.
///
/// ```
/// use egret_runtime::io::AsyncFd;
/// use std::io::{Read, Write};
///
/// # egret_runtime::block_on(async {
/// // One of a pair of connected sockets as the descriptor.
/// let (ours, mut theirs) = std::os::unix::net::UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let ours = AsyncFd::new(ours)?;
///
/// theirs.write_all(b"hello")?;
/// let mut buffer = [0; 16];
/// let n = ours.read_with(|mut fd| fd.read(&mut buffer)).await?;
/// assert_eq!(&buffer[..n], b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`epoll(7)`](https://man7.org/linux/man-pages/man7/epoll.7.html).
pub struct AsyncFd<T: AsFd> {
    registration: Registration<T>,
}

impl<T: AsFd> AsyncFd<T> {
    /// Registers a descriptor.
    ///
    /// # Errors
    ///
    /// As [`try_new`](AsyncFd::try_new), which returns the descriptor on failure; this closes it.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    pub fn new(inner: T) -> io::Result<AsyncFd<T>> {
        AsyncFd::try_new(inner).map_err(Into::into)
    }

    /// Registers a descriptor, or returns it with the error.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) (`EPERM`) for a regular file or a directory,
    /// which are always ready and cannot be polled; [`AlreadyExists`](io::ErrorKind::AlreadyExists) for a
    /// descriptor that is registered already; other errors of
    /// [`epoll_ctl(2)`](https://man7.org/linux/man-pages/man2/epoll_ctl.2.html).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_runtime::io::AsyncFd;
    /// let file = std::fs::File::open("/proc/self/exe").unwrap();
    /// let refused = AsyncFd::try_new(file).unwrap_err();
    /// assert!(refused.to_string().contains("regular file"));
    /// let (_file, error) = refused.into_parts();
    /// assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    /// # });
    /// ```
    #[track_caller]
    pub fn try_new(inner: T) -> Result<AsyncFd<T>, AsyncFdTryNewError<T>> {
        match Registration::new(inner, Start::Unknown) {
            Ok(registration) => Ok(AsyncFd { registration }),
            Err((inner, cause)) => Err(AsyncFdTryNewError { inner, cause }),
        }
    }

    /// Registers a descriptor for some events alone: fewer wake-ups of the loop, for a descriptor that is only read,
    /// say. A wait or an operation for anything else does not end once it has to wait. Errors are always reported.
    ///
    /// # Errors
    ///
    /// As [`try_new`](AsyncFd::try_new).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// use egret_runtime::io::{AsyncFd, Interest};
    /// use std::io::{Read, Write};
    ///
    /// # egret_runtime::block_on(async {
    /// let (ours, mut theirs) = std::os::unix::net::UnixStream::pair()?;
    /// ours.set_nonblocking(true)?;
    /// let ours = AsyncFd::with_interest(ours, Interest::READABLE)?;
    /// theirs.write_all(b"hello")?;
    /// assert_eq!(ours.read_with(|mut fd| fd.read(&mut [0; 16])).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
        AsyncFd::try_with_interest(inner, interest).map_err(Into::into)
    }

    /// [`with_interest`](AsyncFd::with_interest), or the descriptor with the error.
    ///
    /// # Errors
    ///
    /// As [`try_new`](AsyncFd::try_new).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    pub fn try_with_interest(inner: T, interest: Interest) -> Result<AsyncFd<T>, AsyncFdTryNewError<T>> {
        match Registration::with_interest(inner, Start::Unknown, interest) {
            Ok(registration) => Ok(AsyncFd { registration }),
            Err((inner, cause)) => Err(AsyncFdTryNewError { inner, cause }),
        }
    }

    /// Returns the descriptor.
    pub fn get_ref(&self) -> &T {
        self.registration.get_ref()
    }

    /// Returns the descriptor, mutably. Do not replace it: closing it here leaves a registration that is never ended.
    pub fn get_mut(&mut self) -> &mut T {
        self.registration.get_mut()
    }

    /// Ends the registration and returns the descriptor.
    pub fn into_inner(self) -> T {
        self.registration.into_inner()
    }

    /// Reads with `op`, which is retried after each event until it does not return `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`; `Other` when it has to wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it resolves, `op` has not succeeded.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> impl Future<Output = io::Result<R>> {
        self.registration.io(Direction::Read, op)
    }

    /// Writes with `op`, which is retried after each event until it does not return `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`; `Other` when it has to wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it resolves, `op` has not succeeded.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> impl Future<Output = io::Result<R>> {
        self.registration.io(Direction::Write, op)
    }

    /// Tries `op` for `interest`, after each event again, until it does not return `WouldBlock`, which clears all of
    /// `interest`. One direction alone is tried at once; other sets wait for their first event.
    ///
    /// # Errors
    ///
    /// Those of `op`; `Other` when it has to wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it resolves, `op` has not succeeded.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn async_io<R>(
        &self,
        interest: Interest,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.registration.io_for(interest, op)
    }

    /// Tries `op` once, unless the descriptor is known not to be ready for `interest`. `WouldBlock` clears all of
    /// `interest`.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), and those of `op`.
    pub fn try_io<R>(&self, interest: Interest, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.registration.try_io_for(interest, op)
    }

    /// [`read_with`](AsyncFd::read_with) as a poll function. An event wakes every task of this runtime that has
    /// polled; of other wakers, such as those of `FuturesUnordered`, the last. A waker is kept until the next event of
    /// the direction, also when the caller no longer polls.
    ///
    /// # Errors
    ///
    /// Those of `op`; `Other` when it has to wait and the runtime is gone.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_with<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.registration.poll_io(cx, Direction::Read, op)
    }

    /// [`write_with`](AsyncFd::write_with) as a poll function, with the wakers of
    /// [`poll_read_with`](AsyncFd::poll_read_with).
    ///
    /// # Errors
    ///
    /// Those of `op`; `Other` when it has to wait and the runtime is gone.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.registration.poll_io(cx, Direction::Write, op)
    }

    /// Waits until the kernel has reported the descriptor as readable.
    ///
    /// The first report comes with the registration, if the descriptor is readable then. It stays readable until an
    /// operation through the guard, or through the `AsyncFd`, returns `WouldBlock`, or until
    /// [`clear_ready`](AsyncFdReadyGuard::clear_ready): a loop that reads from the descriptor directly and waits again
    /// spins.
    ///
    /// # Errors
    ///
    /// `Other` when it has to wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it resolves loses nothing.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn readable(&self) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        self.guarded(Direction::Read, Interest::READABLE)
    }

    /// Waits until the kernel has reported the descriptor as writable: see [`readable`](AsyncFd::readable).
    ///
    /// # Errors
    ///
    /// `Other` when it has to wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it resolves loses nothing.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable(&self) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        self.guarded(Direction::Write, Interest::WRITABLE)
    }

    /// Waits until the kernel has reported one of `interest`; [`AsyncFdReadyGuard::ready`] says which. See
    /// [`readable`](AsyncFd::readable). The end of the stream ([`Ready::READ_CLOSED`](crate::io::Ready::READ_CLOSED))
    /// is never cleared.
    ///
    /// # Errors
    ///
    /// `Other` when it has to wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it resolves loses nothing.
    ///
    /// ```
    /// use egret_runtime::io::{AsyncFd, Interest, Ready};
    ///
    /// # egret_runtime::block_on(async {
    /// let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    /// ours.set_nonblocking(true)?;
    /// let ours = AsyncFd::new(ours)?;
    /// let mut guard = ours.ready(Interest::READABLE | Interest::WRITABLE).await?;
    /// assert_eq!(guard.ready(), Ready::WRITABLE);
    /// guard.clear_ready_matching(Ready::WRITABLE);
    ///
    /// drop(theirs);
    /// let guard = ours.ready(Interest::READABLE).await?;
    /// assert!(guard.ready().is_read_closed());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        Site::caller().within(async move {
            self.registration.ready_for(interest).await?;
            Ok(AsyncFdReadyGuard::new(self, interest))
        })
    }

    /// [`readable`](AsyncFd::readable) as a poll function, with the wakers of
    /// [`poll_read_with`](AsyncFd::poll_read_with).
    ///
    /// # Errors
    ///
    /// `Other` when it has to wait and the runtime is gone.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        self.poll_guard(cx, Direction::Read, Interest::READABLE)
    }

    /// [`writable`](AsyncFd::writable) as a poll function, with the wakers of
    /// [`poll_read_with`](AsyncFd::poll_read_with).
    ///
    /// # Errors
    ///
    /// `Other` when it has to wait and the runtime is gone.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        self.poll_guard(cx, Direction::Write, Interest::WRITABLE)
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    fn guarded(
        &self,
        direction: Direction,
        interest: Interest,
    ) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        Site::caller().within(async move {
            self.registration.ready(direction).await?;
            Ok(AsyncFdReadyGuard::new(self, interest))
        })
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_guard(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        interest: Interest,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        ready!(self.registration.poll_ready(cx, direction))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, interest)))
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncFd").field(self.get_ref()).finish()
    }
}
