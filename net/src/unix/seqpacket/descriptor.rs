//! A [`UnixSeqpacket`] as a descriptor: taken over, taken out, and its `Debug` output.

use super::UnixSeqpacket;
use crate::socket;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

impl TryFrom<OwnedFd> for UnixSeqpacket {
    type Error = io::Error;

    /// Takes over a connected foreign socket, and makes it non-blocking. The errors are those of `epoll_ctl(2)`; it
    /// panics when this thread is not in a runtime.
    #[track_caller]
    #[inline]
    fn try_from(fd: OwnedFd) -> io::Result<UnixSeqpacket> {
        socket::take_over(fd).map(|registration| UnixSeqpacket { registration })
    }
}

impl From<UnixSeqpacket> for OwnedFd {
    /// Takes the socket out of the runtime; it stays non-blocking.
    #[inline]
    fn from(socket: UnixSeqpacket) -> OwnedFd {
        socket.registration.into_inner().into()
    }
}

impl AsFd for UnixSeqpacket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.registration.get_ref().as_fd()
    }
}

impl AsRawFd for UnixSeqpacket {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.registration.get_ref().as_raw_fd()
    }
}

impl fmt::Debug for UnixSeqpacket {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        socket::debug(f, "UnixSeqpacket", self.registration.get_ref(), self.local_addr(), None)
    }
}
