//! The streams of this crate as [`AsyncRead`] and [`AsyncWrite`]: what `io::copy` takes.
//!
//! Each is one socket and nothing more, so each says which: a copy may leave the bytes in the kernel. Whoever has
//! `&mut` of a half is the one that reads, or the one that writes, as for its own methods.
//!
//! Here, and for the traits in `futures_io.rs`, `tokio_io.rs` and `hyper.rs`, each trait is implemented for `TcpStream`,
//! for `UnixStream` and once for all halves. One implementation for everything that is a [`ByteStream`] would do, and
//! is not allowed (E0210): neither the trait nor the `T` that it would be for is of this crate.

use crate::halves::{ReadHalf, WriteHalf};
use crate::stream::ByteStream;
use crate::{TcpStream, UnixStream};
use egret_runtime::io::{AsyncRead, AsyncWrite, Registration};
use egret_runtime::sys::Fd;
use std::io;
use std::ops::Deref;
use std::task::{Context, Poll};

impl AsyncRead for TcpStream {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv(cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.registration())
    }
}

impl AsyncWrite for TcpStream {
    #[inline]
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

impl AsyncRead for UnixStream {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv(cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.registration())
    }
}

impl AsyncWrite for UnixStream {
    #[inline]
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

impl<S: Deref<Target: ByteStream>> AsyncRead for ReadHalf<S> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_recv(cx, buf)
    }

    #[inline]
    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.stream().registration())
    }
}

impl<S: Deref<Target: ByteStream>> AsyncWrite for WriteHalf<S> {
    #[inline]
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
