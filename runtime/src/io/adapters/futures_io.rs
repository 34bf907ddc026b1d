//! [`FuturesIo`]: gives a stream with futures-io's traits those of egret. With feature `futures-io`.

use crate::io::{AsyncRead, AsyncWrite};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Gives a stream that has the `AsyncRead` and `AsyncWrite` of futures-io those of egret, for [`copy`](crate::io::copy) and
/// [`copy_bidirectional`](crate::io::copy_bidirectional). With feature `futures-io`.
///
/// For streams that have no others, such as those of async-tungstenite or of a decompressor. It adds no buffer and copies
/// nothing.
///
/// ```
/// use egret_runtime::io::{FuturesIo, copy};
///
/// # egret_runtime::block_on(async {
/// let mut source = FuturesIo::new(&b"hello"[..]); // which has the traits of futures-io
/// let mut sink = FuturesIo::new(Vec::new());
/// assert_eq!(copy(&mut source, &mut sink).await?, 5);
/// assert_eq!(sink.into_inner(), b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FuturesIo<T> {
    inner: T,
}

impl<T> FuturesIo<T> {
    /// Wraps a stream.
    #[inline]
    pub fn new(inner: T) -> FuturesIo<T> {
        FuturesIo { inner }
    }

    /// Returns the stream.
    #[inline]
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Returns the stream, mutably.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Unwraps the stream.
    #[inline]
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: futures_io::AsyncRead + Unpin> AsyncRead for FuturesIo<T> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: futures_io::AsyncWrite + Unpin> AsyncWrite for FuturesIo<T> {
    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    /// futures-io's `poll_close`.
    #[inline]
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::copy_bidirectional;

    /// Gives scripted bytes, and records what is written.
    #[derive(Default)]
    struct Script {
        gives: Vec<u8>,
        told: Vec<String>,
    }

    impl futures_io::AsyncRead for Script {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let n = buf.len().min(self.gives.len());
            buf[..n].copy_from_slice(&self.gives.drain(..n).collect::<Vec<_>>());
            Poll::Ready(Ok(n))
        }
    }

    impl futures_io::AsyncWrite for Script {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            self.told.push(format!("write {}", buf.len()));
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.told.push("flush".into());
            Poll::Ready(Ok(()))
        }

        fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.told.push("close".into());
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_copy_both_ways_moves_the_bytes_of_each_flushes_them_and_closes_both() {
        let stream = |gives: &[u8]| FuturesIo::new(Script { gives: gives.to_vec(), told: Vec::new() });
        let (mut a, mut b) = (stream(b"four"), stream(b"seven.."));
        let moved = crate::block_on(copy_bidirectional(&mut a, &mut b)).unwrap();
        assert_eq!(moved, (4, 7));
        assert_eq!(a.into_inner().told, ["write 7", "flush", "close"]);
        assert_eq!(b.get_mut().told, ["write 4", "flush", "close"]);
    }
}
