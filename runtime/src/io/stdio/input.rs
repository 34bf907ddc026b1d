//! [`Stdin`].

use super::on_thread::{MOST, ReadOnThread};
use super::{StreamUse, way_for};
use crate::io::pipe::ReadEnd;
use crate::io::traits::read_exact;
use crate::io::{AsyncRead, Clears, Direction, Registration, Start};
use crate::observe::site::Site;
use crate::reactor::label::SourceLabel;
use crate::sys::{Access, Fd};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

/// Standard input, from [`stdin`].
///
/// Unbuffered: it takes no more from its descriptor than requested, so a child that inherits it continues from there.
/// The program splits lines. Bytes in the buffer of [`std::io::stdin`] are not seen here: use one of the two.
pub struct Stdin {
    way: Option<InputReader>,
}

enum InputReader {
    Own(ReadEnd),
    Socket(Registration<Fd>),
    Thread(ReadOnThread),
}

/// Returns standard input, for tasks that wait for it.
///
/// A pipe, a terminal or a socket waits in the reactor, a file on a thread. The flags, which the parent shares, are
/// never changed, and a dropped read does not delay the end of the program.
///
/// ```
/// use egret_runtime::io;
///
/// # fn main() {}
/// async fn first_bytes() -> std::io::Result<Vec<u8>> {
///     let mut buf = vec![0; 4096];
///     let n = io::stdin().read(&mut buf).await?;
///     buf.truncate(n);
///     Ok(buf)
/// }
/// ```
#[inline]
pub fn stdin() -> Stdin {
    Stdin { way: None }
}

impl Stdin {
    /// Reads the queued bytes and returns their number; waits until there are some. 0 means the end, or that
    /// `buf` is empty. A terminal gives a line at a time, and 0 for Ctrl-D.
    ///
    /// # Errors
    ///
    /// Those of `read(2)`, among them `EIO` for a terminal that is gone or that the process may not read from; those
    /// of `open(2)` and `epoll_ctl(2)` on the first read; `Other` when it would wait and the runtime is gone.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte is lost: the next read returns it.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_read(cx, buf)).await })
    }

    /// [`read`](Stdin::read) as a poll function. Wakes every task of this runtime that polled and got
    /// `Pending`; only the last one when a thread makes the system call.
    ///
    /// # Errors
    ///
    /// As [`read`](Stdin::read).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match self.reader()? {
            InputReader::Own(end) => end.poll_read(cx, buf),
            InputReader::Socket(registration) => {
                let recv = |fd: &Fd| fd.recv_at_once(buf);
                registration.poll_transfer(cx, Direction::Read, Clears::WouldBlock, recv)
            }
            InputReader::Thread(thread) => thread.poll_read(cx, buf),
        }
    }

    /// Fills `buf`, and returns its length.
    ///
    /// # Errors
    ///
    /// As [`read`](Stdin::read); [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the end comes first.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, part of `buf` may have been filled, and how much is unknown.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { read_exact(self, buf).await })
    }

    /// Reads until the end and appends to `buf`. Returns the number of bytes.
    ///
    /// # Errors
    ///
    /// As [`read`](Stdin::read); the bytes before the error are in `buf`.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the bytes read are in `buf`: another call goes on.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_to_end(&mut self, buf: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            let before = buf.len();
            let mut chunk = vec![0; MOST];
            loop {
                match self.read(&mut chunk).await? {
                    0 => return Ok(buf.len() - before),
                    n => buf.extend_from_slice(&chunk[..n]),
                }
            }
        })
    }

    /// Decides the way on the first call.
    #[inline]
    fn reader(&mut self) -> io::Result<&mut InputReader> {
        if self.way.is_none() {
            self.way = Some(InputReader::open()?);
        }
        Ok(self.way.as_mut().expect("it has been opened"))
    }
}

impl InputReader {
    #[inline]
    fn open() -> io::Result<InputReader> {
        let stdin = io::stdin();
        match way_for(stdin.as_fd(), Access { read: true, write: false })? {
            StreamUse::Own(fd) => {
                let end = ReadEnd::registered(fd, Start::Unknown)?;
                end.set_label(SourceLabel::Standard(0));
                Ok(InputReader::Own(end))
            }
            StreamUse::Socket(fd) => {
                let socket = Registration::new(fd, Start::Unknown).map_err(|(_closed, error)| error)?;
                socket.set_label(SourceLabel::Standard(0));
                Ok(InputReader::Socket(socket))
            }
            StreamUse::File(file) | StreamUse::Blocking(file) => {
                Ok(InputReader::Thread(ReadOnThread::new(file)))
            }
        }
    }
}

impl AsyncRead for Stdin {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Stdin::poll_read(self, cx, buf)
    }

    /// After the first read, for a pipe or a terminal. Not for a socket: a splice from it blocks.
    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        match &self.way {
            Some(InputReader::Own(end)) => end.as_registration(),
            _ => None,
        }
    }
}

impl fmt::Debug for Stdin {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stdin")
    }
}
