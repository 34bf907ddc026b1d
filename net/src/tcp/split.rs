//! The aliases of the halves of a [`TcpStream`]. The types are in `stream/halves.rs`.

use super::stream::TcpStream;
use crate::family::Tcp;
use crate::halves::{self, ShutOnDrop};
use std::error::Error;
use std::fmt;
use std::rc::Rc;

/// The read half of a [`TcpStream`], made by [`TcpStream::split`].
///
/// Its methods are those of the stream and are documented there.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut server, _) = listener.accept().await?;
/// client.write_all(b"hello").await?;
///
/// let (mut reader, writer) = server.split();
/// let mut buf = [0; 16];
/// assert_eq!(reader.read(&mut buf).await?, 5);
/// assert_eq!(reader.peer_addr()?, writer.peer_addr()?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub type ReadHalf<'a> = halves::ReadHalf<&'a TcpStream>;

/// The write half of a [`TcpStream`], made by [`TcpStream::split`].
///
/// Its methods are those of the stream and are documented there. Dropping it does nothing to the stream.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut server, _) = listener.accept().await?;
///
/// let (_reader, mut writer) = client.split();
/// writer.write_all(b"hello").await?;
/// client.write_all(b" again").await?;
/// let mut buf = [0; 11];
/// server.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"hello again");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub type WriteHalf<'a> = halves::WriteHalf<&'a TcpStream>;

/// The read half of a [`TcpStream`], made by [`TcpStream::into_split`].
///
/// Its methods are those of the stream and are documented there. Dropping it does not shut down the read side.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// let (mut reader, _writer) = server.into_split();
/// let reading = egret_runtime::spawn(async move {
///     let mut buf = [0; 16];
///     reader.read(&mut buf).await
/// });
/// client.write_all(b"hello").await?;
/// assert_eq!(reading.await.unwrap()?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub type OwnedReadHalf = halves::ReadHalf<Rc<TcpStream>>;

/// The write half of a [`TcpStream`], made by [`TcpStream::into_split`].
///
/// Its methods are those of the stream and are documented there. Dropping it shuts down the write side, except by
/// [`forget`](OwnedWriteHalf::forget) or [`reunite`](OwnedWriteHalf::reunite).
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut server, _) = listener.accept().await?;
///
/// let (_reader, writer) = client.into_split();
/// drop(writer);
/// assert_eq!(server.read(&mut [0; 16]).await?, 0);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub type OwnedWriteHalf = halves::WriteHalf<ShutOnDrop<Tcp>>;

/// The error of `reunite` for halves of different streams; returns them.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let (one, _keep) = TcpStream::connect(listener.local_addr()?).await?.into_split();
/// let (_keep, other) = TcpStream::connect(listener.local_addr()?).await?.into_split();
/// let error = one.reunite(other).unwrap_err();
/// assert_ne!(error.0.local_addr()?, error.1.local_addr()?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl OwnedReadHalf {
    /// Joins the halves of one stream.
    ///
    /// # Errors
    ///
    /// When they are of different streams; returns the halves.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// let (reader, writer) = client.into_split();
    /// let mut client = reader.reunite(writer).unwrap();
    /// client.write_all(b"still open").await?;
    /// assert_eq!(server.read(&mut [0; 16]).await?, 10);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn reunite(self, other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        halves::reunite(self, other).map_err(|(read, write)| ReuniteError(read, write))
    }
}

impl OwnedWriteHalf {
    /// Joins the halves of one stream.
    ///
    /// # Errors
    ///
    /// When they are of different streams; returns the halves.
    #[inline]
    pub fn reunite(self, other: OwnedReadHalf) -> Result<TcpStream, ReuniteError> {
        other.reunite(self)
    }
}

impl fmt::Display for ReuniteError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of different streams")
    }
}

impl Error for ReuniteError {}
