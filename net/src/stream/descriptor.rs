//! A stream as a descriptor: from std, to std, and custom operations.

use super::{Family, Stream};
use crate::socket;
use egret_runtime::io::{Interest, Ready};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

impl<F: Family> Stream<F> {
    /// Takes over a stream of the standard library and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl(2)`; the stream is closed then.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let mut stream = TcpStream::from_std(stream)?;
    /// stream.write_all(b"hello").await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn from_std(stream: F::StdStream) -> io::Result<Stream<F>> {
        socket::take_over(stream.into()).map(Stream::registered)
    }

    /// Takes the stream out of the runtime, to be moved to another thread or loop.
    ///
    /// It stays non-blocking; call its [`set_nonblocking(false)`](std::net::TcpStream::set_nonblocking) to make reads
    /// and writes block.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    /// use std::io::Write;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let mut stream = stream.into_std()?;
    /// stream.set_nonblocking(false)?;
    /// std::thread::spawn(move || stream.write_all(b"hello"));
    ///
    /// let (mut server, _) = listener.accept().await?;
    /// let mut hello = [0; 5];
    /// server.read_exact(&mut hello).await?;
    /// assert_eq!(&hello, b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn into_std(self) -> io::Result<F::StdStream> {
        Ok(OwnedFd::from(self.registration.into_inner()).into())
    }

    /// Waits until the kernel has reported one of `interest`, and returns those of it that are reported.
    ///
    /// The end of the stream ([`Ready::is_read_closed`]) is reported again and again; everything else until an
    /// operation would block.
    ///
    /// # Errors
    ///
    /// When the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    ///
    /// Waits for a head of 16 bytes without taking it, and does not wait for ever when the peer sends fewer and ends:
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    /// use egret_runtime::io::Interest;
    /// use std::io::ErrorKind;
    /// use std::os::fd::AsFd;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (server, _) = listener.accept().await?;
    /// client.write_all(b"short").await?;
    /// drop(client);
    ///
    /// let duplicate = std::net::TcpStream::from(server.as_fd().try_clone_to_owned()?);
    /// let mut head = [0; 16];
    /// let n = loop {
    ///     let ready = server.ready(Interest::READABLE).await?;
    ///     // Too few are not there yet: `WouldBlock` makes the next wait wait for an event.
    ///     let peeked = server.try_io(Interest::READABLE, || match duplicate.peek(&mut head)? {
    ///         n if n < head.len() && !ready.is_read_closed() => Err(ErrorKind::WouldBlock.into()),
    ///         n => Ok(n),
    ///     });
    ///     match peeked {
    ///         Err(e) if e.kind() == ErrorKind::WouldBlock => continue,
    ///         peeked => break peeked?,
    ///     }
    /// };
    /// assert_eq!(n, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        self.registration().ready_for(interest)
    }

    /// Tries a custom operation on the descriptor, once, unless the stream is known not to be ready.
    ///
    /// `f` makes one non-blocking system call on this stream's descriptor and returns
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if, and only if, the call did: the reactor clears readiness by it.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a call of `f` when the stream is known not to be ready; the
    /// errors of `f`.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    /// use egret_runtime::io::Interest;
    /// use std::io::{ErrorKind, Read};
    /// use std::os::fd::AsFd;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let mut duplicate = std::fs::File::from(stream.as_fd().try_clone_to_owned()?);
    /// let read = stream.try_io(Interest::READABLE, || duplicate.read(&mut [0; 16]));
    /// assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.registration().try_io_for(interest, |_| f())
    }

    /// Repeats a custom operation on the descriptor until it does not block, waiting for readiness in between. See
    /// [`try_io`](Stream::try_io) for the contract of `f`.
    ///
    /// # Errors
    ///
    /// Those of `f`, except [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, only calls of `f` that would have blocked were made.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    /// use egret_runtime::io::Interest;
    /// use std::io::Read;
    /// use std::os::fd::AsFd;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (server, _) = listener.accept().await?;
    /// client.write_all(b"hello").await?;
    ///
    /// let mut duplicate = std::fs::File::from(server.as_fd().try_clone_to_owned()?);
    /// let mut buf = [0; 16];
    /// let n = server.async_io(Interest::READABLE, || duplicate.read(&mut buf)).await?;
    /// assert_eq!(&buf[..n], b"hello");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.registration().io_for(interest, move |_| f())
    }
}

impl<F: Family> AsFd for Stream<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd().as_fd()
    }
}

impl<F: Family> AsRawFd for Stream<F> {
    fn as_raw_fd(&self) -> RawFd {
        self.fd().as_raw_fd()
    }
}

impl<F: Family> AsRef<Stream<F>> for Stream<F> {
    fn as_ref(&self) -> &Stream<F> {
        self
    }
}

impl<F: Family> fmt::Debug for Stream<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        socket::debug(f, F::STREAM, self.fd(), self.local_addr(), Some(self.peer_addr()))
    }
}
