//! Both ends as tokio's [`AsyncRead`] and [`AsyncWrite`]. With feature `tokio-io`.
//!
//! Only closing the write end ends a pipe: a shutdown does nothing, the drop does.

use super::{ReadEnd, WriteEnd};
use crate::sys::lend_tokio;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

impl<K> AsyncRead for ReadEnd<K> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let end = self.get_mut();
        lend_tokio(buf, |buf| end.poll_read_uninit(cx, buf)).map_ok(|_| ())
    }
}

impl<K> AsyncWrite for WriteEnd<K> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        WriteEnd::poll_write(self.get_mut(), cx, buf)
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
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
        WriteEnd::poll_write_vectored(self.get_mut(), cx, bufs)
    }
}
