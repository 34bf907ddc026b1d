//! Registration and `Debug` of all sockets.

use egret_runtime::io::{Registration, Start};
use egret_runtime::sys::Fd;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// Registers a socket; closes it on failure.
#[track_caller]
#[inline]
pub(crate) fn register(fd: Fd, start: Start) -> io::Result<Registration<Fd>> {
    Registration::new(fd, start).map_err(|(_closed, error)| error)
}

/// Registers a foreign socket, and makes it non-blocking.
#[track_caller]
#[inline]
pub(crate) fn take_over(fd: OwnedFd) -> io::Result<Registration<Fd>> {
    let fd = Fd::from(fd);
    fd.set_nonblocking(true)?;
    register(fd, Start::Unknown)
}

/// Formats a socket: its addresses, if any, and its descriptor.
#[inline]
pub(crate) fn debug<A: fmt::Debug>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    fd: &Fd,
    addr: io::Result<A>,
    peer: Option<io::Result<A>>,
) -> fmt::Result {
    let mut debug = f.debug_struct(name);
    if let Ok(addr) = addr {
        debug.field("addr", &addr);
    }
    if let Some(Ok(peer)) = peer {
        debug.field("peer", &peer);
    }
    debug.field("fd", &fd.as_raw_fd()).finish()
}
