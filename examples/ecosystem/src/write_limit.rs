//! A stream for hyper, or for TLS below it, with a time limit on writes: hyper itself has none.
//!
//! A peer that sends requests and does not read the answers would hold its connection, with all that is buffered for
//! it, for ever. Over HTTP/2 this covers the connection; for a stream whose window the peer does not open, the service
//! needs a limit of its own.

use egret::net::TcpStream;
use egret::time::{Duration, Sleep, sleep};
use hyper::rt::{Read, ReadBufCursor, Write};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};

/// The kernel holds this much that is not sent yet. With the megabytes of a full send buffer, a slow peer would make no
/// room within the limit.
const MAX_UNSENT: u32 = 128 * 1024;

pub struct WriteLimit {
    stream: TcpStream,
    limit: Duration,
    /// Set while a write waits. Each byte that is written ends the wait.
    wait: Option<Sleep>,
}

impl WriteLimit {
    pub fn new(stream: TcpStream, limit: Duration) -> io::Result<WriteLimit> {
        stream.set_notsent_lowat(MAX_UNSENT)?;
        Ok(WriteLimit { stream, limit, wait: None })
    }

    fn limited(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.wait = None;
            return written;
        }
        let wait = self.wait.get_or_insert_with(|| sleep(self.limit));
        ready!(Pin::new(wait).poll(cx));
        // A close would leave what was written in the kernel's memory, for the peer to take.
        self.stream.set_zero_linger()?;
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing")))
    }
}

impl Read for WriteLimit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Read::poll_read(Pin::new(&mut self.stream), cx, buf)
    }
}

impl Write for WriteLimit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Write::poll_write(Pin::new(&mut self.stream), cx, buf);
        self.limited(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Write::poll_write_vectored(Pin::new(&mut self.stream), cx, bufs);
        self.limited(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_flush(Pin::new(&mut self.stream), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(Pin::new(&mut self.stream), cx)
    }
}

/// What tokio-rustls asks of a stream.
impl AsyncRead for WriteLimit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.stream), cx, buf)
    }
}

impl AsyncWrite for WriteLimit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = AsyncWrite::poll_write(Pin::new(&mut self.stream), cx, buf);
        self.limited(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = AsyncWrite::poll_write_vectored(Pin::new(&mut self.stream), cx, bufs);
        self.limited(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.stream), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.stream), cx)
    }
}
