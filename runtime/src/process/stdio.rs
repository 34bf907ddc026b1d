//! The pipes to and from a child.
//!
//! The end that this process has is an open file description of its own, so it can be non-blocking without the child
//! seeing that of its own end.

use crate::io::pipe::{ReadEnd, WriteEnd};
use crate::io::{AsyncRead, AsyncWrite, Registration};
use crate::sys::Fd;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::Stdio;
use std::task::{Context, Poll};

/// Takes over a pipe of std's.
#[inline]
fn nonblocking(pipe: impl Into<OwnedFd>) -> io::Result<Fd> {
    let fd = Fd::from(pipe.into());
    fd.set_nonblocking(true)?;
    Ok(fd)
}

/// Hands a pipe out as the program of a child expects it, or std.
#[inline]
fn blocking(fd: Fd) -> io::Result<OwnedFd> {
    fd.set_nonblocking(false)?;
    Ok(fd.into())
}

/// The pipe to the standard input of a child: [`Child::stdin`](super::Child::stdin). Dropping it is what the child sees as
/// the end of its input.
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_owned_fd`](ChildStdin::into_owned_fd) takes it out.
#[derive(Debug)]
pub struct ChildStdin(WriteEnd);

impl ChildStdin {
    /// Takes over a pipe of std's.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl(2)`. The pipe is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_std(inner: std::process::ChildStdin) -> io::Result<ChildStdin> {
        WriteEnd::new(nonblocking(inner)?).map(ChildStdin).map_err(|(_closed, error)| error)
    }

    /// Takes the pipe out of the runtime and has its calls wait again.
    ///
    /// # Errors
    ///
    /// None today.
    #[inline]
    pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
        blocking(self.0.into_fd())
    }

    /// Writes as much of `buf` as there is room for, waiting until there is some. As
    /// [`WriteEnd::write`], with its errors and cancel safety.
    #[inline]
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf).await
    }

    /// [`write`](ChildStdin::write) as a poll function. As
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

    /// Does nothing: no bytes are held back. As
    /// [`WriteEnd::flush`], with its errors and cancel safety.
    #[inline]
    pub async fn flush(&mut self) -> io::Result<()> {
        self.0.flush().await
    }
}

impl AsyncWrite for ChildStdin {
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

impl TryFrom<ChildStdin> for Stdio {
    type Error = io::Error;

    /// For the stream of another child.
    #[inline]
    fn try_from(pipe: ChildStdin) -> io::Result<Stdio> {
        Ok(pipe.into_owned_fd()?.into())
    }
}

impl AsFd for ChildStdin {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for ChildStdin {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The pipe from the standard output of a child: [`Child::stdout`](super::Child::stdout).
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_owned_fd`](ChildStdout::into_owned_fd) takes it out.
#[derive(Debug)]
pub struct ChildStdout(ReadEnd);

impl ChildStdout {
    /// Takes over a pipe of std's.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl(2)`. The pipe is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_std(inner: std::process::ChildStdout) -> io::Result<ChildStdout> {
        ReadEnd::new(nonblocking(inner)?).map(ChildStdout).map_err(|(_closed, error)| error)
    }

    /// Takes the pipe out of the runtime and has its calls wait again.
    ///
    /// # Errors
    ///
    /// None today.
    #[inline]
    pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
        blocking(self.0.into_fd())
    }

    /// Reads what has come, waiting until something has. As
    /// [`ReadEnd::read`], with its errors and cancel safety.
    #[inline]
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).await
    }

    /// [`read`](ChildStdout::read) as a poll function. As
    /// [`ReadEnd::poll_read`], with its errors.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }

    /// [`read`](ChildStdout::read) into memory that need not have been zeroed. As
    /// [`ReadEnd::read_uninit`], with its errors and cancel safety.
    #[inline]
    pub async fn read_uninit<'b>(&mut self, buf: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b mut [u8]> {
        self.0.read_uninit(buf).await
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

    #[inline]
    pub(super) fn poll_read_to_end(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read_to_end(cx, buf)
    }
}

impl AsyncRead for ChildStdout {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        self.0.as_registration()
    }
}

impl TryFrom<ChildStdout> for Stdio {
    type Error = io::Error;

    /// For the stream of another child.
    #[inline]
    fn try_from(pipe: ChildStdout) -> io::Result<Stdio> {
        Ok(pipe.into_owned_fd()?.into())
    }
}

impl AsFd for ChildStdout {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for ChildStdout {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The pipe from the standard error of a child: [`Child::stderr`](super::Child::stderr).
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_owned_fd`](ChildStderr::into_owned_fd) takes it out.
#[derive(Debug)]
pub struct ChildStderr(ReadEnd);

impl ChildStderr {
    /// Takes over a pipe of std's.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl(2)`. The pipe is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_std(inner: std::process::ChildStderr) -> io::Result<ChildStderr> {
        ReadEnd::new(nonblocking(inner)?).map(ChildStderr).map_err(|(_closed, error)| error)
    }

    /// Takes the pipe out of the runtime and has its calls wait again.
    ///
    /// # Errors
    ///
    /// None today.
    #[inline]
    pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
        blocking(self.0.into_fd())
    }

    /// Reads what has come, waiting until something has. As
    /// [`ReadEnd::read`], with its errors and cancel safety.
    #[inline]
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).await
    }

    /// [`read`](ChildStderr::read) as a poll function. As
    /// [`ReadEnd::poll_read`], with its errors.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }

    /// [`read`](ChildStderr::read) into memory that need not have been zeroed. As
    /// [`ReadEnd::read_uninit`], with its errors and cancel safety.
    #[inline]
    pub async fn read_uninit<'b>(&mut self, buf: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b mut [u8]> {
        self.0.read_uninit(buf).await
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

    #[inline]
    pub(super) fn poll_read_to_end(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read_to_end(cx, buf)
    }
}

impl AsyncRead for ChildStderr {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        self.0.as_registration()
    }
}

impl TryFrom<ChildStderr> for Stdio {
    type Error = io::Error;

    /// For the stream of another child.
    #[inline]
    fn try_from(pipe: ChildStderr) -> io::Result<Stdio> {
        Ok(pipe.into_owned_fd()?.into())
    }
}

impl AsFd for ChildStderr {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for ChildStderr {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
