//! [`Stream`]: a byte stream, of TCP or of the Unix domain.
//!
//! Public as the aliases [`TcpStream`](crate::TcpStream) and [`UnixStream`](crate::UnixStream). Methods that only one
//! of them has are in `tcp/` and `unix/`.

mod append; // reads into a buffer that grows
mod copy; // the traits of `io::copy`
mod descriptor; // from std and to std
#[cfg(feature = "futures-io")]
mod futures_io; // the traits of futures-io, by feature
pub mod halves; // one task reads, another writes
#[cfg(feature = "hyper")]
mod hyper; // the traits of hyper, by feature
mod poll; // the system calls
mod read; // reading
mod sendfile; // files, from the page cache
#[cfg(feature = "tokio-io")]
mod tokio_io; // the traits of tokio, by feature
mod transfer; // the futures of the operations of each request
mod write; // writing

pub use crate::family::{Family, Tcp, Unix};

use crate::socket;
use egret_runtime::io::{Registration, Start};
use egret_runtime::sys::Fd;
use halves::{ReadHalf, ShutOnDrop, WriteHalf};
use std::io;
use std::marker::PhantomData;
use std::rc::Rc;

/// A byte stream: [`TcpStream`](crate::TcpStream), [`UnixStream`](crate::UnixStream).
///
/// Methods of both; constructors and specific methods are on their pages.
///
/// One task reads and writes; to read in one and write in another, [`split`](Stream::split) it within a task or
/// [`into_split`](Stream::into_split) it across tasks. It belongs to the runtime that it was made in and is not `Send`;
/// [`into_std`](Stream::into_std) takes it out. Dropping it closes the connection.
pub struct Stream<F> {
    registration: Registration<Fd>,
    family: PhantomData<F>,
}

impl<F: Family> Stream<F> {
    /// Registers a connected (`Unknown`) or connecting (`Empty`) socket.
    #[track_caller]
    #[inline]
    pub(crate) fn new(fd: Fd, start: Start) -> io::Result<Stream<F>> {
        socket::register(fd, start).map(Stream::registered)
    }

    #[inline]
    fn registered(registration: Registration<Fd>) -> Stream<F> {
        Stream { registration, family: PhantomData }
    }

    #[inline]
    pub(crate) fn registration(&self) -> &Registration<Fd> {
        &self.registration
    }

    /// Returns the socket, for a call that does not wait.
    #[inline]
    pub(crate) fn fd(&self) -> &Fd {
        self.registration.get_ref()
    }

    /// Borrows the stream as two halves, to read and write concurrently within one task. Free of cost.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (mut client, mut server) = egret_net::UnixStream::pair()?;
    /// client.write_all(b"echo").await?;
    ///
    /// let (mut reader, mut writer) = server.split();
    /// let mut buf = [0; 16];
    /// let n = reader.read(&mut buf).await?;
    /// writer.write_all(&buf[..n]).await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn split(&mut self) -> (ReadHalf<&Stream<F>>, WriteHalf<&Stream<F>>) {
        halves::borrow(self)
    }

    /// Splits the stream into two halves that different tasks may own.
    ///
    /// Dropping the write half shuts down the write side. The connection is closed when both are dropped;
    /// [`tcp::OwnedReadHalf::reunite`](crate::tcp::OwnedReadHalf::reunite) and that of
    /// [`unix`](crate::unix::OwnedReadHalf::reunite) join them again. This costs one allocation.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (client, mut server) = egret_net::UnixStream::pair()?;
    /// let (mut reader, mut writer) = client.into_split();
    /// egret_runtime::spawn(async move { writer.write_all(b"question").await });
    ///
    /// let mut buf = [0; 8];
    /// server.read_exact(&mut buf).await?;
    /// server.write_all(b"answer").await?;
    /// assert_eq!(reader.read(&mut buf).await?, 6);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn into_split(self) -> (ReadHalf<Rc<Stream<F>>>, WriteHalf<ShutOnDrop<F>>) {
        halves::share(self)
    }

    /// Returns the local address. A Unix stream is unnamed, unless it was accepted or bound.
    ///
    /// # Errors
    ///
    /// Those of [`getsockname(2)`](https://man7.org/linux/man-pages/man2/getsockname.2.html); none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (server, _) = listener.accept().await?;
    /// assert_eq!(client.local_addr()?, server.peer_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn local_addr(&self) -> io::Result<F::Addr> {
        F::local_addr(self.fd())
    }

    /// Returns the address of the peer. A Unix client is unnamed, unless it bound its socket.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) when a TCP connection is gone; others by
    /// [`getpeername(2)`](https://man7.org/linux/man-pages/man2/getpeername.2.html), none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{UnixListener, UnixStream};
    /// # let name = format!("\0egret-doc-peer_addr-{}", std::process::id());
    /// let listener = UnixListener::bind(&name)?;
    /// let client = UnixStream::connect(&name).await?;
    /// assert_eq!(client.peer_addr()?, listener.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn peer_addr(&self) -> io::Result<F::Addr> {
        F::peer_addr(self.fd())
    }

    /// Takes the pending error of the socket, `SO_ERROR`; the next read or write then does not report it.
    ///
    /// # Errors
    ///
    /// Those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html); none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let (one, _other) = egret_net::UnixStream::pair()?;
    /// assert!(one.take_error()?.is_none());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.fd().take_error()
    }
}
