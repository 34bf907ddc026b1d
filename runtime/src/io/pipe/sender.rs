//! [`Sender`]: the end of a pipe that is written.

use super::{End, OfPipe, WriteEnd, blocking, check};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// The end of a pipe that is written, made by [`pipe`](super::pipe()) or
/// [`open_sender`](super::OpenOptions::open_sender). Dropping it is what the other end sees as the end of the stream,
/// when no other descriptor is open for writing.
///
/// It belongs to the runtime that it was made in and is not `Send`;
/// [`into_nonblocking_fd`](Sender::into_nonblocking_fd) takes it out.
pub type Sender = WriteEnd<OfPipe>;

impl WriteEnd<OfPipe> {
    /// Takes over the end of a pipe and makes it non-blocking, also for every duplicate of the descriptor.
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
        Sender::registered(fd)
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

    /// Takes the pipe out of the runtime and has its calls wait, as those of a child process expect that it becomes
    /// the standard output of.
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
