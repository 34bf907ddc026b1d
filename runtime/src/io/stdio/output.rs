//! [`Stdout`] and [`Stderr`].

use super::on_thread::WriteOnThread;
use super::{StreamUse, charged, way_for};
use crate::io::pipe::WriteEnd;
use crate::io::traits::write_all;
use crate::io::{AsyncWrite, Clears, Direction, Registration, Start};
use crate::observe::site::Site;
use crate::reactor::label::SourceLabel;
use crate::sys::{Access, Fd};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};

/// Standard output, from [`stdout`].
///
/// Unbuffered: each write is one system call, and its bytes are then with the kernel. Bytes that `print!` has left in
/// std's buffer come later, unless that is flushed first.
pub type Stdout = StandardStream<OfStdout>;

/// Standard error, from [`stderr`]: as [`Stdout`].
pub type Stderr = StandardStream<OfStderr>;

/// Returns standard output, for tasks that wait until there is room.
///
/// A terminal stopped by Ctrl-S, or a pipe with a slow reader, delays the writing task and not the loop; a file
/// delays both for as long as the disk takes. The flags, which the parent shares, are never changed.
///
/// A pipe or a terminal that cannot be reopened, without `/proc` or permission, is written by a thread of
/// [`spawn_blocking`](crate::task::spawn_blocking), which cannot be stopped: a write dropped before it resolves goes
/// on. If the next write begins with the same bytes, it takes over that one, and they are written once; otherwise it
/// waits until that one has finished.
///
/// ```
/// # egret_runtime::block_on(async {
/// egret_runtime::io::stdout().write_all(b"").await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[inline]
pub fn stdout() -> Stdout {
    StandardStream { way: None, kind: PhantomData }
}

/// Returns standard error; otherwise as [`stdout`].
#[inline]
pub fn stderr() -> Stderr {
    StandardStream { way: None, kind: PhantomData }
}

/// Standard output or standard error.
pub struct StandardStream<K> {
    /// Opened by the first write.
    way: Option<OutputWriter>,
    kind: PhantomData<fn() -> K>,
}

/// Which of the two a [`StandardStream`] is.
pub trait OutputKind {
    /// The name for `Debug`.
    const NAME: &'static str;

    /// The number of its descriptor.
    const NUMBER: u8;

    /// Duplicates the descriptor.
    fn duplicate() -> io::Result<OwnedFd>;
}

/// The kind of [`Stdout`].
pub enum OfStdout {}

impl OutputKind for OfStdout {
    const NAME: &'static str = "Stdout";
    const NUMBER: u8 = 1;

    #[inline]
    fn duplicate() -> io::Result<OwnedFd> {
        io::stdout().as_fd().try_clone_to_owned()
    }
}

/// The kind of [`Stderr`].
pub enum OfStderr {}

impl OutputKind for OfStderr {
    const NAME: &'static str = "Stderr";
    const NUMBER: u8 = 2;

    #[inline]
    fn duplicate() -> io::Result<OwnedFd> {
        io::stderr().as_fd().try_clone_to_owned()
    }
}

enum OutputWriter {
    Own(WriteEnd),
    Socket(Registration<Fd>),
    /// Written in place: it waits for the disk at most.
    InPlace(Fd),
    Thread(WriteOnThread),
}

impl OutputWriter {
    #[inline]
    fn open(stream: OwnedFd, label: SourceLabel) -> io::Result<OutputWriter> {
        match way_for(stream.as_fd(), Access { read: false, write: true })? {
            StreamUse::Own(fd) => {
                let end = WriteEnd::registered(fd)?;
                end.set_label(label);
                Ok(OutputWriter::Own(end))
            }
            StreamUse::Socket(fd) => {
                let socket = Registration::new(fd, Start::Unknown).map_err(|(_closed, error)| error)?;
                socket.set_label(label);
                Ok(OutputWriter::Socket(socket))
            }
            StreamUse::File(file) => Ok(OutputWriter::InPlace(OwnedFd::from(file).into())),
            StreamUse::Blocking(file) => Ok(OutputWriter::Thread(WriteOnThread::new(file))),
        }
    }
}

impl<K: OutputKind> StandardStream<K> {
    /// Writes as much of `buf` as there is room for and returns the number of bytes; waits until there is room.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) when all readers are gone, and never a `SIGPIPE`; others of
    /// `write(2)`; those of `open(2)` and `epoll_ctl(2)` on the first write; `Other` when it would wait and the
    /// runtime is gone.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was written, unless a thread writes: see [`stdout`].
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_write(cx, buf)).await })
    }

    /// [`write`](StandardStream::write) as a poll function. Wakes every task of this runtime that polled and got
    /// `Pending`; only the last one when a thread makes the system call.
    ///
    /// # Errors
    ///
    /// As [`write`](StandardStream::write).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.way.is_none() {
            self.way = Some(OutputWriter::open(K::duplicate()?, SourceLabel::Standard(K::NUMBER))?);
        }
        match self.way.as_mut().expect("it has been opened") {
            OutputWriter::Own(end) => end.poll_write(cx, buf),
            OutputWriter::Socket(registration) => {
                let send = |fd: &Fd| fd.send_at_once(buf);
                registration.poll_transfer(cx, Direction::Write, Clears::WouldBlock, send)
            }
            OutputWriter::InPlace(fd) => charged(cx, |_| Poll::Ready(fd.write(buf))),
            OutputWriter::Thread(thread) => thread.poll_write(cx, buf),
        }
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// As [`write`](StandardStream::write); the number of bytes written before the error is unknown.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, part of `buf` may have been written, and how much is unknown.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(async move { write_all(self, buf).await })
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
}

impl<K: OutputKind> AsyncWrite for StandardStream<K> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        StandardStream::poll_write(self, cx, buf)
    }

    #[inline]
    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// After the first write, for a pipe or a terminal. Not for a socket: a splice to it blocks.
    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        match &self.way {
            Some(OutputWriter::Own(end)) => end.as_registration(),
            _ => None,
        }
    }
}

impl<K: OutputKind> fmt::Debug for StandardStream<K> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::NAME)
    }
}
