//! Many datagrams by one system call, which tokio does not have.
//!
//! The kernel cuts segments where it can (GSO), and this module where it cannot: only the cost differs.

use super::UdpSocket;
use crate::udp::RecvBatch;
use egret_runtime::io::{Direction, Site};
use egret_runtime::sys::{BATCH_MAX, Fd};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

/// The most bytes of one call with segments: the size of a datagram.
const GSO_BYTES: usize = 65507;
/// The most segments of one call: `UDP_MAX_SEGMENTS` of the kernel, which was 64 until Linux 6.9.
const GSO_SEGMENTS: usize = 64;

/// # Many at a time
impl UdpSocket {
    /// Receives as many datagrams as are queued and fit into `batch` and returns their number; waits for the first.
    /// Drops the previous content of `batch`.
    ///
    /// By [`recvmmsg(2)`](https://man7.org/linux/man-pages/man2/recvmmsg.2.html): one system call for up to 64.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv), when the error precedes the first datagram.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no datagram was taken.
    ///
    /// See [`RecvBatch`] for an example.
    #[doc(alias = "recvmmsg")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn recv_many(&self, batch: &mut RecvBatch) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            self.registration.io(Direction::Read, |fd| fd.recv_batch(&mut batch.0)).await?;
            Ok(batch.len())
        })
    }

    /// [`recv_many`](UdpSocket::recv_many) as a poll function. Wakes each task of this runtime that polls it; of
    /// other wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`recv_many`](UdpSocket::recv_many).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_recv_many(&self, cx: &mut Context<'_>, batch: &mut RecvBatch) -> Poll<io::Result<usize>> {
        ready!(self.registration.poll_io(cx, Direction::Read, |fd| fd.recv_batch(&mut batch.0)))?;
        Poll::Ready(Ok(batch.len()))
    }

    /// [`recv_many`](UdpSocket::recv_many) without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when none is queued; else as [`recv_many`](UdpSocket::recv_many).
    #[inline]
    pub fn try_recv_many(&self, batch: &mut RecvBatch) -> io::Result<usize> {
        self.registration.try_io(Direction::Read, |fd| fd.recv_batch(&mut batch.0))?;
        Ok(batch.len())
    }

    /// Sends datagrams, in order, each to its address or, without one, to the connected peer. Waits until there is
    /// room for all, and returns how many were sent: all, or those before one that failed, which is then the first of
    /// the next call. (A network error about an earlier datagram does not belong to that one, and is dropped when
    /// some were sent.)
    ///
    /// By [`sendmmsg(2)`](https://man7.org/linux/man-pages/man2/sendmmsg.2.html): one system call for up to 64.
    ///
    /// # Errors
    ///
    /// As [`send_to`](UdpSocket::send_to), when it is about the first.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, some may have been sent, and how many is unknown.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// let to = Some(server.local_addr()?);
    /// assert_eq!(client.send_many(&[(b"one", to), (b"two", to)]).await?, 2);
    /// assert_eq!(server.recv(&mut [0; 16]).await?, 3);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "sendmmsg")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send_many(
        &self,
        datagrams: &[(&[u8], Option<SocketAddr>)],
    ) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            let mut sent = 0;
            while sent < datagrams.len() {
                let rest = &datagrams[sent..];
                match self.registration.io(Direction::Write, |fd| fd.send_batch(rest)).await {
                    Ok(n) => sent += n,
                    Err(error) if sent == 0 => return Err(error),
                    Err(_) => break,
                }
            }
            Ok(sent)
        })
    }

    /// Sends as many of the datagrams, up to 64, as there is room for now.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is no room for the first; else as
    /// [`send_many`](UdpSocket::send_many).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// # let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// # let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// # client.connect(server.local_addr()?).await?;
    /// assert_eq!(client.try_send_many(&[(b"one", None), (b"two", None)])?, 2);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn try_send_many(&self, datagrams: &[(&[u8], Option<SocketAddr>)]) -> io::Result<usize> {
        if datagrams.is_empty() {
            return Ok(0);
        }
        self.registration.try_io(Direction::Write, |fd| fd.send_batch(datagrams))
    }

    /// Sends `buf` as datagrams of `segment` bytes each, the last of which may be shorter, to `target`, or without
    /// one to the connected peer. Returns when all are sent.
    ///
    /// Where the kernel can, it takes up to 64 of them by one call and cuts them itself, or lets the device do it
    /// (`UDP_SEGMENT`, Linux 4.18; [`udp(7)`](https://man7.org/linux/man-pages/man7/udp.7.html)). Otherwise they are
    /// sent as by [`send_many`](UdpSocket::send_many). A failure for one target does not affect others.
    ///
    /// # Errors
    ///
    /// As [`send_to`](UdpSocket::send_to); some may have been sent before. [`InvalidInput`](io::ErrorKind::InvalidInput)
    /// when `segment` is 0.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, some may have been sent, and how many is unknown.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.connect(server.local_addr()?).await?;
    /// client.send_segments(b"aaabbbc", 3, None).await?;
    /// let mut buf = [0; 16];
    /// for expected in ["aaa", "bbb", "c"] {
    ///     let n = server.recv(&mut buf).await?;
    ///     assert_eq!(&buf[..n], expected.as_bytes());
    /// }
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "gso")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send_segments(
        &self,
        buf: &[u8],
        segment: u16,
        target: Option<SocketAddr>,
    ) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(async move {
            let size = usize::from(segment);
            if size == 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a segment of no bytes"));
            }
            // Whole segments, so that only the very last is short; at least one, which may be too long to send.
            let most = (GSO_BYTES / size).clamp(1, GSO_SEGMENTS) * size;
            for part in buf.chunks(most) {
                let cut =
                    part.len() > size && self.kernel_cuts() && self.segmented(part, segment, target).await?;
                if !cut {
                    self.one_by_one(part, size, target).await?;
                }
            }
            Ok(())
        })
    }

    /// Returns whether the kernel supports segments at all. Checked once.
    #[inline]
    fn kernel_cuts(&self) -> bool {
        let asked = self.kernel_cuts.get().unwrap_or_else(|| self.registration.get_ref().knows_segments());
        self.kernel_cuts.set(Some(asked));
        asked
    }

    /// Returns whether the kernel has cut and sent them.
    ///
    /// A refusal concerns this call only: a target that takes no datagrams, such as port 0 (perhaps the forged source
    /// of a request), a route with a smaller MTU, or another device. So it is not remembered, because the next call
    /// may have another target. If it persists, it costs one failed call per 64 datagrams.
    #[inline]
    async fn segmented(&self, buf: &[u8], segment: u16, target: Option<SocketAddr>) -> io::Result<bool> {
        let send = |fd: &Fd| fd.send_segmented(buf, segment, target.as_ref());
        self.registration.io(Direction::Write, send).await
    }

    #[inline]
    async fn one_by_one(&self, buf: &[u8], size: usize, target: Option<SocketAddr>) -> io::Result<()> {
        let mut datagrams = buf.chunks(size).map(|data| (data, target)).peekable();
        while datagrams.peek().is_some() {
            let some: Vec<_> = datagrams.by_ref().take(BATCH_MAX).collect();
            let mut rest = &some[..];
            while !rest.is_empty() {
                let sent = self.registration.io(Direction::Write, |fd| fd.send_batch(rest)).await?;
                rest = &rest[sent..];
            }
        }
        Ok(())
    }

    /// Returns whether the kernel may coalesce datagrams of one sender, `UDP_GRO`.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT` before Linux 5.0.
    #[inline]
    pub fn gro(&self) -> io::Result<bool> {
        self.registration.get_ref().udp_gro()
    }

    /// Lets the kernel coalesce consecutive datagrams of one sender, all but the last of equal length, into one
    /// buffer. Receive them by [`recv_many`](UdpSocket::recv_many) with room for 65535 bytes: [`RecvBatch::iter`]
    /// splits them. Other receive methods lose the boundaries.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT` before Linux 5.0: the same code works without it, with a datagram in each slot.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// use egret_net::udp::RecvBatch;
    ///
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let _ = server.set_gro(true); // without it, as well
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.connect(server.local_addr()?).await?;
    /// client.send_segments(b"aaabbbc", 3, None).await?;
    /// let mut batch = RecvBatch::new(4, 65535);
    /// assert_eq!(server.recv_many(&mut batch).await?, 3);
    /// let all: Vec<_> = batch.iter().map(|datagram| datagram.data).collect();
    /// assert_eq!(all, [&b"aaa"[..], b"bbb", b"c"]);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_gro(&self, gro: bool) -> io::Result<()> {
        self.registration.get_ref().set_udp_gro(gro)
    }
}
