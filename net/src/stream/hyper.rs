//! hyper's [`Read`] and [`Write`] on every stream. With feature `hyper`.
//!
//! Reads do not zero the memory first. Vectored writes are one system call, so hyper sends a header and a body
//! without copying them together. A flush is ready at once, because a stream has no buffer.

use super::halves::{ReadHalf, WriteHalf};
use super::{Family, Stream};
use egret_runtime::sys::lend_hyper;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

impl<F: Family> Read for Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        lend_hyper(&mut cursor, |buf| self.poll_recv_uninit(cx, buf)).map_ok(|_| ())
    }
}

impl<F: Family> Write for Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buf)
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_writing())
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send_vectored(cx, bufs)
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> Read for ReadHalf<S> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        lend_hyper(&mut cursor, |buf| self.stream().poll_recv_uninit(cx, buf)).map_ok(|_| ())
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> Write for WriteHalf<S> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_send(cx, buf)
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream().shut_writing())
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_send_vectored(cx, bufs)
    }
}
