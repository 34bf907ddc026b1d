//! Reading to the end of a buffer that grows.

use super::ReadEnd;
use crate::io::{Append, Clears, Direction};
use crate::observe::site::Site;
use crate::sys::lend_append;
use std::future::poll_fn;
use std::io;

/// # Appending
impl<K> ReadEnd<K> {
    /// Reads the queued bytes, as far as `buf` has room, and appends them; waits until there are some. Returns their
    /// number: 0 when no writer is left, and when there is no room. A `Vec` grows by at least 64 bytes when it is full.
    ///
    /// # Errors
    ///
    /// As [`read`](ReadEnd::read).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was taken.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let (mut sender, mut receiver) = egret_runtime::io::pipe::pipe()?;
    /// let mut buf = Vec::with_capacity(4096);
    /// sender.write_all(b"hello").await?;
    /// assert_eq!(receiver.read_buf(&mut buf).await?, 5);
    /// assert_eq!(buf, b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn read_buf<B: Append + ?Sized>(&mut self, buf: &mut B) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            poll_fn(|cx| lend_append(buf, |room| self.poll_read_uninit(cx, room))).await
        })
    }

    /// [`read_buf`](ReadEnd::read_buf) without waiting.
    ///
    /// # Errors
    ///
    /// As [`try_read`](ReadEnd::try_read).
    #[inline]
    pub fn try_read_buf<B: Append + ?Sized>(&self, buf: &mut B) -> io::Result<usize> {
        lend_append(buf, |room| match room.remaining() {
            0 => Ok(0),
            _ => {
                self.registration.try_transfer(Direction::Read, Clears::WouldBlock, |fd| fd.read_uninit(room))
            }
        })
    }
}
