//! Files through a [`Stream`], from the page cache to the socket.

use super::{Family, Stream};
use egret_runtime::io::Site;
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

/// # Files
///
/// By [`sendfile(2)`](https://man7.org/linux/man-pages/man2/sendfile.2.html).
impl<F: Family> Stream<F> {
    /// Sends as much of a file as there is room for and returns the number of bytes; waits until there is room. The
    /// position of `file` is neither used nor moved, so several tasks can send one file.
    ///
    /// `Ok(0)` means that the file ends at or before `offset`, or that `count` is 0. Fewer bytes than `count` mean
    /// that there was no more room, or that the file ends there: call again from there, until all is sent or 0 is
    /// returned. A call sends at most 2 GiB less a page.
    ///
    /// The kernel sends the file's pages, not copies: a change in place before the peer has acknowledged them (TCP)
    /// or read them (Unix) is sent too. Replace files by `rename(2)`. A page that is not in memory is read from the
    /// disk **while this thread waits**: where that matters, read it before by
    /// [`spawn_blocking`](egret_runtime::task::spawn_blocking).
    ///
    /// # Errors
    ///
    /// Those of [`write`](Stream::write), and never a `SIGPIPE`; [`InvalidInput`](io::ErrorKind::InvalidInput) for a
    /// `file` whose pages cannot be sent (a pipe, a terminal, some special files) or an `offset` of 2^63 or more,
    /// with nothing sent: read and [`write_all`](Stream::write_all) instead;
    /// [`IsADirectory`](io::ErrorKind::IsADirectory) or `InvalidInput` for a directory; `EBADF` for a file that is
    /// not open for reading; `EIO` from the disk.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no byte was sent.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// use egret_runtime::fs::File;
    ///
    /// let file = File::open("/proc/self/exe").await?;
    /// let (mut offset, end) = (1, 4); // the letters "ELF"
    /// while offset < end {
    ///     match server.sendfile(file.as_std(), offset, (end - offset) as usize).await? {
    ///         0 => break, // it has become shorter
    ///         n => offset += n as u64,
    ///     }
    /// }
    /// let mut letters = [0; 3];
    /// client.read_exact(&mut letters).await?;
    /// assert_eq!(&letters, b"ELF");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn sendfile(
        &mut self,
        file: &File,
        offset: u64,
        count: usize,
    ) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_sendfile(cx, file, offset, count)).await })
    }

    /// [`sendfile`](Stream::sendfile) as a poll function. Wakes each task of this runtime that polls it; of other
    /// wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`sendfile`](Stream::sendfile).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_sendfile(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_send_file(cx, file, offset, count)
    }

    /// [`sendfile`](Stream::sendfile) without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is no room; else as [`sendfile`](Stream::sendfile).
    #[inline]
    pub fn try_sendfile(&self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        self.try_send_file(file, offset, count)
    }
}
