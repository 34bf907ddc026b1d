//! [`Receiver`]: the read end of a pipe.

use super::{OfPipe, PipeEnd, ReadEnd, blocking, check};
use crate::io::Start;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// The read end of a pipe, made by [`pipe`](super::pipe()) or [`open_receiver`](super::OpenOptions::open_receiver).
///
/// It belongs to the runtime that it was made in and is not `Send`;
/// [`into_nonblocking_fd`](Receiver::into_nonblocking_fd) takes it out.
pub type Receiver = ReadEnd<OfPipe>;

impl ReadEnd<OfPipe> {
    /// Takes over the read end of a pipe and makes it non-blocking, also for each duplicate of the descriptor.
    ///
    /// A FIFO that had no writer when it was opened waits for the first one, as by
    /// [`open_receiver`](super::OpenOptions::open_receiver).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for any other descriptor than a pipe open for reading; those of
    /// `epoll_ctl(2)`. The descriptor is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Receiver> {
        let fd = check(owned_fd, PipeEnd::Reading)?;
        fd.set_nonblocking(true)?;
        Receiver::registered(fd, Start::Empty)
    }

    /// Takes over a descriptor without checks: it must be non-blocking and the read end of a pipe. Otherwise every
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
    pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<Receiver> {
        Receiver::registered(owned_fd.into(), Start::Empty)
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
        Ok(self.into_fd().into())
    }

    /// Takes the pipe out of the runtime and makes it blocking, for use as the standard input of a child process.
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
        blocking(self.into_fd())
    }
}
