//! Sending and receiving on a [`UnixDatagram`].
//!
//! * A connected socket that finds the receiver's queue full is woken when there is room. An unconnected one is not.
//! * For the latter `sendto` returns `EAGAIN` and, because it frees the memory of the datagram, reports the socket as
//!   writable at once, as a new edge. A loop that trusts that edge spins until the receiver has room.
//! * So [`send_to`](UnixDatagram::send_to) waits for a growing pause instead of an edge, and there is no
//!   `poll_send_to`.

use super::UnixDatagram;
use crate::unix::SocketAddr;
use crate::unix::ancillary::{self, RecvAncillary, RecvMessage, SendAncillary};
use egret_runtime::io::{Direction, Site};
use egret_runtime::sys::Fd;
use egret_runtime::time::{self, Duration};
use std::io::{self, IoSlice, IoSliceMut};
use std::path::Path;
use std::task::{Context, Poll};

/// The first pause and the longest; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl UnixDatagram {
    /// Sends a datagram to the connected socket and returns its length; waits until there is room.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected); [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when
    /// the receiver is gone, [`BrokenPipe`](io::ErrorKind::BrokenPipe) when one of the two was shut down; `EMSGSIZE`
    /// when the datagram exceeds the send buffer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing was sent.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (ours, theirs) = egret_net::UnixDatagram::pair()?;
    /// assert_eq!(ours.send(b"hello").await?, 5);
    /// assert_eq!(theirs.recv(&mut [0; 16]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.registration.io(Direction::Write, move |fd| fd.send(buf))
    }

    /// [`send`](UnixDatagram::send) as a poll function. Wakes each task of this runtime that polls it; of other
    /// wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixDatagram::send).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_io(cx, Direction::Write, |fd| fd.send(buf))
    }

    /// Sends a datagram without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock); else as [`send`](UnixDatagram::send).
    #[inline]
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.registration.try_io(Direction::Write, |fd| fd.send(buf))
    }

    /// Sends a datagram to the socket at a path, or with the abstract name after a zero byte, and returns its length;
    /// waits until there is room.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when the path does not exist,
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when no socket is bound to it any more,
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) when that socket is connected to another or the file is
    /// not writable; `EMSGSIZE` when the datagram exceeds the send buffer; others by
    /// [`sendto(2)`](https://man7.org/linux/man-pages/man2/send.2.html), with their errno.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing was sent.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UnixDatagram;
    /// # let name = format!("\0egret-doc-datagram-send_to-{}", std::process::id());
    /// let server = UnixDatagram::bind(&name)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.send_to(b"hello", &name).await?;
    /// let (n, from) = server.recv_from(&mut [0; 16]).await?;
    /// assert_eq!((n, from.is_unnamed()), (5, true));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            self.send_to_addr(buf, &SocketAddr::from_path_or_name(target.as_ref())?).await
        })
    }

    /// [`send_to`](UnixDatagram::send_to) an address, such as the sender from [`recv_from`](UnixDatagram::recv_from).
    ///
    /// # Errors
    ///
    /// As [`send_to`](UnixDatagram::send_to); [`InvalidInput`](io::ErrorKind::InvalidInput) for no name.
    ///
    /// # Cancel safety
    ///
    /// As [`send_to`](UnixDatagram::send_to).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send_to_addr(&self, buf: &[u8], target: &SocketAddr) -> impl Future<Output = io::Result<usize>> {
        Site::caller()
            .within(async move { self.send_or_pause(|fd| fd.send_to_unix(buf, target.raw())).await })
    }

    /// Sends a datagram to a path or a name, without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock); then [`writable`](UnixDatagram::writable) does not help: it does
    /// not report room at an unconnected receiver, and a loop of the two is busy. Else as
    /// [`send_to`](UnixDatagram::send_to).
    #[inline]
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let target = SocketAddr::from_path_or_name(target.as_ref())?;
        self.registration.try_io(Direction::Write, |fd| fd.send_to_unix(buf, target.raw()))
    }

    /// Receives a datagram and returns how many of its bytes are in `buf`; waits for one.
    ///
    /// # Errors
    ///
    /// Those of [`recv(2)`](https://man7.org/linux/man-pages/man2/recv.2.html); none in practice.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no datagram was taken.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn recv(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.registration.io(Direction::Read, move |fd| fd.recv(buf))
    }

    /// [`recv`](UnixDatagram::recv) as a poll function. Wakes each task of this runtime that polls it; of other
    /// wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`recv`](UnixDatagram::recv).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (ours, theirs) = egret_net::UnixDatagram::pair()?;
    /// use std::future::poll_fn;
    ///
    /// ours.send(b"hello").await?;
    /// let mut buf = [0; 16];
    /// assert_eq!(poll_fn(|cx| theirs.poll_recv(cx, &mut buf)).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_io(cx, Direction::Read, |fd| fd.recv(buf))
    }

    /// Receives a datagram without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (ours, theirs) = egret_net::UnixDatagram::pair()?;
    /// let nothing = theirs.try_recv(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.registration.try_io(Direction::Read, |fd| fd.recv(buf))
    }

    /// [`recv`](UnixDatagram::recv) with the address of the sender, unnamed if it did not bind its socket.
    ///
    /// # Errors
    ///
    /// As [`recv`](UnixDatagram::recv).
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](UnixDatagram::recv).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn recv_from(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        Site::caller().within(async move {
            let (n, from) = self.registration.io(Direction::Read, |fd| fd.recv_from_unix(buf)).await?;
            Ok((n, from.into()))
        })
    }

    /// [`recv_from`](UnixDatagram::recv_from) as a poll function. Wakes each task of this runtime that polls it; of
    /// other wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`recv`](UnixDatagram::recv).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let poll = self.registration.poll_io(cx, Direction::Read, |fd| fd.recv_from_unix(buf));
        poll.map_ok(|(n, from)| (n, from.into()))
    }

    /// [`try_recv`](UnixDatagram::try_recv) with the address of the sender.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock).
    #[inline]
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (n, from) = self.registration.try_io(Direction::Read, |fd| fd.recv_from_unix(buf))?;
        Ok((n, from.into()))
    }

    /// Sends a datagram, of several buffers as one, with descriptors or credentials: to `target`, or without one to
    /// the connected socket.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixDatagram::send), [`send_to`](UnixDatagram::send_to) and
    /// [`UnixStream::send_message`](crate::UnixStream::send_message); a datagram without bytes may carry control
    /// data.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing was sent.
    #[doc(alias = "sendmsg")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send_message(
        &self,
        bufs: &[IoSlice<'_>],
        control: &SendAncillary<'_>,
        target: Option<&SocketAddr>,
    ) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            match target.map(SocketAddr::raw) {
                None => ancillary::send_message(&self.registration, bufs, control).await,
                target => self.send_or_pause(|fd| ancillary::send(fd, bufs, control, target)).await,
            }
        })
    }

    /// Receives a datagram, with the address of the sender, its control data, and whether all of it fitted.
    ///
    /// # Errors
    ///
    /// As [`recv`](UnixDatagram::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no datagram was taken.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{UnixDatagram, unix::RecvAncillary};
    /// use std::io::IoSliceMut;
    ///
    /// let (ours, theirs) = UnixDatagram::pair()?;
    /// theirs.set_passcred(true)?;
    /// ours.send(b"hello").await?;
    /// let (mut bytes, mut control) = ([0; 3], RecvAncillary::with_room_for(0));
    /// let message = theirs.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut control).await?;
    /// assert!(message.truncated);
    /// assert_eq!(control.credentials().unwrap().pid(), Some(std::process::id() as i32));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "recvmsg")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn recv_message(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        control: &mut RecvAncillary,
    ) -> impl Future<Output = io::Result<RecvMessage>> {
        Site::caller().within(async move { ancillary::recv_message(&self.registration, bufs, control).await })
    }

    /// Sends by `op`, and retries after a pause while there is no room. The registration does not see the `EAGAIN`:
    /// it would wait for the edge that `op` itself has made.
    #[inline]
    async fn send_or_pause(&self, op: impl Fn(&Fd) -> io::Result<usize>) -> io::Result<usize> {
        let mut pause = PAUSE;
        loop {
            let attempt = |fd: &Fd| match op(fd) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                sent => sent.map(Some),
            };
            if let Some(sent) = self.registration.io(Direction::Write, attempt).await? {
                return Ok(sent);
            }
            time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }
}
