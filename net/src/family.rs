//! [`Family`]: what differs between TCP and the Unix domain, for streams and listeners.

use egret_runtime::io::Clears;
use egret_runtime::sys::{Fd, Moved, ReadBuf};
use std::fmt;
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;

/// The family of a [`Stream`](crate::stream::Stream) and a [`Listener`](crate::listener::Listener): [`Tcp`] or [`Unix`].
///
/// It names the types that differ. The trait is sealed.
pub trait Family: sealed::Sealed + 'static {
    /// The address of an end.
    type Addr: Clone + fmt::Debug + Send + Sync;

    /// The stream of the standard library.
    type StdStream: From<OwnedFd> + Into<OwnedFd>;

    /// The listener of the standard library.
    type StdListener: From<OwnedFd> + Into<OwnedFd>;

    #[doc(hidden)]
    const STREAM: &'static str;

    #[doc(hidden)]
    const LISTENER: &'static str;

    /// Returns what a write of `wanted` bytes proves about readiness: rules C3 and C4 of `docs/edge-triggered.md`.
    #[doc(hidden)]
    fn write_clears(wanted: usize) -> Clears;

    /// Receives, and says when the kernel may have stopped with more in the queue (rule C2).
    #[doc(hidden)]
    fn recv(fd: &Fd, buf: &mut [u8]) -> io::Result<Moved>;

    #[doc(hidden)]
    fn recv_uninit(fd: &Fd, buf: &mut ReadBuf<'_>) -> io::Result<Moved>;

    #[doc(hidden)]
    fn recv_vectored(fd: &Fd, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved>;

    #[doc(hidden)]
    fn accept(fd: &Fd) -> io::Result<(Fd, Self::Addr)>;

    #[doc(hidden)]
    fn local_addr(fd: &Fd) -> io::Result<Self::Addr>;

    #[doc(hidden)]
    fn peer_addr(fd: &Fd) -> io::Result<Self::Addr>;
}

/// TCP.
#[derive(Debug)]
pub enum Tcp {}

/// The Unix domain.
#[derive(Debug)]
pub enum Unix {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Tcp {}
    impl Sealed for super::Unix {}
}
