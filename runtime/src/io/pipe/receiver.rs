//! [`Receiver`]: the end of a pipe that is read.

use super::{End, OfPipe, ReadEnd, blocking, check};
use crate::io::Start;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// The end of a pipe that is read, made by [`pipe`](super::pipe()) or
/// [`open_receiver`](super::OpenOptions::open_receiver).
///
/// It belongs to the runtime that it was made in and is not `Send`;
/// [`into_nonblocking_fd`](Receiver::into_nonblocking_fd) takes it out.
pub type Receiver = ReadEnd<OfPipe>;

impl ReadEnd<OfPipe> {
    /// Takes over the end of a pipe and makes it non-blocking, also for every duplicate of the descriptor.
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
        Receiver::registered(fd, Start::Empty)
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

    /// Takes the pipe out of the runtime and has its calls wait, as those of a child process expect that it becomes
    /// the standard input of.
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
