//! `AsyncRead` and `AsyncWrite` of [`futures-io`](https://docs.rs/futures-io) on every stream: for futures-lite,
//! futures-util, futures-rustls, async-tungstenite and others. With feature `futures-io`.
//!
//! * A stream has no buffer, so a flush is ready at once; a close shuts down the write side, and the peer reads the
//!   end of the stream. Vectored reads and writes are one system call.
//! * `&TcpStream` and `&UnixStream` have the traits too. The one waiter of a direction belongs to the task that has
//!   the stream, or a half, by `&mut`. Tasks with shared references wait in the list and are all woken, and the first
//!   to poll gets the bytes; in the one waiter's place, one task would strand another.
//! * Of foreign wakers only the last is woken. A short transfer clears no readiness here: that rule needs a single
//!   reader.

use super::halves::{ReadHalf, WriteHalf};
use super::poll::{total, within_limit, within_limit_mut};
use super::{Family, Stream};
use egret_runtime::io::Direction;
use futures_io::{AsyncRead, AsyncWrite};
use std::io::{self, IoSlice, IoSliceMut};
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

impl<F: Family> AsyncRead for Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv(cx, buf)
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_recv_vectored(cx, bufs)
    }
}

impl<F: Family> AsyncRead for &Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_io(cx, Direction::Read, |fd| fd.recv(buf))
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = within_limit_mut(bufs);
        if total(bufs) == 0 {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_io(cx, Direction::Read, |fd| fd.recv_vectored(bufs))
    }
}

impl<F: Family> AsyncWrite for Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buf)
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

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_writing())
    }
}

impl<F: Family> AsyncWrite for &Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_io(cx, Direction::Write, |fd| fd.send(buf))
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = within_limit(bufs);
        if total(bufs) == 0 {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_io(cx, Direction::Write, |fd| fd.send_vectored(bufs))
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_writing())
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> AsyncRead for ReadHalf<S> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_recv(cx, buf)
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_recv_vectored(cx, bufs)
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> AsyncWrite for WriteHalf<S> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_send(cx, buf)
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

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream().shut_writing())
    }
}
