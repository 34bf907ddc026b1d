//! [`UnixSeqpacket`]: a connection within the host that keeps message boundaries.

mod descriptor;

use super::ancillary::{self, RecvAncillary, RecvMessage, SendAncillary};
use super::connect::connect;
use super::{SocketAddr, UCred};
use crate::socket;
use egret_runtime::io::{Direction, Registration, Site, Start};
use egret_runtime::sys::{Backend, Fd, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::path::Path;
use std::task::{Context, Poll};

/// A Unix connection whose messages arrive as sent, whole and in order (`SOCK_SEQPACKET`).
///
/// A message longer than the buffer is truncated, which [`recv_message`](UnixSeqpacket::recv_message) reports and
/// [`recv`](UnixSeqpacket::recv) does not. Any number of tasks may send and receive; a message goes to one of them.
///
/// ```
/// # egret_runtime::block_on(async {
/// let (ours, theirs) = egret_net::UnixSeqpacket::pair()?;
/// ours.send(b"one").await?;
/// ours.send(b"two").await?;
/// let mut buf = [0; 16];
/// assert_eq!(theirs.recv(&mut buf).await?, 3);
/// assert_eq!(&buf[..3], b"one");
/// assert_eq!(theirs.recv(&mut buf).await?, 3);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html).
pub struct UnixSeqpacket {
    registration: Registration<Fd>,
}

impl UnixSeqpacket {
    /// Registers a connected socket.
    #[track_caller]
    #[inline]
    pub(super) fn new(fd: Fd) -> io::Result<UnixSeqpacket> {
        socket::register(fd, Start::Unknown).map(|registration| UnixSeqpacket { registration })
    }

    /// Connects to the socket at a path, or, if `path` starts with a zero byte, to the abstract name after it.
    ///
    /// # Errors
    ///
    /// As [`UnixStream::connect`](crate::UnixStream::connect); it also waits for room in the backlog as that does.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the attempt is cancelled and its socket closed.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<UnixSeqpacket>> {
        Site::caller().within(async move {
            UnixSeqpacket::connect_addr(&SocketAddr::from_path_or_name(path.as_ref())?).await
        })
    }

    /// [`connect`](UnixSeqpacket::connect) to an address, with its errors, cancel safety and panics.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn connect_addr(addr: &SocketAddr) -> impl Future<Output = io::Result<UnixSeqpacket>> {
        Site::caller().within(async move { UnixSeqpacket::new(connect(Type::SeqPacket, addr).await?) })
    }

    /// Creates two connected sockets.
    ///
    /// # Errors
    ///
    /// As [`UnixStream::pair`](crate::UnixStream::pair).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn pair() -> io::Result<(UnixSeqpacket, UnixSeqpacket)> {
        let (one, other) = Backend::current().socket_pair(Type::SeqPacket)?;
        Ok((UnixSeqpacket::new(one)?, UnixSeqpacket::new(other)?))
    }

    /// Sends a message and returns its length; waits until there is room.
    ///
    /// # Errors
    ///
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the peer is gone, and never a `SIGPIPE`; `EMSGSIZE` when the
    /// message exceeds the send buffer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing was sent.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (ours, theirs) = egret_net::UnixSeqpacket::pair()?;
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

    /// [`send`](UnixSeqpacket::send) as a poll function. Wakes each task of this runtime that polls it; of other
    /// wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixSeqpacket::send).
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.registration.poll_io(cx, Direction::Write, |fd| fd.send(buf))
    }

    /// Sends a message without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock); else as [`send`](UnixSeqpacket::send).
    #[inline]
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.registration.try_io(Direction::Write, |fd| fd.send(buf))
    }

    /// Receives a message and returns how many of its bytes are in `buf`; waits for one. 0 is the end of the
    /// connection, or an empty message.
    ///
    /// # Errors
    ///
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset), once, when the peer was closed with messages unread.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no message was taken.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn recv(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.registration.io(Direction::Read, move |fd| fd.recv(buf))
    }

    /// [`recv`](UnixSeqpacket::recv) as a poll function. Wakes each task of this runtime that polls it; of other
    /// wakers, such as those of `FuturesUnordered`, only the last.
    ///
    /// # Errors
    ///
    /// As [`recv`](UnixSeqpacket::recv).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (ours, theirs) = egret_net::UnixSeqpacket::pair()?;
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

    /// Receives a message without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock); else as [`recv`](UnixSeqpacket::recv).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (ours, theirs) = egret_net::UnixSeqpacket::pair()?;
    /// let nothing = theirs.try_recv(&mut [0; 16]).unwrap_err();
    /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.registration.try_io(Direction::Read, |fd| fd.recv(buf))
    }

    /// Sends a message, of several buffers as one, with descriptors or credentials.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixSeqpacket::send) and [`UnixStream::send_message`](crate::UnixStream::send_message); a message
    /// without bytes may carry control data.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing was sent.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{UnixSeqpacket, unix::SendAncillary};
    /// use std::io::IoSlice;
    /// use std::os::fd::AsFd;
    ///
    /// let (ours, theirs) = UnixSeqpacket::pair()?;
    /// let file = std::fs::File::open("/proc/self/comm")?;
    /// let descriptors = [file.as_fd()];
    /// let control = SendAncillary::new().descriptors(&descriptors);
    /// ours.send_message(&[IoSlice::new(b"the file")], &control).await?;
    /// assert_eq!(theirs.recv(&mut [0; 16]).await?, 8); // and the descriptor is closed
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[doc(alias = "sendmsg")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send_message(
        &self,
        bufs: &[IoSlice<'_>],
        control: &SendAncillary<'_>,
    ) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move { ancillary::send_message(&self.registration, bufs, control).await })
    }

    /// Receives a message, with its control data, and whether all of it fitted.
    ///
    /// # Errors
    ///
    /// As [`recv`](UnixSeqpacket::recv).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no message was taken.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{UnixSeqpacket, unix::RecvAncillary};
    /// use std::io::IoSliceMut;
    ///
    /// let (ours, theirs) = UnixSeqpacket::pair()?;
    /// ours.send(b"too long").await?;
    /// let mut bytes = [0; 3];
    /// let mut bufs = [IoSliceMut::new(&mut bytes)];
    /// let message = theirs.recv_message(&mut bufs, &mut RecvAncillary::default()).await?;
    /// assert!(message.truncated);
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

    /// Waits until the kernel has reported the socket as readable: a [`try_recv`](UnixSeqpacket::try_recv) would find
    /// something. The report may be false; any number of tasks may wait.
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
    /// # let (ours, theirs) = egret_net::UnixSeqpacket::pair()?;
    /// ours.send(b"hello").await?;
    /// theirs.readable().await?;
    /// assert_eq!(theirs.try_recv(&mut [0; 16])?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration.ready(Direction::Read)
    }

    /// Waits until the kernel has reported the socket as writable, as [`readable`](UnixSeqpacket::readable).
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.registration.ready(Direction::Write)
    }

    /// Shuts one direction or both. The peer receives what was sent, and then the end.
    ///
    /// # Errors
    ///
    /// Those of [`shutdown(2)`](https://man7.org/linux/man-pages/man2/shutdown.2.html); none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (ours, theirs) = egret_net::UnixSeqpacket::pair()?;
    /// ours.shutdown(std::net::Shutdown::Write)?;
    /// assert_eq!(theirs.recv(&mut [0; 16]).await?, 0);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.registration.get_ref().shutdown(how)
    }

    /// Returns whether messages carry the credentials of their sender, `SO_PASSCRED`.
    ///
    /// # Errors
    ///
    /// Those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html); none in practice.
    #[inline]
    pub fn passcred(&self) -> io::Result<bool> {
        self.registration.get_ref().passcred()
    }

    /// Makes messages carry the credentials of their sender, for [`recv_message`](UnixSeqpacket::recv_message).
    ///
    /// # Errors
    ///
    /// As [`passcred`](UnixSeqpacket::passcred).
    #[inline]
    pub fn set_passcred(&self, passcred: bool) -> io::Result<()> {
        self.registration.get_ref().set_passcred(passcred)
    }

    /// Returns the credentials of the peer when it connected, listened or made the pair, `SO_PEERCRED`.
    ///
    /// # Errors
    ///
    /// As [`passcred`](UnixSeqpacket::passcred).
    #[inline]
    pub fn peer_cred(&self) -> io::Result<UCred> {
        self.registration.get_ref().peer_credentials().map(UCred)
    }

    /// Returns the local address.
    ///
    /// # Errors
    ///
    /// Those of [`getsockname(2)`](https://man7.org/linux/man-pages/man2/getsockname.2.html); none in practice.
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.registration.get_ref().local_addr_unix()?.into())
    }

    /// Returns the address of the peer.
    ///
    /// # Errors
    ///
    /// Those of [`getpeername(2)`](https://man7.org/linux/man-pages/man2/getpeername.2.html); none in practice.
    #[inline]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.registration.get_ref().peer_addr_unix()?.into())
    }
}
