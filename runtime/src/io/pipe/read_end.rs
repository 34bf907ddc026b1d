//! [`ReadEnd`]: reading from descriptors other than sockets.

use super::{AnyDescriptor, Kind};
use crate::io::traits::read_exact;
use crate::io::{AsyncRead, Clears, Direction, Interest, Ready, Registration, Start};
use crate::observe::site::Site;
use crate::reactor::label::SourceLabel;
use crate::sys::{Fd, ReadBuf};
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

/// A descriptor that is read by [`read(2)`](https://man7.org/linux/man-pages/man2/read.2.html).
///
/// [`Receiver`](super::Receiver), [`ChildStdout`](crate::process::ChildStdout) and
/// [`ChildStderr`](crate::process::ChildStderr) are aliases of it, with different `K`.
pub struct ReadEnd<K = AnyDescriptor> {
    pub(super) registration: Registration<Fd>,
    kind: PhantomData<fn() -> K>,
}

/// The least room of a read to the end, and the most it reads at once: the capacity of a pipe. The memory is zeroed
/// each time, so it must not exceed what may arrive.
const LEAST_ROOM: usize = 8 * 1024;
const MOST_ROOM: usize = 64 * 1024;

impl ReadEnd {
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
    pub fn new(fd: Fd) -> Result<ReadEnd, (Fd, io::Error)> {
        Ok(ReadEnd { registration: Registration::new(fd, Start::Unknown)?, kind: PhantomData })
    }

    /// Registers the read end of a FIFO that may have had no writer yet, to wait for the first one: `read(2)` reports
    /// the end of such a FIFO, and `epoll` reports nothing, see
    /// [`pipe(7)`](https://man7.org/linux/man-pages/man7/pipe.7.html) and `poll(2)`.
    ///
    /// Each operation, including [`try_read`](ReadEnd::try_read), waits for the first event, which arrives with the
    /// registration if the FIFO is readable.
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
    pub fn for_fifo(fd: Fd) -> Result<ReadEnd, (Fd, io::Error)> {
        Ok(ReadEnd { registration: Registration::new(fd, Start::Empty)?, kind: PhantomData })
    }
}

impl<K> ReadEnd<K> {
    #[track_caller]
    #[inline]
    pub(crate) fn registered(fd: Fd, start: Start) -> io::Result<ReadEnd<K>> {
        let registration = Registration::new(fd, start).map_err(|(_closed, error)| error)?;
        Ok(ReadEnd::of(registration))
    }

    #[inline]
    pub(crate) fn of(registration: Registration<Fd>) -> ReadEnd<K> {
        ReadEnd { registration, kind: PhantomData }
    }

    /// Says what the descriptor is for, in a dump.
    #[inline]
    pub(crate) fn set_label(&self, label: SourceLabel) {
        self.registration.set_label(label);
    }

    /// Ends the registration and hands the descriptor back, which stays non-blocking.
    #[inline]
    pub fn into_fd(self) -> Fd {
        self.registration.into_inner()
    }

    /// Reads the queued bytes and returns their number; waits until there are some.
    ///
    /// `Ok(0)` means the end, or that `buf` is empty. A pipe is at its end when all its writers have closed it; a
    /// FIFO taken over as a [`Receiver`](super::Receiver) waits for the first writer instead.
    ///
    /// # Errors
    ///
    /// Those of `read(2)`; `Other` when it would wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was taken.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_read(cx, buf)).await })
    }

    /// [`read`](ReadEnd::read) as a poll function. Wakes each task of this runtime that polls it; of other wakers,
    /// such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`read`](ReadEnd::read).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration.poll_transfer(cx, Direction::Read, Clears::WouldBlock, |fd| fd.read(buf))
    }

    /// [`read`](ReadEnd::read) into memory that need not be zeroed. Returns the filled part.
    ///
    /// # Errors
    ///
    /// As [`read`](ReadEnd::read).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was taken.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_uninit<'b>(
        &mut self,
        buf: &'b mut [MaybeUninit<u8>],
    ) -> impl Future<Output = io::Result<&'b mut [u8]>> {
        Site::caller().within(async move {
            let mut buf = ReadBuf::uninit(buf);
            poll_fn(|cx| self.poll_read_uninit(cx, &mut buf)).await?;
            Ok(buf.into_filled())
        })
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn poll_read_uninit(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(0));
        }
        self.registration.poll_transfer(cx, Direction::Read, Clears::WouldBlock, |fd| fd.read_uninit(buf))
    }

    /// [`read`](ReadEnd::read) into several buffers, each filled before the next.
    ///
    /// # Errors
    ///
    /// As [`read`](ReadEnd::read).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was taken.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_read_vectored(cx, bufs)).await })
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.registration.poll_transfer(cx, Direction::Read, Clears::WouldBlock, |fd| fd.read_vectored(bufs))
    }

    /// Fills `buf`, and returns its length.
    ///
    /// # Errors
    ///
    /// As [`read`](ReadEnd::read); [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the end comes first.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, part of `buf` may have been filled, and how much is unknown.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { read_exact(self, buf).await })
    }

    /// Reads until the end and appends to `buf`. Returns the number of bytes.
    ///
    /// # Errors
    ///
    /// As [`read`](ReadEnd::read); the bytes before the error are in `buf`.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the bytes read are in `buf`: another call goes on.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_to_end(&mut self, buf: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            let before = buf.len();
            poll_fn(|cx| self.poll_read_to_end(cx, buf)).await?;
            Ok(buf.len() - before)
        })
    }

    /// [`read_to_end`](ReadEnd::read_to_end) as a poll function.
    ///
    /// # Errors
    ///
    /// As [`read`](ReadEnd::read).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_to_end(&mut self, cx: &mut Context<'_>, buf: &mut Vec<u8>) -> Poll<io::Result<()>> {
        loop {
            let end = buf.len();
            buf.reserve(LEAST_ROOM);
            buf.resize(buf.capacity().min(end + MOST_ROOM), 0);
            let read = self.poll_read(cx, &mut buf[end..]);
            let n = if let Poll::Ready(Ok(n)) = read { n } else { 0 };
            buf.truncate(end + n);
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Waits until there may be something to read, or the end is reached.
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
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration.ready(Direction::Read)
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
        self.registration.try_io_for(Interest::READABLE, |_| op())
    }

    /// [`readable`](ReadEnd::readable) as a poll function; any number of tasks may wait.
    ///
    /// # Errors
    ///
    /// `Other` when it would wait and the runtime is gone.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(cx, Direction::Read)
    }

    /// Reads what is queued.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing is queued; as [`read`](ReadEnd::read).
    #[inline]
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.registration.try_transfer(Direction::Read, Clears::WouldBlock, |fd| fd.read(buf))
    }

    /// [`try_read`](ReadEnd::try_read) into several buffers.
    ///
    /// # Errors
    ///
    /// As [`try_read`](ReadEnd::try_read).
    #[inline]
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Ok(0);
        }
        self.registration.try_transfer(Direction::Read, Clears::WouldBlock, |fd| fd.read_vectored(bufs))
    }
}

impl<K> AsyncRead for ReadEnd<K> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        ReadEnd::poll_read(self, cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(&self.registration)
    }
}

impl<K> AsFd for ReadEnd<K> {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registration.get_ref().as_fd()
    }
}

impl<K> AsRawFd for ReadEnd<K> {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<K: Kind> fmt::Debug for ReadEnd<K> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(K::READ_END).field(self.registration.get_ref()).finish()
    }
}
