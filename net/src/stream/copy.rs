//! The streams and their halves as [`AsyncRead`] and [`AsyncWrite`], for `io::copy`.
//!
//! Each is only a socket, and returns it, so that a copy may leave the bytes in the kernel. `&mut` gives each
//! direction one reader or writer, as for its own methods.

use super::halves::{ReadHalf, WriteHalf};
use super::{Family, Stream};
use egret_runtime::io::{AsyncRead, AsyncWrite, Registration};
use egret_runtime::sys::Fd;
use std::io;
use std::ops::Deref;
use std::task::{Context, Poll};

impl<F: Family> AsyncRead for Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv(cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.registration())
    }
}

impl<F: Family> AsyncWrite for Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buf)
    }

    #[inline]
    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_writing())
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.registration())
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> AsyncRead for ReadHalf<S> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_recv(cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.stream().registration())
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> AsyncWrite for WriteHalf<S> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_send(cx, buf)
    }

    #[inline]
    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream().shut_writing())
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.stream().registration())
    }
}
