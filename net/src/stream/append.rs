//! Reading to the end of a buffer that grows.

use super::halves::ReadHalf;
use super::{Family, Stream};
use egret_runtime::io::{Append, Clears, Direction, Site};
use egret_runtime::sys::lend_append;
use std::future::poll_fn;
use std::io;
use std::ops::Deref;

/// # Appending
impl<F: Family> Stream<F> {
    /// Reads the queued bytes, as far as `buf` has room, and appends them; waits until there are some. Returns their
    /// number: 0 at the end of the stream, and when there is no room. A `Vec` grows by at least 64 bytes when it is
    /// full.
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
    /// let mut line = Vec::with_capacity(4096);
    /// client.write_all(b"hello\n").await?;
    /// while !line.ends_with(b"\n") && server.read_buf(&mut line).await? != 0 {}
    /// assert_eq!(line, b"hello\n");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_buf<B: Append + ?Sized>(&mut self, buf: &mut B) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { self.recv_append(buf).await })
    }

    /// [`read_buf`](Stream::read_buf) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Stream::try_read).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// let mut buf = Vec::with_capacity(4096);
    /// client.write_all(b"hello").await?;
    /// server.readable().await?;
    /// assert_eq!(server.try_read_buf(&mut buf)?, 5);
    /// assert_eq!(buf, b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn try_read_buf<B: Append + ?Sized>(&self, buf: &mut B) -> io::Result<usize> {
        lend_append(buf, |room| match room.remaining() {
            0 => Ok(0),
            wanted => self
                .registration()
                .try_transfer(Direction::Read, Clears::ShortOf(wanted), |fd| F::recv_uninit(fd, room)),
        })
    }

    async fn recv_append<B: Append + ?Sized>(&self, buf: &mut B) -> io::Result<usize> {
        poll_fn(|cx| lend_append(buf, |room| self.poll_recv_uninit(cx, room))).await
    }
}

/// # Appending
impl<F: Family, S: Deref<Target = Stream<F>>> ReadHalf<S> {
    /// Reads the queued bytes and appends them: [`Stream::read_buf`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn read_buf<B: Append + ?Sized>(&mut self, buf: &mut B) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { self.stream().recv_append(buf).await })
    }

    /// [`read_buf`](Self::read_buf) without waiting: [`Stream::try_read_buf`].
    pub fn try_read_buf<B: Append + ?Sized>(&self, buf: &mut B) -> io::Result<usize> {
        self.stream().try_read_buf(buf)
    }
}
