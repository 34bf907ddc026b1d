//! [`AsyncRead`] and [`AsyncWrite`]: what a copy needs of a stream.
//!
//! A program calls `read` and `write_all` of the type that it has, which are methods of it: no trait is to be
//! imported, and nothing here is in the way of a request. What is generic over streams needs a name for "can be read",
//! and these are the two smallest that do. They have tokio's names, but no `Pin`, since every stream of egret may be
//! moved, and a plain slice for a buffer, since a copy zeroes one buffer in its life.
//!
//! [`AsyncRead::as_registration`] is what lets a copy leave the bytes in the kernel: a stream that is one descriptor
//! and nothing more, with no bytes of its own before it, says which.

use super::Registration;
use crate::sys::Fd;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

/// What can be read from.
///
/// Implemented by every stream of egret and by its reading halves, and by `&[u8]`. Made for [`copy`](crate::io::copy): it
/// is this one method. Code that is generic over streams and wants `read`, `read_exact` or lines has them by tokio's or
/// futures-io's traits, which features `tokio-io` and `futures-io` put on every stream.
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
pub trait AsyncRead {
    /// Reads what has come and returns how many bytes that is, or arranges for `cx` to be woken when there is
    /// something to read. 0 means the end, or that `buf` is empty.
    ///
    /// # Errors
    ///
    /// Those of the stream, and never [`WouldBlock`](io::ErrorKind::WouldBlock).
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

    /// The descriptor whose bytes these are, for streams that are nothing more. A copy may then read from it by
    /// `splice(2)`, as the one reader that [`poll_read`](AsyncRead::poll_read) is.
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        None
    }
}

/// What can be written to.
///
/// Implemented by every stream of egret and by its writing halves, and by `Vec<u8>`. Made for [`copy`](crate::io::copy), as
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
pub trait AsyncWrite {
    /// Writes as much of `buf` as there is room for and returns how many bytes that is, or arranges for `cx` to be
    /// woken when there is some.
    ///
    /// # Errors
    ///
    /// Those of the stream, and never [`WouldBlock`](io::ErrorKind::WouldBlock).
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;

    /// Passes on what the stream has held back. Those of egret hold nothing back.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be written: of a socket its writing side is shut down. For what has no such thing,
    /// such as a pipe, nothing happens until it is dropped.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The descriptor that the bytes go to, for streams that are nothing more. A copy may then write to it by
    /// `splice(2)`, as the one writer that [`poll_write`](AsyncWrite::poll_write) is.
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        None
    }
}

impl<S: AsyncRead + ?Sized> AsyncRead for &mut S {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        S::poll_read(self, cx, buf)
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        S::as_registration(self)
    }
}

impl<S: AsyncWrite + ?Sized> AsyncWrite for &mut S {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        S::poll_write(self, cx, buf)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        S::poll_flush(self, cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        S::poll_shutdown(self, cx)
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        S::as_registration(self)
    }
}

impl AsyncRead for &[u8] {
    /// Takes from the front.
    fn poll_read(&mut self, _cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(io::Read::read(self, buf))
    }
}

impl AsyncWrite for Vec<u8> {
    /// Appends.
    fn poll_write(&mut self, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Reads until `buf` is full, and returns its length.
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
