//! Sockets: create, bind, listen, connect, accept, shut down.
//!
//! Transfers are in `transfer.rs`, options in `option.rs`. The state of a connection is the kernel's; none is kept
//! here.

use super::address::RawAddress;
use super::{Backend, Fd, check, uninterrupted};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// IPv4, `AF_INET`.
    V4,
    /// IPv6, `AF_INET6`.
    V6,
    /// Within the host, `AF_UNIX`.
    Unix,
}

/// The transport of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A connected byte stream, `SOCK_STREAM`: TCP in the IP domains.
    Stream,
    /// Messages with boundaries, `SOCK_DGRAM`: UDP in the IP domains.
    Datagram,
    /// A connected stream of messages with boundaries, `SOCK_SEQPACKET`: in the Unix domain.
    SeqPacket,
}

/// The progress of [`Fd::connect`](crate::sys::Fd::connect).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a connection in progress is finished by waiting for it"]
pub enum Connect {
    /// The connection is established.
    Established,
    /// The handshake is in progress: the socket becomes writable when it succeeds or fails.
    InProgress,
}

/// How many dead connections in the queue one [`Fd::accept`] skips.
///
/// Each costs one call of about a microsecond, so a storm of them delays the caller by a fraction of a millisecond
/// before the call returns an error.
const ABORTED_LIMIT: u32 = 64;

impl Domain {
    /// Returns the domain that `address` belongs to.
    #[inline]
    pub fn of(address: &SocketAddr) -> Domain {
        match address {
            SocketAddr::V4(_) => Domain::V4,
            SocketAddr::V6(_) => Domain::V6,
        }
    }
}

impl Type {
    /// Returns the kernel's number, with the flags that every socket is made with.
    #[inline]
    pub(super) fn number(self) -> libc::c_int {
        let kind = match self {
            Type::Stream => libc::SOCK_STREAM,
            Type::Datagram => libc::SOCK_DGRAM,
            Type::SeqPacket => libc::SOCK_SEQPACKET,
        };
        kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC
    }
}

impl Backend {
    /// Creates a new socket, by [`socket(2)`]: non-blocking and close-on-exec.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`; `EAFNOSUPPORT` where the kernel has no such domain (IPv6 may
    /// be switched off); `EACCES` in a sandbox.
    ///
    /// [`socket(2)`]: https://man7.org/linux/man-pages/man2/socket.2.html
    #[inline]
    pub fn socket(self, domain: Domain, kind: Type) -> io::Result<Fd> {
        let domain = match domain {
            Domain::V4 => libc::AF_INET,
            Domain::V6 => libc::AF_INET6,
            Domain::Unix => libc::AF_UNIX,
        };
        // SAFETY: the call takes no pointer.
        let raw = check(unsafe { libc::socket(domain, kind.number(), 0) })?;
        // SAFETY: the kernel has just made `raw` for us, so nothing else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(raw) }.into())
    }
}

impl Fd {
    /// Binds the socket to an address, by [`bind(2)`]; port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE`, `EADDRNOTAVAIL` for an address of another host, `EACCES` for a port below
    /// `ip_unprivileged_port_start` without the capability, `EINVAL` when the socket is bound already, `EAFNOSUPPORT`
    /// for an address of the other domain.
    ///
    /// [`bind(2)`]: https://man7.org/linux/man-pages/man2/bind.2.html
    #[inline]
    pub fn bind(&self, address: &SocketAddr) -> io::Result<()> {
        self.bind_raw(&RawAddress::from(address))
    }

    #[inline]
    pub(super) fn bind_raw<const N: usize>(&self, address: &RawAddress<N>) -> io::Result<()> {
        // SAFETY: the pointer and the length are those of `address`, which lives across the call and is only
        // read.
        check(unsafe { libc::bind(self.as_raw_fd(), address.as_ptr(), address.len()) })?;
        Ok(())
    }

