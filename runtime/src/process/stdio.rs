//! The pipes to and from a child: a [`WriteEnd`] and two [`ReadEnd`]s.
//!
//! This process's end has its own open file description, so making it non-blocking does not affect the child.

use crate::io::Start;
use crate::io::pipe::{Kind, ReadEnd, WriteEnd, blocking};
use crate::sys::Fd;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;

/// The pipe to the standard input of a child: [`Child::stdin`](super::Child::stdin). The child sees the end of its
/// input when it is dropped.
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_owned_fd`](ChildStdin::into_owned_fd) takes it out.
pub type ChildStdin = WriteEnd<OfChildStdin>;

/// The pipe from the standard output of a child: [`Child::stdout`](super::Child::stdout).
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_owned_fd`](ChildStdout::into_owned_fd) takes it out.
pub type ChildStdout = ReadEnd<OfChildStdout>;

/// The pipe from the standard error of a child: [`Child::stderr`](super::Child::stderr).
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_owned_fd`](ChildStderr::into_owned_fd) takes it out.
pub type ChildStderr = ReadEnd<OfChildStderr>;

/// The kind of [`ChildStdin`].
pub enum OfChildStdin {}

impl Kind for OfChildStdin {
    const WRITE_END: &'static str = "ChildStdin";
}

/// The kind of [`ChildStdout`].
pub enum OfChildStdout {}

impl Kind for OfChildStdout {
    const READ_END: &'static str = "ChildStdout";
}

/// The kind of [`ChildStderr`].
pub enum OfChildStderr {}

impl Kind for OfChildStderr {
    const READ_END: &'static str = "ChildStderr";
}

/// The kinds of the pipes from a child.
pub trait ChildOutput: Kind {
    /// std's type of the same name in [`std::process`].
    type Std: Into<OwnedFd>;
}

impl ChildOutput for OfChildStdout {
    type Std = std::process::ChildStdout;
}

impl ChildOutput for OfChildStderr {
    type Std = std::process::ChildStderr;
}

impl WriteEnd<OfChildStdin> {
    #[track_caller]
    #[inline]
    pub(super) fn from_fd(pipe: Fd) -> io::Result<ChildStdin> {
        pipe.set_nonblocking(true)?;
        WriteEnd::registered(pipe)
    }

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
        WriteEnd::from_fd(OwnedFd::from(inner).into())
    }

    /// Takes the pipe out of the runtime and makes it blocking.
    ///
    /// # Errors
    ///
    /// None today.
    #[inline]
    pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
        blocking(self.into_fd())
    }
}

impl<K: ChildOutput> ReadEnd<K> {
    #[track_caller]
    #[inline]
    pub(super) fn from_fd(pipe: Fd) -> io::Result<ReadEnd<K>> {
        pipe.set_nonblocking(true)?;
        ReadEnd::registered(pipe, Start::Unknown)
    }

    /// Takes over std's pipe: the type of the same name in [`std::process`].
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
    pub fn from_std(inner: K::Std) -> io::Result<ReadEnd<K>> {
        ReadEnd::from_fd(inner.into().into())
    }

    /// Takes the pipe out of the runtime and makes it blocking.
    ///
    /// # Errors
    ///
    /// None today.
    #[inline]
    pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
        blocking(self.into_fd())
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

impl<K: ChildOutput> TryFrom<ReadEnd<K>> for Stdio {
    type Error = io::Error;

    /// For the stream of another child.
    #[inline]
    fn try_from(pipe: ReadEnd<K>) -> io::Result<Stdio> {
        Ok(pipe.into_owned_fd()?.into())
    }
}
