//! [`AsyncRead`] and [`AsyncWrite`]: what a copy needs of a stream.
//!
//! * Programs call `read` and `write_all` as methods of the concrete type: no trait import is needed, and nothing
//!   here is on the path of a request. Generic code needs a trait; these are the two smallest.
//! * They have tokio's names, but no `Pin`, because each stream of egret may be moved, and a slice as buffer, because
//!   a copy zeroes one buffer once.
//! * [`AsyncRead::as_registration`] lets a copy leave the bytes in the kernel: a stream that is only a descriptor,
//!   without buffered bytes, returns it. It names a type of `sys`, which SemVer does not cover, so it is hidden.

use super::Registration;
use crate::sys::Fd;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

/// A source of bytes.
///
/// Implemented by each stream of egret and its read halves, and by `&[u8]`. Made for [`copy`](crate::io::copy), with
/// this one method. Generic code that needs `read`, `read_exact` or lines uses tokio's or futures-io's traits, which
/// the features `tokio-io` and `futures-io` implement for each stream.
///
/// ```
/// use egret_runtime::io::AsyncRead;
/// use std::{future::poll_fn, io};
///
/// async fn first_byte(stream: &mut impl AsyncRead) -> io::Result<Option<u8>> {
///     let mut byte = [0];
///     let n = poll_fn(|cx| stream.poll_read(cx, &mut byte)).await?;
///     Ok((n == 1).then_some(byte[0]))
/// }
///
/// let found = egret_runtime::block_on(first_byte(&mut &b"abc"[..]));
/// assert_eq!(found.unwrap(), Some(b'a'));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has not egret's `AsyncRead`",
    note = "a stream with the traits of tokio has it in `io::TokioIo::new(..)` (feature `tokio-io`), one with those of futures-io in `io::FuturesIo::new(..)` (feature `futures-io`)"
)]
pub trait AsyncRead {
    /// Reads the queued bytes and returns their number, or arranges for `cx` to be woken when there are some. 0 means
    /// the end, or that `buf` is empty.
    ///
    /// # Errors
    ///
    /// Those of the stream, and never [`WouldBlock`](io::ErrorKind::WouldBlock).
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Returns the descriptor, for streams that are only that. A copy may then read from it by `splice(2)`, as the
    /// one reader that [`poll_read`](AsyncRead::poll_read) is.
    ///
    /// For the streams of egret only: [`Fd`] is not covered by SemVer, so neither is this.
    #[doc(hidden)]
    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        None
    }
}

/// A sink of bytes.
///
/// Implemented by each stream of egret and its write halves, and by `Vec<u8>`. Made for [`copy`](crate::io::copy), as
/// [`AsyncRead`] is.
///
/// ```
/// use egret_runtime::io::AsyncWrite;
/// use std::{future::poll_fn, io};
///
/// async fn newline(stream: &mut impl AsyncWrite) -> io::Result<usize> {
///     poll_fn(|cx| stream.poll_write(cx, b"\n")).await
/// }
///
/// let mut lines = Vec::new();
/// assert_eq!(egret_runtime::block_on(newline(&mut lines)).unwrap(), 1);
/// assert_eq!(lines, b"\n");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has not egret's `AsyncWrite`",
    note = "a stream with the traits of tokio has it in `io::TokioIo::new(..)` (feature `tokio-io`), one with those of futures-io in `io::FuturesIo::new(..)` (feature `futures-io`)"
)]
pub trait AsyncWrite {
    /// Writes as much of `buf` as there is room for and returns the number of bytes, or arranges for `cx` to be woken
    /// when there is room.
    ///
    /// # Errors
    ///
    /// Those of the stream, and never [`WouldBlock`](io::ErrorKind::WouldBlock).
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;

    /// Flushes the stream's buffer. Streams of egret have none.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// Ends the stream: a socket shuts down its write side. For streams without that, such as a pipe, nothing happens
    /// until the drop.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Returns the descriptor, for streams that are only that. A copy may then write to it by `splice(2)`, as the one
    /// writer that [`poll_write`](AsyncWrite::poll_write) is.
    ///
    /// Hidden as [`AsyncRead::as_registration`] is.
    #[doc(hidden)]
    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        None
    }
}

impl<S: AsyncRead + ?Sized> AsyncRead for &mut S {
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        S::poll_read(self, cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        S::as_registration(self)
    }
}

impl<S: AsyncWrite + ?Sized> AsyncWrite for &mut S {
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        S::poll_write(self, cx, buf)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        S::poll_flush(self, cx)
    }

    #[inline]
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        S::poll_shutdown(self, cx)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        S::as_registration(self)
    }
}

impl AsyncRead for &[u8] {
    /// Takes bytes from the front.
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    fn poll_read(&mut self, _cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(io::Read::read(self, buf))
    }
}

impl AsyncWrite for Vec<u8> {
    /// Appends `buf`.
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    fn poll_write(&mut self, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    #[inline]
    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Fills `buf`, and returns its length.
#[inline]
pub(crate) async fn read_exact(stream: &mut impl AsyncRead, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match poll_fn(|cx| stream.poll_read(cx, &mut buf[filled..])).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => filled += n,
        }
    }
    Ok(filled)
}

/// Writes all of `buf`.
#[inline]
pub(crate) async fn write_all(stream: &mut impl AsyncWrite, mut buf: &[u8]) -> io::Result<()> {
    while !buf.is_empty() {
        match poll_fn(|cx| stream.poll_write(cx, buf)).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => buf = &buf[n..],
        }
    }
    Ok(())
}