    /// Makes the socket accept connections, by [`listen(2)`]: up to `backlog`, at most `net.core.somaxconn`, are
    /// queued.
    ///
    /// A backlog beyond `i32::MAX` counts as `i32::MAX`.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` where another socket listens on the address, also for a socket without an address when
    /// no free port is left; `EINVAL` on a connected socket.
    ///
    /// [`listen(2)`]: https://man7.org/linux/man-pages/man2/listen.2.html
    #[inline]
    pub fn listen(&self, backlog: u32) -> io::Result<()> {
        let backlog = libc::c_int::try_from(backlog).unwrap_or(libc::c_int::MAX);
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::listen(self.as_raw_fd(), backlog) })?;
        Ok(())
    }

    /// Starts to connect to `address`, by [`connect(2)`].
    ///
    /// A signal does not stop the handshake: `EINTR` is [`Connect::InProgress`]. A second call would fail with
    /// `EALREADY` or, after a success, `EISCONN`.
    ///
    /// # Errors
    ///
    /// Those known at once: `ENETUNREACH`, `EADDRNOTAVAIL` when no local port is free, `ECONNREFUSED`, `EISCONN`,
    /// `EALREADY`, `EAFNOSUPPORT`, `EACCES`, `EPERM`. Later ones come from [`take_error`](Fd::take_error).
    ///
    /// [`connect(2)`]: https://man7.org/linux/man-pages/man2/connect.2.html
    #[inline]
    pub fn connect(&self, address: &SocketAddr) -> io::Result<Connect> {
        match self.connect_raw(&RawAddress::from(address)) {
            Ok(()) => Ok(Connect::Established),
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => {
                Ok(Connect::InProgress)
            }
            Err(e) => Err(e),
        }
    }

    #[inline]
    pub(super) fn connect_raw<const N: usize>(&self, address: &RawAddress<N>) -> io::Result<()> {
        // SAFETY: the pointer and the length are those of `address`, which lives across the call and is only
        // read.
        check(unsafe { libc::connect(self.as_raw_fd(), address.as_ptr(), address.len()) })?;
        Ok(())
    }

    /// Takes the oldest connection out of the queue, with the peer's address, by [`accept4(2)`]:
    /// non-blocking and close-on-exec.
    ///
    /// Skips up to 64 connections that died in the queue (`ECONNABORTED`, `EPROTO`).
    ///
    /// # Errors
    ///
    /// `EAGAIN` when the queue is empty. `EMFILE`, `ENFILE`, `ENOBUFS` and `ENOMEM` leave the connection in the
    /// queue; Linux checks the first two before it looks at the queue. `EINVAL` when the socket does not listen.
    /// `ECONNABORTED` or `EPROTO` after 64 of them.
    ///
    /// [`accept4(2)`]: https://man7.org/linux/man-pages/man2/accept.2.html
    #[inline]
    pub fn accept(&self) -> io::Result<(Fd, SocketAddr)> {
        let (fd, peer) = stepping_over_the_dead(|| self.accept_raw())?;
        Ok((fd, peer.to_std()?))
    }

    #[inline]
    pub(super) fn accept_raw<const N: usize>(&self) -> io::Result<(Fd, RawAddress<N>)> {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let mut peer = RawAddress::room();
        let raw = uninterrupted(|| {
            peer = RawAddress::room();
            let (to, len) = peer.as_mut_ptrs();
            // SAFETY: `to` has room for as many bytes as `*len` says, both live across the call, and `peer` is not
            // accessed otherwise meanwhile.
            check(unsafe { libc::accept4(self.as_raw_fd(), to, len, flags) })
        })?;
        // SAFETY: the kernel has just made `raw` for us, so nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok((fd.into(), peer))
    }

    /// Shuts one direction or both, by [`shutdown(2)`]. On a TCP socket, shutting the write side sends FIN after the
    /// queued bytes ([RFC 9293, 3.6]).
    ///
    /// # Errors
    ///
    /// `ENOTCONN` when the socket is not connected, or no longer.
    ///
    /// [`shutdown(2)`]: https://man7.org/linux/man-pages/man2/shutdown.2.html
    /// [RFC 9293, 3.6]: https://www.rfc-editor.org/rfc/rfc9293#section-3.6
    #[inline]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let how = match how {
            Shutdown::Read => libc::SHUT_RD,
            Shutdown::Write => libc::SHUT_WR,
            Shutdown::Both => libc::SHUT_RDWR,
        };
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::shutdown(self.as_raw_fd(), how) })?;
        Ok(())
    }

    /// Returns the socket's own address, by [`getsockname(2)`]. Port 0 until it is bound or connected.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` for a socket that is neither IPv4 nor IPv6, `ENOTSOCK` for any other descriptor.
    ///
    /// [`getsockname(2)`]: https://man7.org/linux/man-pages/man2/getsockname.2.html
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_raw()?.to_std()
    }

    #[inline]
    pub(super) fn local_raw<const N: usize>(&self) -> io::Result<RawAddress<N>> {
        let mut address = RawAddress::room();
        let (to, len) = address.as_mut_ptrs();
        // SAFETY: `to` has room for as many bytes as `*len` says, and both live across the call.
        check(unsafe { libc::getsockname(self.as_raw_fd(), to, len) })?;
        Ok(address)
    }

    /// Returns the peer's address, by [`getpeername(2)`].
    ///
    /// # Errors
    ///
    /// `ENOTCONN` when the socket is not connected, not yet or no longer; else as [`local_addr`](Fd::local_addr).
    ///
    /// [`getpeername(2)`]: https://man7.org/linux/man-pages/man2/getpeername.2.html
    #[inline]
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.peer_raw()?.to_std()
    }

    #[inline]
    pub(super) fn peer_raw<const N: usize>(&self) -> io::Result<RawAddress<N>> {
        let mut address = RawAddress::room();
        let (to, len) = address.as_mut_ptrs();
        // SAFETY: `to` has room for as many bytes as `*len` says, and both live across the call.
        check(unsafe { libc::getpeername(self.as_raw_fd(), to, len) })?;
        Ok(address)
    }

    /// Sets or clears `O_NONBLOCK`, by `ioctl(FIONBIO)`; for descriptors made elsewhere. The flag belongs to the open
    /// file description, so each duplicate sees it.
    ///
    /// # Errors
    ///
    /// `ENOTTY` or `EINVAL` for a descriptor that does not support it.
    #[inline]
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        let mut on = libc::c_int::from(nonblocking);
        // SAFETY: FIONBIO reads one `int` at the pointer, which is that of `on`, alive across the call.
        check(unsafe { libc::ioctl(self.as_raw_fd(), libc::FIONBIO, &raw mut on) })?;
        Ok(())
    }
}

