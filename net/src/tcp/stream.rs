//! [`TcpStream`], and what is specific to TCP.

use crate::family::{Family, Tcp};
use crate::stream::Stream;
use egret_runtime::io::Clears;
use egret_runtime::sys::{Fd, Moved, ReadBuf};
use std::io::{self, IoSliceMut};
use std::net::{self, SocketAddr};

/// A TCP connection.
///
/// Made by [`connect`](TcpStream::connect), [`TcpListener::accept`](crate::TcpListener::accept) or
/// [`TcpSocket::connect`](crate::TcpSocket::connect). One task reads and writes; to read in one and write in another,
/// [`split`](TcpStream::split) it within a task or [`into_split`](TcpStream::into_split) it across tasks. Dropping it
/// closes the connection: written bytes are still sent, unless received bytes are unread, because the kernel then
/// resets the connection ([RFC 2525, 2.17]).
///
/// It belongs to the runtime that it was made in and is not `Send`; [`into_std`](TcpStream::into_std) takes it
/// out.
///
/// ```
/// use egret_net::{TcpListener, TcpStream};
///
/// # egret_runtime::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut server, _) = listener.accept().await?;
///
/// client.write_all(b"question").await?;
/// client.shutdown().await?;
///
/// let mut question = Vec::new();
/// let mut buf = [0; 4];
/// loop {
///     match server.read(&mut buf).await? {
///         0 => break,
///         n => question.extend_from_slice(&buf[..n]),
///     }
/// }
/// assert_eq!(question, b"question");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`tcp(7)`](https://man7.org/linux/man-pages/man7/tcp.7.html).
///
/// [RFC 2525, 2.17]: https://www.rfc-editor.org/rfc/rfc2525#section-2.17
pub type TcpStream = Stream<Tcp>;

impl Family for Tcp {
    type Addr = SocketAddr;
    type StdStream = net::TcpStream;
    type StdListener = net::TcpListener;

    const STREAM: &'static str = "TcpStream";
    const LISTENER: &'static str = "TcpListener";

    /// A short write proves that there is no more room for now; this holds only for TCP.
    #[inline]
    fn write_clears(wanted: usize) -> Clears {
        Clears::ShortOf(wanted)
    }

    /// An urgent mark, at which a read stops, is an event of its own.
    #[inline]
    fn recv(fd: &Fd, buf: &mut [u8]) -> io::Result<Moved> {
        fd.recv(buf).map(Moved::from)
    }

    #[inline]
    fn recv_uninit(fd: &Fd, buf: &mut ReadBuf<'_>) -> io::Result<Moved> {
        fd.recv_uninit(buf).map(Moved::from)
    }

    #[inline]
    fn recv_vectored(fd: &Fd, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        fd.recv_vectored(bufs).map(Moved::from)
    }

    #[inline]
    fn accept(fd: &Fd) -> io::Result<(Fd, SocketAddr)> {
        fd.accept()
    }

    #[inline]
    fn local_addr(fd: &Fd) -> io::Result<SocketAddr> {
        fd.local_addr()
    }

    #[inline]
    fn peer_addr(fd: &Fd) -> io::Result<SocketAddr> {
        fd.peer_addr()
    }
}

impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// [`TcpStream::from_std`].
    #[track_caller]
    #[inline]
    fn try_from(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_std(stream)
    }
}
