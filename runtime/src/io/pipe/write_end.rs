//! [`WriteEnd`]: writing to descriptors other than sockets.

use super::{AnyDescriptor, Kind};
use crate::io::traits::write_all;
use crate::io::{AsyncWrite, Clears, Direction, Interest, Ready, Registration, Start};
use crate::observe::site::Site;
use crate::reactor::label::SourceLabel;
use crate::sys::Fd;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

/// A descriptor that is written by [`write(2)`](https://man7.org/linux/man-pages/man2/write.2.html).
///
/// [`Sender`](super::Sender) and [`ChildStdin`](crate::process::ChildStdin) are aliases of it, with different `K`.
pub struct WriteEnd<K = AnyDescriptor> {
    registration: Registration<Fd>,
    kind: PhantomData<fn() -> K>,
}

impl WriteEnd {
    /// Registers a descriptor, which must be non-blocking.
    ///
    /// # Errors
    ///
    /// As [`Registration::new`], which hands the descriptor back.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn new(fd: Fd) -> Result<WriteEnd, (Fd, io::Error)> {
        Ok(WriteEnd { registration: Registration::new(fd, Start::Unknown)?, kind: PhantomData })
    }
}

impl<K> WriteEnd<K> {
    #[track_caller]
    #[inline]
    pub(crate) fn registered(fd: Fd) -> io::Result<WriteEnd<K>> {
        let registration = Registration::new(fd, Start::Unknown).map_err(|(_closed, error)| error)?;
        Ok(WriteEnd::of(registration))
    }

    #[inline]
    pub(crate) fn of(registration: Registration<Fd>) -> WriteEnd<K> {
        WriteEnd { registration, kind: PhantomData }
    }

    /// Ends the registration and hands the descriptor back, which stays non-blocking.
    #[inline]
    pub fn into_fd(self) -> Fd {
        self.registration.into_inner()
    }

    /// Says what the descriptor is for, in a dump.
    #[inline]
    pub(crate) fn set_label(&self, label: SourceLabel) {
        self.registration.set_label(label);
    }

    /// Writes as much of `buf` as there is room for and returns the number of bytes; waits until there is room.
    ///
    /// At most `PIPE_BUF` (4096) bytes go into a pipe whole or not at all; more may go in part.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the pipe has no reader, and never a `SIGPIPE`; others of
    /// `write(2)`; `Other` when it would wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was written.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_write(cx, buf)).await })
    }

    /// [`write`](WriteEnd::write) as a poll function. Wakes each task of this runtime that polls it; of other wakers,
    /// such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`write`](WriteEnd::write).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration.poll_transfer(cx, Direction::Write, Clears::WouldBlock, |fd| fd.write(buf))
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// As [`write`](WriteEnd::write); the number of bytes written before the error is unknown.
    /// [`WriteZero`](io::ErrorKind::WriteZero) if the kernel takes nothing without an error, which it does not.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, part of `buf` may have been written, and how much is unknown.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(async move { write_all(self, buf).await })
    }

    /// [`write`](WriteEnd::write) of several buffers, in order, as one.
    ///
    /// # Errors
    ///
    /// As [`write`](WriteEnd::write).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was written.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_write_vectored(cx, bufs)).await })
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.registration
            .poll_transfer(cx, Direction::Write, Clears::WouldBlock, |fd| fd.write_vectored(bufs))
    }

    /// Does nothing: there is no buffer.
    ///
    /// # Errors
    ///
    /// None.
    #[inline]
    pub async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Waits until there may be room to write, or the readers are gone.
    ///
    /// # Errors
    ///
    /// `Other` when it would wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration.ready(Direction::Write)
    }

    /// Waits until the kernel has reported one of `interest`, and returns those of it that are reported.
    ///
    /// # Errors
    ///
    /// `Other` when it would wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        self.registration.ready_for(interest)
    }

    /// Tries a custom operation on the descriptor, once, unless it is known not to be ready.
    ///
    /// `op` makes one system call on this descriptor and returns [`WouldBlock`](io::ErrorKind::WouldBlock) if, and only
    /// if, the call did: readiness is cleared by it.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a call of `op` when the descriptor is known not to be ready;
    /// the errors of `op`.
    #[inline]
    pub fn try_io<R>(&self, op: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.registration.try_io_for(Interest::WRITABLE, |_| op())
    }

    /// [`writable`](WriteEnd::writable) as a poll function; any number of tasks may wait.
    ///
    /// # Errors
    ///
    /// `Other` when it would wait and the runtime is gone.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, Direction::Write)
    }

    /// Writes as many bytes as there is room for.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is none; as [`write`](WriteEnd::write).
    #[inline]
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.registration.try_transfer(Direction::Write, Clears::WouldBlock, |fd| fd.write(buf))
    }

    /// [`try_write`](WriteEnd::try_write) of several buffers.
    ///
    /// # Errors
    ///
    /// As [`try_write`](WriteEnd::try_write).
    #[inline]
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Ok(0);
        }
        self.registration.try_transfer(Direction::Write, Clears::WouldBlock, |fd| fd.write_vectored(bufs))
    }
}

impl<K> AsyncWrite for WriteEnd<K> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        WriteEnd::poll_write(self, cx, buf)
    }

    #[inline]
    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(&self.registration)
    }
}

impl<K> AsFd for WriteEnd<K> {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registration.get_ref().as_fd()
    }
}

impl<K> AsRawFd for WriteEnd<K> {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<K: Kind> fmt::Debug for WriteEnd<K> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(K::WRITE_END).field(self.registration.get_ref()).finish()
    }
}
