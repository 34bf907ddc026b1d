//! Reading from a [`Stream`].

use super::transfer::Read;
use super::{Family, Stream};
use egret_runtime::io::{Direction, Site};
use egret_runtime::sys::ReadBuf;
use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::task::{Context, Poll, ready};

/// # Reading
///
/// All of it is by [`recv(2)`](https://man7.org/linux/man-pages/man2/recv.2.html) and related calls. Descriptors
/// passed with the bytes of a Unix stream are closed, unless they are received by
/// [`recv_message`](crate::UnixStream::recv_message).
impl<F: Family> Stream<F> {
    /// Reads the queued bytes and returns their number; waits until there are some.
    ///
    /// `Ok(0)` means that the peer will send no more, or that `buf` is empty. The peer may still
    /// read: see [`shutdown`](Stream::shutdown).
    ///
    /// # Errors
    ///
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset), once, after the bytes before it: for TCP when the peer
    /// has reset the connection, for Unix when it was closed with bytes unread. [`TimedOut`](io::ErrorKind::TimedOut)
    /// when a TCP peer does not acknowledge.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was taken.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// client.write_all(b"hello").await?;
    /// drop(client);
    ///
    /// let mut buf = [0; 16];
    /// assert_eq!(server.read(&mut buf).await?, 5);
    /// assert_eq!(&buf[..5], b"hello");
    /// assert_eq!(server.read(&mut buf).await?, 0);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        Read { stream: self, buf, at: Site::caller() }
    }

    /// [`read`](Stream::read) as a poll function: reads, or arranges for `cx` to be woken when there is something to
    /// read. Wakes each task of this runtime that polls it; of other wakers, such as those of `FuturesUnordered`,
    /// only the last.
    ///
    /// # Errors
    ///
    /// As [`read`](Stream::read).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use std::future::poll_fn;
    ///
    /// client.write_all(b"hello").await?;
    /// let mut buf = [0; 16];
    /// assert_eq!(poll_fn(|cx| server.poll_read(cx, &mut buf)).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv(cx, buf)
    }

    /// [`read`](Stream::read) into memory that need not be zeroed. Returns the filled part, from the start; an empty
    /// one is the end of the stream.
    ///
    /// # Errors
    ///
    /// As [`read`](Stream::read).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was taken.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use std::mem::MaybeUninit;
    ///
    /// client.write_all(b"hello").await?;
    /// let mut memory = [MaybeUninit::uninit(); 4096];
    /// assert_eq!(server.read_uninit(&mut memory).await?, b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_uninit<'b>(
        &mut self,
        buf: &'b mut [MaybeUninit<u8>],
    ) -> impl Future<Output = io::Result<&'b mut [u8]>> {
        Site::caller().within(async move {
            let mut buf = ReadBuf::uninit(buf);
            poll_fn(|cx| self.poll_recv_uninit(cx, &mut buf)).await?;
            Ok(buf.into_filled())
        })
    }

    /// [`read_uninit`](Stream::read_uninit) as a poll function; see [`poll_read`](Stream::poll_read).
    ///
    /// # Errors
    ///
    /// As [`read`](Stream::read).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use std::future::poll_fn;
    /// use std::mem::MaybeUninit;
    ///
    /// client.write_all(b"hello").await?;
    /// let mut memory = [MaybeUninit::uninit(); 4096];
    /// let len = poll_fn(|cx| {
    ///     server.poll_read_uninit(cx, &mut memory).map_ok(|filled| filled.len())
    /// });
    /// assert_eq!(len.await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_uninit<'b>(
        &mut self,
        cx: &mut Context<'_>,
        buf: &'b mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<&'b mut [u8]>> {
        let mut buf = ReadBuf::uninit(buf);
        ready!(self.poll_recv_uninit(cx, &mut buf))?;
        Poll::Ready(Ok(buf.into_filled()))
    }

    /// [`read`](Stream::read) into several buffers, each filled before the next, like `readv`. One call fills at most
    /// 1024 buffers.
    ///
    /// # Errors
    ///
    /// As [`read`](Stream::read).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was taken.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use std::io::IoSliceMut;
    ///
    /// client.write_all(b"headbody").await?;
    /// let (mut head, mut body) = ([0; 4], [0; 16]);
    /// let mut parts = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
    /// assert_eq!(server.read_vectored(&mut parts).await?, 8);
    /// assert_eq!((&head, &body[..4]), (b"head", &b"body"[..]));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "readv")]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_recv_vectored(cx, bufs)).await })
    }

    /// [`read_vectored`](Stream::read_vectored) as a poll function; see [`poll_read`](Stream::poll_read).
    ///
    /// # Errors
    ///
    /// As [`read`](Stream::read).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_recv_vectored(cx, bufs)
    }

    /// Fills `buf`, and returns its length.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the stream ends before; the bytes read are in `buf`, how
    /// many is unknown. Else as [`read`](Stream::read).
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, bytes may have been taken, and how many is unknown.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use std::io::ErrorKind;
    ///
    /// client.write_all(b"hello").await?;
    /// drop(client);
    /// let mut buf = [0; 4];
    /// server.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"hell");
    /// let ended = server.read_exact(&mut buf).await.unwrap_err();
    /// assert_eq!(ended.kind(), ErrorKind::UnexpectedEof);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            let mut filled = 0;
            poll_fn(|cx| self.poll_recv_exact(cx, buf, &mut filled)).await
        })
    }

    /// Reads until the peer will send no more and appends to `buf`. Returns the number of bytes.
    ///
    /// Only memory limits the size: not for untrusted peers.
    ///
    /// # Errors
    ///
    /// As [`read`](Stream::read); the bytes before the error are in `buf`.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the bytes read are in `buf`: another call goes on.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// client.write_all(b"all of it").await?;
    /// client.shutdown().await?;
    /// let mut request = Vec::new();
    /// assert_eq!(server.read_to_end(&mut request).await?, 9);
    /// assert_eq!(request, b"all of it");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_to_end(&mut self, buf: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { self.recv_to_end(buf).await })
    }

    /// [`read_to_end`](Stream::read_to_end) as text, which is appended to `buf`.
    ///
    /// # Errors
    ///
    /// As [`read`](Stream::read); [`InvalidData`](io::ErrorKind::InvalidData) when it is not UTF-8. Nothing is
    /// appended then.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, the bytes read are lost.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_to_string(&mut self, buf: &mut String) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { self.recv_to_string(buf).await })
    }

    /// [`read`](Stream::read) without removing the bytes. Any number of tasks may wait in it.
    ///
    /// # Errors
    ///
    /// As [`read`](Stream::read).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// client.write_all(b"hello").await?;
    /// let mut buf = [0; 16];
    /// assert_eq!(server.peek(&mut buf).await?, 5);
    /// assert_eq!(server.read(&mut buf).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { self.recv_peek(buf).await })
    }

    /// [`peek`](Stream::peek) as a poll function. Wakes each task of this runtime that polls it; of other wakers,
    /// such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`read`](Stream::read).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv_peek(cx, buf)
    }

    /// Waits until the kernel has reported the stream as readable: a [`try_read`](Stream::try_read) would find data,
    /// the end of the stream, or an error. Any number of tasks may wait.
    ///
    /// The report may be false: if `try_read` returns [`WouldBlock`](io::ErrorKind::WouldBlock), wait again.
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
    /// use std::io::ErrorKind;
    ///
    /// client.write_all(b"hello").await?;
    /// let mut buf = [0; 16];
    /// let n = loop {
    ///     server.readable().await?;
    ///     match server.try_read(&mut buf) {
    ///         Err(e) if e.kind() == ErrorKind::WouldBlock => continue,
    ///         result => break result?,
    ///     }
    /// };
    /// assert_eq!(&buf[..n], b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration().ready(Direction::Read)
    }

    /// [`readable`](Stream::readable) as a poll function. Wakes each task of this runtime that polls it; of other
    /// wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration().poll_ready(cx, Direction::Read)
    }

    /// Reads the queued bytes without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when nothing is queued, or no event has reported it yet; then wait
    /// for [`readable`](Stream::readable). Else as [`read`](Stream::read).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// let nothing = server.try_read(&mut [0; 16]);
    /// assert_eq!(nothing.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_recv(buf)
    }

    /// [`try_read`](Stream::try_read) into several buffers; see
    /// [`read_vectored`](Stream::read_vectored).
    ///
    /// # Errors
    ///
    /// As [`try_read`](Stream::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.try_recv_vectored(bufs)
    }
}
