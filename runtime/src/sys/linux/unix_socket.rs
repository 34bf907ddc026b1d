//! Where Unix sockets differ from those of IP: addresses, pairs, and the credentials of the peer.

use super::option::known;
use super::unix_address::{RawUnix, UnixAddress};
use super::{Backend, Fd, Type, check, uninterrupted};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// The identity of a process, from the kernel: its number, user and group.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Credentials {
    /// The process; 0 for one that this process's namespace does not show.
    pub pid: i32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

// Credentials are read and written as three integers.
const _: () = assert!(size_of::<libc::ucred>() == 12);
const _: () = assert!(std::mem::offset_of!(libc::ucred, pid) == 0);
const _: () = assert!(std::mem::offset_of!(libc::ucred, uid) == 4);
const _: () = assert!(std::mem::offset_of!(libc::ucred, gid) == 8);

impl Backend {
    /// Creates two connected Unix sockets, by [`socketpair(2)`]: non-blocking and close-on-exec.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`.
    ///
    /// [`socketpair(2)`]: https://man7.org/linux/man-pages/man2/socketpair.2.html
    #[inline]
    pub fn socket_pair(self, kind: Type) -> io::Result<(Fd, Fd)> {
        let mut raw = [-1; 2];
        // SAFETY: the kernel writes two numbers to `raw`, which has room for two and lives across the call.
        check(unsafe { libc::socketpair(libc::AF_UNIX, kind.number(), 0, raw.as_mut_ptr()) })?;
        // SAFETY: the kernel has just made both for us, so nothing else owns them.
        let [one, other] = raw.map(|raw| unsafe { OwnedFd::from_raw_fd(raw) });
        Ok((one.into(), other.into()))
    }
}

impl Fd {
    /// Binds a Unix socket, by [`bind(2)`]. A path makes a file, which outlives the socket; without a name the kernel
    /// picks a free abstract one.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` when the file exists or the abstract name is taken; those of creating a file: `EACCES`, `ENOENT`,
    /// `ENOTDIR`, `ELOOP`, `EROFS`, `ENOSPC`; `EINVAL` when the socket is bound already.
    ///
    /// [`bind(2)`]: https://man7.org/linux/man-pages/man2/bind.2.html
    #[inline]
    pub fn bind_unix(&self, address: &UnixAddress) -> io::Result<()> {
        self.bind_raw(&RawUnix::from(address))
    }

    /// Connects a Unix socket, by [`connect(2)`]: the result is final when it returns.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when the listener's backlog is full: the connect has not started, no event reports room, and the
    /// socket reports `OUT|HUP` meanwhile. `ENOENT` when the path does not exist, `ECONNREFUSED` when no socket
    /// listens there, `EACCES` without write permission on the file, `EPROTOTYPE` for a socket of another type,
    /// `EINVAL` for no name.
    ///
    /// [`connect(2)`]: https://man7.org/linux/man-pages/man2/connect.2.html
    #[inline]
    pub fn connect_unix(&self, address: &UnixAddress) -> io::Result<()> {
        let address = RawUnix::from(address);
        uninterrupted(|| self.connect_raw(&address))
    }

    /// [`accept`](Fd::accept) of a Unix socket: non-blocking and close-on-exec. The peer has no name, unless it
    /// bound its socket before it connected.
    ///
    /// # Errors
    ///
    /// As [`accept`](Fd::accept). A connection whose peer is gone is returned like any other: its data can still be
    /// read.
    #[inline]
    pub fn accept_unix(&self) -> io::Result<(Fd, UnixAddress)> {
        let (fd, peer) = self.accept_raw()?;
        Ok((fd, UnixAddress::from_raw(&peer)?))
    }

    /// Returns the Unix socket's own address, by [`getsockname(2)`].
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` for a socket of another family, `ENOTSOCK` for any other descriptor.
    ///
    /// [`getsockname(2)`]: https://man7.org/linux/man-pages/man2/getsockname.2.html
    #[inline]
    pub fn local_addr_unix(&self) -> io::Result<UnixAddress> {
        UnixAddress::from_raw(&self.local_raw()?)
    }

    /// Returns the peer's address, by [`getpeername(2)`].
    ///
    /// # Errors
    ///
    /// `ENOTCONN` when the socket is not connected; else as [`local_addr_unix`](Fd::local_addr_unix).
    ///
    /// [`getpeername(2)`]: https://man7.org/linux/man-pages/man2/getpeername.2.html
    #[inline]
    pub fn peer_addr_unix(&self) -> io::Result<UnixAddress> {
        UnixAddress::from_raw(&self.peer_raw()?)
    }

    /// Returns the credentials of the peer when it connected, listened or made the pair, `SO_PEERCRED`.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT` for a socket of another family. A socket that was never connected returns process 0 and
    /// `u32::MAX` for user and group.
    #[inline]
    pub fn peer_credentials(&self) -> io::Result<Credentials> {
        let [pid, uid, gid] = self.get(known::SO_PEERCRED)?;
        Ok(Credentials { pid, uid: uid as u32, gid: gid as u32 })
    }
}
