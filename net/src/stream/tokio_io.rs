//! tokio's [`AsyncRead`] and [`AsyncWrite`] on every stream, without its runtime: for tokio-util, tokio-rustls,
//! tokio-tungstenite, h2 and others. With feature `tokio-io`.
//!
//! Reads do not zero the memory first. Vectored writes are one system call. A flush is ready at once, because a
//! stream has no buffer.

use super::halves::{ReadHalf, WriteHalf};
use super::{Family, Stream};
use egret_runtime::sys::lend_tokio;
use std::io::{self, IoSlice};
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

impl<F: Family> AsyncRead for Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        lend_tokio(buf, |buf| self.poll_recv_uninit(cx, buf)).map_ok(|_| ())
    }
}

impl<F: Family> AsyncWrite for Stream<F> {
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

impl<F: Family, S: Deref<Target = Stream<F>>> AsyncRead for ReadHalf<S> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        lend_tokio(buf, |buf| self.stream().poll_recv_uninit(cx, buf)).map_ok(|_| ())
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> AsyncWrite for WriteHalf<S> {
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
