//! [`Receiver`]: the end of a pipe that is read.

use super::{End, blocking, check};
use egret_runtime::io::pipe::ReadEnd;
use egret_runtime::io::{AsyncRead, Registration};
use egret_runtime::sys::Fd;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll};

/// The end of a pipe that is read, made by [`pipe`](super::pipe()) or
/// [`open_receiver`](super::OpenOptions::open_receiver).
///
/// It belongs to the runtime that it was made in and is not `Send`;
/// [`into_nonblocking_fd`](Receiver::into_nonblocking_fd) takes it out.
#[derive(Debug)]
pub struct Receiver(ReadEnd);

impl Receiver {
    /// The end of a pipe that has a writer.
    #[track_caller]
    #[inline]
    pub(super) fn new(fd: Fd) -> io::Result<Receiver> {
        ReadEnd::new(fd).map(Receiver).map_err(|(_closed, error)| error)
    }

    /// What may be a FIFO, and may not have had a writer yet.
    #[track_caller]
    #[inline]
    pub(super) fn for_fifo(fd: Fd) -> io::Result<Receiver> {
        ReadEnd::for_fifo(fd).map(Receiver).map_err(|(_closed, error)| error)
    }

    /// Takes over the end of a pipe and makes it non-blocking, for whoever else has a duplicate of the descriptor too.
    ///
    /// A FIFO that had no writer when it was opened waits for the first one, as by
    /// [`open_receiver`](super::OpenOptions::open_receiver).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no pipe, or not open for reading; those of
    /// `epoll_ctl(2)`. The descriptor is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Receiver> {
        let fd = check(owned_fd, End::Reading)?;
        fd.set_nonblocking(true)?;
        Receiver::for_fifo(fd)
    }

    /// Takes over a descriptor that is known to be non-blocking and the right end of a pipe. Of what is not, every
    /// operation is an error, or has the loop wait.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl(2)`. The descriptor is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<Receiver> {
        Receiver::for_fifo(owned_fd.into())
    }

    /// [`from_owned_fd`](Receiver::from_owned_fd) for an open file, with its errors and panics.
    #[track_caller]
    #[inline]
    pub fn from_file(file: File) -> io::Result<Receiver> {
        Receiver::from_owned_fd(file.into())
    }

    /// [`from_owned_fd_unchecked`](Receiver::from_owned_fd_unchecked) for an open file, with its errors and panics.
    #[track_caller]
    #[inline]
    pub fn from_file_unchecked(file: File) -> io::Result<Receiver> {
        Receiver::from_owned_fd_unchecked(file.into())
    }

    /// Takes the pipe out of the runtime. It stays non-blocking.
    ///
    /// # Errors
    ///
    /// None today.
    #[inline]
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        Ok(self.0.into_fd().into())
    }

    /// Takes the pipe out of the runtime and has its calls wait, as those of a child process expect that it becomes
    /// the standard input of.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::unix::pipe;
    /// use std::fs::File;
    /// use std::io::{Read, Write};
    ///
    /// let (sender, receiver) = pipe::pipe()?;
    /// let mut sender = sender;
    /// sender.write_all(b"hello").await?;
    /// let mut hello = [0; 5];
    /// File::from(receiver.into_blocking_fd()?).read_exact(&mut hello)?;
    /// assert_eq!(&hello, b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        blocking(self.0.into_fd())
    }

    /// Reads what has come, waiting until something has. 0 is the end: all writers have closed the pipe. A FIFO that has
    /// had no writer since it was opened is not at its end. As [`ReadEnd::read`], with its errors and cancel safety.
    #[inline]
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).await
    }

    /// [`read`](Receiver::read) as a poll function. As
    /// [`ReadEnd::poll_read`], with its errors.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }

    /// [`read`](Receiver::read) into memory that need not have been zeroed. As
    /// [`ReadEnd::read_uninit`], with its errors and cancel safety.
    #[inline]
    pub async fn read_uninit<'b>(&mut self, buf: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b mut [u8]> {
        self.0.read_uninit(buf).await
    }

    /// [`read`](Receiver::read) into several buffers. As
    /// [`ReadEnd::read_vectored`], with its errors and cancel safety.
    #[inline]
    pub async fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read_vectored(bufs).await
    }

    /// Reads until `buf` is full. As
    /// [`ReadEnd::read_exact`], with its errors and cancel safety.
    #[inline]
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_exact(buf).await
    }

    /// Reads until the end and appends to `buf`. As
    /// [`ReadEnd::read_to_end`], with its errors and cancel safety.
    #[inline]
    pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.0.read_to_end(buf).await
    }

    /// Waits until there may be something to read, or the end. As
    /// [`ReadEnd::readable`], with its errors and cancel safety.
    #[inline]
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// [`readable`](Receiver::readable) as a poll function. As
    /// [`ReadEnd::poll_read_ready`], with its errors.
    #[inline]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }

    /// Reads what is there. As
    /// [`ReadEnd::try_read`], with its errors.
    #[inline]
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }

    /// [`try_read`](Receiver::try_read) into several buffers. As
    /// [`ReadEnd::try_read_vectored`], with its errors.
    #[inline]
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.try_read_vectored(bufs)
    }
}

impl AsyncRead for Receiver {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        self.0.as_registration()
    }
}

impl AsFd for Receiver {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Receiver {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
