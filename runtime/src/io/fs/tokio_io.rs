//! A [`File`] as tokio's [`AsyncRead`], [`AsyncWrite`] and [`AsyncSeek`]. With feature `tokio-io`.

use super::File;
use crate::io;
use std::io::{IoSlice, Result, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

impl AsyncRead for File {
    #[inline]
    #[track_caller]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let chunk = ready!(self.get_mut().poll_chunk(cx, buf.remaining()))?;
        buf.put_slice(&chunk);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for File {
    #[inline]
    #[track_caller]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        io::AsyncWrite::poll_write(self.get_mut(), cx, buf)
    }

    #[inline]
    #[track_caller]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.get_mut().poll_write_slices(cx, bufs)
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        io::AsyncWrite::poll_flush(self.get_mut(), cx)
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        io::AsyncWrite::poll_shutdown(self.get_mut(), cx)
    }
}

/// A seek that is not completed moves nothing.
impl AsyncSeek for File {
    /// Fails while the write of a dropped future is in progress: call `poll_complete` before.
    #[inline]
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> Result<()> {
        self.get_mut().start_seek(position)
    }

    #[inline]
    #[track_caller]
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        self.get_mut().poll_sought(cx)
    }
}
