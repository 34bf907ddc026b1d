//! [`Sender`]: the end of a pipe that is written.

use super::{End, blocking, check};
use egret_runtime::io::pipe::WriteEnd;
use egret_runtime::io::{AsyncWrite, Registration};
use egret_runtime::sys::Fd;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll};

/// The end of a pipe that is written, made by [`pipe`](super::pipe()) or
/// [`open_sender`](super::OpenOptions::open_sender). Dropping it is what the other end sees as the end of the stream,
/// when no other descriptor is open for writing.
///
/// It belongs to the runtime that it was made in and is not `Send`;
/// [`into_nonblocking_fd`](Sender::into_nonblocking_fd) takes it out.
#[derive(Debug)]
pub struct Sender(WriteEnd);

impl Sender {
    #[track_caller]
    #[inline]
    pub(super) fn new(fd: Fd) -> io::Result<Sender> {
        WriteEnd::new(fd).map(Sender).map_err(|(_closed, error)| error)
    }

    /// Takes over the end of a pipe and makes it non-blocking, for whoever else has a duplicate of the descriptor too.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no pipe, or not open for writing; those of
    /// `epoll_ctl(2)`. The descriptor is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Sender> {
        let fd = check(owned_fd, End::Writing)?;
        fd.set_nonblocking(true)?;
        Sender::new(fd)
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
    pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<Sender> {
        Sender::new(owned_fd.into())
    }

    /// [`from_owned_fd`](Sender::from_owned_fd) for an open file, with its errors and panics.
    #[track_caller]
    #[inline]
    pub fn from_file(file: File) -> io::Result<Sender> {
        Sender::from_owned_fd(file.into())
    }

    /// [`from_owned_fd_unchecked`](Sender::from_owned_fd_unchecked) for an open file, with its errors and panics.
    #[track_caller]
    #[inline]
    pub fn from_file_unchecked(file: File) -> io::Result<Sender> {
        Sender::from_owned_fd_unchecked(file.into())
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
    /// the standard output of.
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
    /// let mut receiver = receiver;
    /// File::from(sender.into_blocking_fd()?).write_all(b"hello")?;
    /// let mut hello = [0; 5];
    /// receiver.read_exact(&mut hello).await?;
    /// assert_eq!(&hello, b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        blocking(self.0.into_fd())
    }

    /// Writes as much of `buf` as there is room for, waiting until there is some. As
    /// [`WriteEnd::write`], with its errors and cancel safety.
    #[inline]
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf).await
    }

    /// [`write`](Sender::write) as a poll function. As
    /// [`WriteEnd::poll_write`], with its errors.
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, buf)
    }

    /// Writes all of `buf`. As
    /// [`WriteEnd::write_all`], with its errors and cancel safety.
    #[inline]
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.0.write_all(buf).await
    }

    /// [`write`](Sender::write) of several buffers, in order, as one. As
    /// [`WriteEnd::write_vectored`], with its errors and cancel safety.
    #[inline]
    pub async fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs).await
    }

    /// Does nothing: no bytes are held back. As
    /// [`WriteEnd::flush`], with its errors and cancel safety.
    #[inline]
    pub async fn flush(&mut self) -> io::Result<()> {
        self.0.flush().await
    }

    /// Waits until there may be room to write, or nobody reads any more. As
    /// [`WriteEnd::writable`], with its errors and cancel safety.
    #[inline]
    pub async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// [`writable`](Sender::writable) as a poll function. As
    /// [`WriteEnd::poll_write_ready`], with its errors.
    #[inline]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(cx)
    }

    /// Writes what there is room for. As
    /// [`WriteEnd::try_write`], with its errors.
    #[inline]
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    /// [`try_write`](Sender::try_write) of several buffers. As
    /// [`WriteEnd::try_write_vectored`], with its errors.
    #[inline]
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bufs)
    }
}

impl AsyncWrite for Sender {
    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, buf)
    }

    #[inline]
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        self.0.as_registration()
    }
}

impl AsFd for Sender {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Sender {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
