//! [`Stdout`] and [`Stderr`].

use super::on_thread::WriteOnThread;
use super::{Way, charged, way_for};
use crate::io::pipe::WriteEnd;
use crate::io::{AsyncWrite, Clears, Direction, Registration, Start};
use crate::sys::{Access, Fd};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};

/// Standard output, from [`stdout`].
///
/// It has no buffer: each write is one system call, and what it has taken is with the kernel. What `print!` still has
/// in std's buffer comes later, or earlier if that is flushed first.
pub struct Stdout {
    output: Output,
}

/// Standard error, from [`stderr`]: as [`Stdout`].
pub struct Stderr {
    output: Output,
}

/// Standard output, for a task to write to and to wait until there is room.
///
/// A terminal that was stopped by Ctrl-S, or a pipe whose reader is slow, holds up the task that writes and not the
/// loop; a file holds up both for as long as the disk takes. Its flags, which the parent shares, are never changed.
///
/// A pipe or a terminal that may not be opened again, for want of `/proc` or of the right to, is written to by a thread
/// of [`spawn_blocking`](crate::task::spawn_blocking). A write cannot be taken back from there: the bytes of one that
/// was dropped before it resolved may be written all the same. When the same bytes are asked for next, they go once;
/// when others are, these go first.
///
/// ```
/// # egret_runtime::block_on(async {
/// egret_runtime::io::stdout().write_all(b"").await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[inline]
pub fn stdout() -> Stdout {
    Stdout { output: Output { way: None, stream: || io::stdout().as_fd().try_clone_to_owned() } }
}

/// Standard error: as [`stdout`].
#[inline]
pub fn stderr() -> Stderr {
    Stderr { output: Output { way: None, stream: || io::stderr().as_fd().try_clone_to_owned() } }
}

struct Output {
    way: Option<Writer>,
    /// A duplicate of the descriptor.
    stream: fn() -> io::Result<OwnedFd>,
}

enum Writer {
    Own(WriteEnd),
    Socket(Registration<Fd>),
    /// Written to in place: it waits for nobody, or for the disk.
    InPlace(Fd),
    Thread(WriteOnThread),
}

impl Output {
    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.way.is_none() {
            self.way = Some(Writer::open((self.stream)()?)?);
        }
        match self.way.as_mut().expect("it has been opened") {
            Writer::Own(end) => end.poll_write(cx, buf),
            Writer::Socket(registration) => {
                let send = |fd: &Fd| fd.send_at_once(buf);
                registration.poll_transfer(cx, Direction::Write, Clears::WouldBlock, send)
            }
            Writer::InPlace(fd) => charged(cx, |_| Poll::Ready(fd.write(buf))),
            Writer::Thread(thread) => thread.poll_write(cx, buf),
        }
    }

    #[inline]
    async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match poll_fn(|cx| self.poll_write(cx, buf)).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => buf = &buf[n..],
            }
        }
        Ok(())
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        match &self.way {
            Some(Writer::Own(end)) => end.as_registration(),
            _ => None,
        }
    }
}

impl Writer {
    #[inline]
    fn open(stream: OwnedFd) -> io::Result<Writer> {
        match way_for(stream.as_fd(), Access { read: false, write: true })? {
            Way::Own(fd) => WriteEnd::new(fd).map(Writer::Own).map_err(|(_closed, error)| error),
            Way::Socket(fd) => {
                Registration::new(fd, Start::Unknown).map(Writer::Socket).map_err(|(_closed, error)| error)
            }
            Way::File(file) => Ok(Writer::InPlace(OwnedFd::from(file).into())),
            Way::Blocking(file) => Ok(Writer::Thread(WriteOnThread::new(file))),
        }
    }
}

impl Stdout {
    /// Writes as much of `buf` as there is room for, waiting until there is some, and returns how many bytes that is.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) when nobody reads any more, and never a `SIGPIPE`; others of `write(2)`;
    /// those of `open(2)` and `epoll_ctl(2)` the first time; `Other` when it would wait and the runtime is gone.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was written, unless a thread does it: see [`stdout`].
    #[inline]
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_write(cx, buf)).await
    }

    /// [`write`](Stdout::write) as a poll function. The task that polled last is woken; others may be.
    ///
    /// # Errors
    ///
    /// As [`write`](Stdout::write).
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.output.poll_write(cx, buf)
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// As [`write`](Stdout::write); how many bytes went before the error is not told.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, part of `buf` may have been written, and how much is not told.
    #[inline]
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.output.write_all(buf).await
    }

    /// Does nothing: no bytes are held back.
    ///
    /// # Errors
    ///
    /// None.
    #[inline]
    pub async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncWrite for Stdout {
    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.output.poll_write(cx, buf)
    }

    #[inline]
    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Once it has been written to, where it is a pipe or a terminal. A socket is not: a splice to it waits.
    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        self.output.as_registration()
    }
}

impl fmt::Debug for Stdout {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stdout")
    }
}

impl Stderr {
    /// Writes as much of `buf` as there is room for, waiting until there is some, and returns how many bytes that is.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) when nobody reads any more, and never a `SIGPIPE`; others of `write(2)`;
    /// those of `open(2)` and `epoll_ctl(2)` the first time; `Other` when it would wait and the runtime is gone.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was written, unless a thread does it: see [`stdout`].
    #[inline]
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_write(cx, buf)).await
    }

    /// [`write`](Stderr::write) as a poll function. The task that polled last is woken; others may be.
    ///
    /// # Errors
    ///
    /// As [`write`](Stderr::write).
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.output.poll_write(cx, buf)
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// As [`write`](Stderr::write); how many bytes went before the error is not told.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, part of `buf` may have been written, and how much is not told.
    #[inline]
    pub async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.output.write_all(buf).await
    }

    /// Does nothing: no bytes are held back.
    ///
    /// # Errors
    ///
    /// None.
    #[inline]
    pub async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncWrite for Stderr {
    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.output.poll_write(cx, buf)
    }

    #[inline]
    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Once it has been written to, where it is a pipe or a terminal. A socket is not: a splice to it waits.
    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        self.output.as_registration()
    }
}

impl fmt::Debug for Stderr {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stderr")
    }
}
