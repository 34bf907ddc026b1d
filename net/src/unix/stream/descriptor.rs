//! A stream as a descriptor: in from std, out to std, and operations of one's own.

use super::UnixStream;
use crate::interest::direction;
use egret_runtime::io::Interest;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net;

impl UnixStream {
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
    /// use egret_net::UnixStream;
    ///
    /// let (ours, _theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let mut ours = UnixStream::from_std(ours)?;
    /// ours.write_all(b"hello").await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn from_std(stream: net::UnixStream) -> io::Result<UnixStream> {
        stream.set_nonblocking(true)?;
        UnixStream::new(OwnedFd::from(stream).into())
    }

    /// Takes the stream out of the runtime, to be moved to another thread or loop.
    ///
    /// It stays non-blocking; call [`set_nonblocking(false)`](net::UnixStream::set_nonblocking) on it to have reads
    /// and writes wait.
    ///
    /// # Errors
    ///
    /// None today.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use std::io::Write;
    ///
    /// let (ours, mut theirs) = egret_net::UnixStream::pair()?;
    /// let mut ours = ours.into_std()?;
    /// std::thread::spawn(move || ours.write_all(b"hello"));
    /// assert_eq!(theirs.read(&mut [0; 16]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn into_std(self) -> io::Result<net::UnixStream> {
        Ok(OwnedFd::from(self.registration.into_inner()).into())
    }

    /// Tries an operation of your own on the descriptor, once, unless the stream is known not to be ready.
    ///
    /// `f` makes one non-blocking system call on this stream's descriptor and returns
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if, and only if, the call did: that is what the reactor learns from.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a call of `f` when the stream is known not to be ready;
    /// what `f` returns.
    #[inline]
    pub fn try_io<R>(&self, interest: Interest, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.registration.try_io(direction(interest), |_| f())
    }

    /// Tries an operation of your own on the descriptor until it does not block, waiting for readiness in between.
    /// See [`try_io`](UnixStream::try_io) for what `f` must do.
    ///
    /// # Errors
    ///
    /// What `f` returns, but for [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, it has had no effect but those of calls of `f` that would have blocked.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::UnixStream;
    /// use egret_runtime::io::Interest;
    /// use std::io::Read;
    /// use std::os::fd::AsFd;
    ///
    /// let (ours, mut theirs) = UnixStream::pair()?;
    /// theirs.write_all(b"hello").await?;
    /// let mut duplicate = std::fs::File::from(ours.as_fd().try_clone_to_owned()?);
    /// let mut buf = [0; 16];
    /// assert_eq!(ours.async_io(Interest::READABLE, || duplicate.read(&mut buf)).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.io(direction(interest), |_| f()).await
    }
}

impl TryFrom<net::UnixStream> for UnixStream {
    type Error = io::Error;

    /// [`UnixStream::from_std`].
    #[track_caller]
    #[inline]
    fn try_from(stream: net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_std(stream)
    }
}

impl AsFd for UnixStream {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registration.get_ref().as_fd()
    }
}

impl AsRawFd for UnixStream {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.registration.get_ref().as_raw_fd()
    }
}

impl AsRef<UnixStream> for UnixStream {
    #[inline]
    fn as_ref(&self) -> &UnixStream {
        self
    }
}

impl fmt::Debug for UnixStream {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("UnixStream");
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        if let Ok(address) = self.peer_addr() {
            debug.field("peer", &address);
        }
        debug.field("fd", &self.as_raw_fd()).finish()
    }
}
