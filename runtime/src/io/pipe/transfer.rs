//! The polls that the traits of other crates ask of a pipe beyond [`AsyncRead`] and [`AsyncWrite`]: into memory that
//! was not zeroed, and of several buffers at once.
//!
//! Whoever calls has the pipe by `&mut`, as its own methods do: it is the one reader, or the one writer, and has the
//! place of that one among those who wait. Rule C4: `EAGAIN` clears readiness, a short transfer does not.

use crate::io::{AsyncRead, AsyncWrite, Clears, Direction, Registration};
use crate::sys::{Fd, ReadBuf};
use std::io::{self, IoSlice, IoSliceMut};
use std::task::{Context, Poll};

const ONE: &str = "a pipe is one descriptor and nothing more";

/// Reads what there is into memory that need not have been zeroed, and returns how many bytes that is.
///
/// # Errors
///
/// Those of `read(2)`; `Other` when it would wait and the runtime is gone.
///
/// # Panics
///
/// When `pipe` is no pipe of this crate, and so no registration.
#[inline]
pub fn poll_read_uninit(
    pipe: &mut impl AsyncRead,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<usize>> {
    if buf.remaining() == 0 {
        return Poll::Ready(Ok(0));
    }
    let registration: &Registration<Fd> = pipe.as_registration().expect(ONE);
    registration.poll_transfer(cx, Direction::Read, Clears::WouldBlock, |fd| fd.read_uninit(buf))
}

/// Reads what there is into several buffers, in order, and returns how many bytes that is.
///
/// # Errors
///
/// As [`poll_read_uninit`].
///
/// # Panics
///
/// As [`poll_read_uninit`].
#[inline]
pub fn poll_read_vectored(
    pipe: &mut impl AsyncRead,
    cx: &mut Context<'_>,
    bufs: &mut [IoSliceMut<'_>],
) -> Poll<io::Result<usize>> {
    if bufs.iter().all(|buf| buf.is_empty()) {
        return Poll::Ready(Ok(0));
    }
    let registration = pipe.as_registration().expect(ONE);
    registration.poll_transfer(cx, Direction::Read, Clears::WouldBlock, |fd| fd.read_vectored(bufs))
}

/// Writes several buffers, in order, as much of them as there is room for, and returns how many bytes that is.
///
/// # Errors
///
/// Those of `write(2)`; `Other` when it would wait and the runtime is gone.
///
/// # Panics
///
/// As [`poll_read_uninit`].
#[inline]
pub fn poll_write_vectored(
    pipe: &mut impl AsyncWrite,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    if bufs.iter().all(|buf| buf.is_empty()) {
        return Poll::Ready(Ok(0));
    }
    let registration = pipe.as_registration().expect(ONE);
    registration.poll_transfer(cx, Direction::Write, Clears::WouldBlock, |fd| fd.write_vectored(bufs))
}
