//! Writing to a [`Stream`].

use super::transfer::{Write, WriteAll};
use super::{Family, Stream};
use egret_runtime::io::{Direction, Site};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

/// # Writing
///
/// All of it is by [`send(2)`](https://man7.org/linux/man-pages/man2/send.2.html) and related calls. A stream has no
/// buffer: written bytes are with the kernel.
impl<F: Family> Stream<F> {
    /// Writes as much of `buf` as there is room for and returns the number of bytes; waits until there is room.
    ///
    /// `Ok(0)` means that `buf` is empty. Written bytes have not necessarily reached the peer.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the connection is gone or its write side was shut down, and
    /// never a `SIGPIPE`; [`ConnectionReset`](io::ErrorKind::ConnectionReset) when a TCP peer has reset it, or a Unix
    /// peer was closed with bytes unread while this waited; [`TimedOut`](io::ErrorKind::TimedOut) when a TCP peer
    /// does not acknowledge.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was written.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// let n = client.write(b"hello").await?;
    /// let mut buf = [0; 16];
    /// assert_eq!(server.read(&mut buf).await?, n);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Write { stream: self, buf, at: Site::caller() }
    }

    /// [`write`](Stream::write) as a poll function: writes, or arranges for `cx` to be woken when there is room.
    /// Wakes each task of this runtime that polls it; of other wakers, such as those of `FuturesUnordered`, only the
    /// last.
    ///
    /// # Errors
    ///
    /// As [`write`](Stream::write).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use std::future::poll_fn;
    ///
    /// assert_eq!(poll_fn(|cx| client.poll_write(cx, b"hello")).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buf)
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// As [`write`](Stream::write); the number of bytes written before the error is unknown.
    /// [`WriteZero`](io::ErrorKind::WriteZero) if the kernel takes nothing without an error, which it does not.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, part of `buf` may have been written, and how much is unknown.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// client.write_all(b"hello").await?;
    /// let mut buf = [0; 5];
    /// server.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        WriteAll { stream: self, rest: buf, at: Site::caller() }
    }

    /// [`write`](Stream::write) of several buffers, in order, as one, like `writev`. One call takes at most 1024
    /// buffers.
    ///
    /// # Errors
    ///
    /// As [`write`](Stream::write).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was written.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use std::io::IoSlice;
    ///
    /// let parts = [IoSlice::new(b"head"), IoSlice::new(b"body")];
    /// assert_eq!(client.write_vectored(&parts).await?, 8);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "writev")]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_send_vectored(cx, bufs)).await })
    }

    /// [`write_vectored`](Stream::write_vectored) as a poll function; see
    /// [`poll_write`](Stream::poll_write).
    ///
    /// # Errors
    ///
    /// As [`write`](Stream::write).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send_vectored(cx, bufs)
    }

    /// Writes all of several buffers, in order. `bufs` is consumed: its slices are unspecified afterwards.
    ///
    /// # Errors
    ///
    /// As [`write_all`](Stream::write_all).
    ///
    /// # Cancel safety
    ///
    /// None, as for [`write_all`](Stream::write_all).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use std::io::IoSlice;
    ///
    /// let mut parts = [IoSlice::new(b"head"), IoSlice::new(b""), IoSlice::new(b"body")];
    /// client.write_all_vectored(&mut parts).await?;
    /// let mut buf = [0; 8];
    /// server.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"headbody");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn write_all_vectored(
        &mut self,
        mut bufs: &mut [IoSlice<'_>],
    ) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_send_all_vectored(cx, &mut bufs)).await })
    }

    /// Does nothing: a stream has no buffer. For ported code.
    ///
    /// # Errors
    ///
    /// None.
    pub async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Shuts down the write side: the peer reads the written bytes and then the end of the stream ([RFC 9293,
    /// 3.6](https://www.rfc-editor.org/rfc/rfc9293#section-3.6)). Reading goes on.
    ///
    /// # Errors
    ///
    /// Those of [`shutdown(2)`](https://man7.org/linux/man-pages/man2/shutdown.2.html); none in practice. A
    /// connection that is gone already is no error.
    ///
    /// # Cancel safety
    ///
    /// It never waits.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// client.write_all(b"bye").await?;
    /// client.shutdown().await?;
    /// let mut buf = [0; 16];
    /// assert_eq!(server.read(&mut buf).await?, 3);
    /// assert_eq!(server.read(&mut buf).await?, 0);
    ///
    /// server.write_all(b"bye yourself").await?;
    /// assert_eq!(client.read(&mut buf).await?, 12);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.shut_writing()
    }

    /// [`shutdown`](Stream::shutdown) as a poll function; it is always ready.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Stream::shutdown).
    pub fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shut_writing())
    }

    /// Waits until the kernel has reported the stream as writable: a [`try_write`](Stream::try_write) would find
    /// room, or an error. Any number of tasks may wait.
    ///
    /// The report may be false: if `try_write` returns [`WouldBlock`](io::ErrorKind::WouldBlock), wait again.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// client.writable().await?;
    /// assert_eq!(client.try_write(b"hello")?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration().ready(Direction::Write)
    }

    /// [`writable`](Stream::writable) as a poll function. Wakes each task of this runtime that polls it; of other
    /// wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration().poll_ready(cx, Direction::Write)
    }

    /// Writes as much of `buf` as there is room for, without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is no room, or no event has reported it yet; then wait
    /// for [`writable`](Stream::writable). Else as [`write`](Stream::write).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use std::io::ErrorKind;
    ///
    /// let full = loop {
    ///     if let Err(e) = client.try_write(&[0; 65536]) {
    ///         break e;
    ///     }
    /// };
    /// assert_eq!(full.kind(), ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.try_send(buf)
    }

    /// [`try_write`](Stream::try_write) of several buffers; see
    /// [`write_vectored`](Stream::write_vectored).
    ///
    /// # Errors
    ///
    /// As [`try_write`](Stream::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_send_vectored(bufs)
    }
}