/// Repeats `accept` while it reports a dead connection, up to [`ABORTED_LIMIT`] times.
#[inline]
pub(in crate::sys) fn stepping_over_the_dead<R>(mut accept: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    let mut aborted = 0;
    loop {
        match accept() {
            Err(e) if aborted < ABORTED_LIMIT && died_in_the_queue(&e) => aborted += 1,
            result => return result,
        }
    }
}

#[inline]
fn died_in_the_queue(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ECONNABORTED | libc::EPROTO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    fn flags(fd: &Fd) -> (bool, bool) {
        // SAFETY: the call takes no pointer.
        let descriptor = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) };
        // SAFETY: the call takes no pointer.
        let status = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
        (descriptor & libc::FD_CLOEXEC != 0, status & libc::O_NONBLOCK != 0)
    }

    fn listening(address: &str) -> Fd {
        let address = address.parse().unwrap();
        let fd = Backend::current().socket(Domain::of(&address), Type::Stream).unwrap();
        fd.bind(&address).unwrap();
        fd.listen(16).unwrap();
        fd
    }

    #[test]
    fn a_new_and_an_accepted_socket_are_non_blocking_and_close_on_exec() {
        let listener = listening("127.0.0.1:0");
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(accepted.peer_addr().unwrap(), peer);
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(accepted.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(flags(&listener), (true, true));
        assert_eq!(flags(&accepted), (true, true));
    }

    #[test]
    #[cfg_attr(miri, ignore = "sandboxes of Miri have no IPv6")]
    fn a_v6_peer_is_accepted_with_its_address() {
        if let Err(error) = TcpListener::bind("[::1]:0") {
            return eprintln!("skipped: no IPv6 here ({error})");
        }
        let listener = listening("[::1]:0");
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(accepted.local_addr().unwrap(), listener.local_addr().unwrap());
    }

    #[test]
    fn a_connection_is_finished_by_the_peer_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fd = Backend::current().socket(Domain::V4, Type::Stream).unwrap();
        assert_eq!(fd.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        // Loopback may complete at once; both results are right.
        let _ = fd.connect(&listener.local_addr().unwrap()).unwrap();
        let (_accepted, peer) = listener.accept().unwrap();
        assert_eq!(fd.peer_addr().unwrap(), listener.local_addr().unwrap());
        assert_eq!(fd.local_addr().unwrap(), peer);
        assert!(fd.take_error().unwrap().is_none());
    }

    // A port that is bound and not listening refuses, and no other process can bind it meanwhile.
    #[test]
    #[cfg_attr(miri, ignore = "Miri gives up on a socket whose connect failed")]
    fn a_refused_connection_tells_so_and_keeps_its_errno() {
        let closed = Backend::current().socket(Domain::V4, Type::Stream).unwrap();
        closed.bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let fd = Backend::current().socket(Domain::V4, Type::Stream).unwrap();
        let error = match fd.connect(&closed.local_addr().unwrap()) {
            Ok(_) => loop {
                if let Some(error) = fd.take_error().unwrap() {
                    break error;
                }
            },
            Err(error) => error,
        };
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        assert_eq!(fd.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri looks at the address in listen")]
    fn an_address_in_use_and_one_of_another_host_keep_their_errno() {
        let first = listening("127.0.0.1:0");
        let second = Backend::current().socket(Domain::V4, Type::Stream).unwrap();
        let taken = second.bind(&first.local_addr().unwrap()).unwrap_err();
        assert_eq!(taken.raw_os_error(), Some(libc::EADDRINUSE));
        let foreign = second.bind(&"192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert_eq!(foreign.raw_os_error(), Some(libc::EADDRNOTAVAIL));
    }

    #[test]
    fn a_blocking_socket_from_elsewhere_is_made_non_blocking() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fd = Fd::from(OwnedFd::from(listener));
        assert_eq!(flags(&fd), (true, false));
        fd.set_nonblocking(true).unwrap();
        assert_eq!(flags(&fd), (true, true));
        assert_eq!(fd.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}
