//! [`Sender`]: the write end of a pipe.

use super::{OfPipe, PipeEnd, WriteEnd, blocking, check};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// The write end of a pipe, made by [`pipe`](super::pipe()) or [`open_sender`](super::OpenOptions::open_sender). The
/// reader sees the end of the stream once all descriptors for writing are closed.
///
/// It belongs to the runtime that it was made in and is not `Send`;
/// [`into_nonblocking_fd`](Sender::into_nonblocking_fd) takes it out.
pub type Sender = WriteEnd<OfPipe>;

impl WriteEnd<OfPipe> {
    /// Takes over the write end of a pipe and makes it non-blocking, also for each duplicate of the descriptor.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for any other descriptor than a pipe open for writing; those of
    /// `epoll_ctl(2)`. The descriptor is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Sender> {
        let fd = check(owned_fd, PipeEnd::Writing)?;
        fd.set_nonblocking(true)?;
        Sender::registered(fd)
    }

    /// Takes over a descriptor without checks: it must be non-blocking and the write end of a pipe. Otherwise every
    /// operation fails, or blocks the loop.
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
        Sender::registered(owned_fd.into())
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
        Ok(self.into_fd().into())
    }

    /// Takes the pipe out of the runtime and makes it blocking, for use as the standard output of a child process.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_runtime::io::pipe;
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
        blocking(self.into_fd())
    }
}
