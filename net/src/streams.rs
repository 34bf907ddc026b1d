//! The streams of this crate as [`AsyncRead`] and [`AsyncWrite`]: what `io::copy` takes.
//!
//! Each is one socket and nothing more, so each says which: a copy may leave the bytes in the kernel. Whoever has
//! `&mut` of a half is the one that reads, or the one that writes, as for its own methods.

use crate::byte_stream::ByteStream;
use crate::{TcpStream, UnixStream, tcp, unix};
use egret_runtime::io::{AsyncRead, AsyncWrite, Registration};
use egret_runtime::sys::Fd;
use std::io;
use std::task::{Context, Poll};

impl AsyncRead for TcpStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv(cx, buf)
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.registration())
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buf)
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_writing())
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.registration())
    }
}

impl AsyncRead for tcp::ReadHalf<'_> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.as_ref().poll_recv(cx, buf)
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.as_ref().registration())
    }
}

impl AsyncWrite for tcp::WriteHalf<'_> {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.as_ref().poll_send(cx, buf)
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.as_ref().shut_writing())
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.as_ref().registration())
    }
}

impl AsyncRead for tcp::OwnedReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.as_ref().poll_recv(cx, buf)
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.as_ref().registration())
    }
}

impl AsyncWrite for tcp::OwnedWriteHalf {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.as_ref().poll_send(cx, buf)
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.as_ref().shut_writing())
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.as_ref().registration())
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv(cx, buf)
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.registration())
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buf)
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_writing())
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.registration())
    }
}

impl AsyncRead for unix::ReadHalf<'_> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.as_ref().poll_recv(cx, buf)
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.as_ref().registration())
    }
}

impl AsyncWrite for unix::WriteHalf<'_> {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.as_ref().poll_send(cx, buf)
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.as_ref().shut_writing())
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.as_ref().registration())
    }
}

impl AsyncRead for unix::OwnedReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.as_ref().poll_recv(cx, buf)
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.as_ref().registration())
    }
}

impl AsyncWrite for unix::OwnedWriteHalf {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.as_ref().poll_send(cx, buf)
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.as_ref().shut_writing())
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(self.as_ref().registration())
    }
}
