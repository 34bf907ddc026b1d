//! Both ends as `AsyncRead` and `AsyncWrite` of [`futures-io`](https://docs.rs/futures-io). With feature `futures-io`.
//!
//! Only closing the write end ends a pipe: a close does nothing, the drop does.

use super::{ReadEnd, WriteEnd};
use futures_io::{AsyncRead, AsyncWrite};
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

impl<K> AsyncRead for ReadEnd<K> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        ReadEnd::poll_read(self.get_mut(), cx, buf)
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        ReadEnd::poll_read_vectored(self.get_mut(), cx, bufs)
    }
}

impl<K> AsyncWrite for WriteEnd<K> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        WriteEnd::poll_write(self.get_mut(), cx, buf)
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        WriteEnd::poll_write_vectored(self.get_mut(), cx, bufs)
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
