//! A [`File`] as `AsyncRead`, `AsyncWrite` and `AsyncSeek` of [`futures-io`](https://docs.rs/futures-io). With feature `futures-io`.

use super::File;
use crate::io;
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use std::io::{IoSlice, Result, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

impl AsyncRead for File {
    #[inline]
    #[track_caller]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize>> {
        io::AsyncRead::poll_read(self.get_mut(), cx, buf)
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
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        io::AsyncWrite::poll_flush(self.get_mut(), cx)
    }

    #[inline]
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        io::AsyncWrite::poll_shutdown(self.get_mut(), cx)
    }
}

/// A seek that is given up moves nothing.
impl AsyncSeek for File {
    #[inline]
    #[track_caller]
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, position: SeekFrom) -> Poll<Result<u64>> {
        self.get_mut().poll_seek(cx, position)
    }
}
