//! A confined stream with the traits of egret, for [`copy`](crate::io::copy).

use crate::io::{AsyncRead, AsyncWrite, Registration};
use crate::sys::Fd;
use crate::task::Confined;
use std::io;
use std::task::{Context, Poll};

impl<T: AsyncRead + Unpin + ?Sized + 'static> AsyncRead for Confined<T> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        T::poll_read(self, cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        T::as_registration(self)
    }
}

impl<T: AsyncWrite + Unpin + ?Sized + 'static> AsyncWrite for Confined<T> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        T::poll_write(self, cx, buf)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        T::poll_flush(self, cx)
    }

    #[inline]
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        T::poll_shutdown(self, cx)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        T::as_registration(self)
    }
}
