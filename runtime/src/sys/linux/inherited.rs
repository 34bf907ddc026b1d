//! Descriptors that the process was started with, and what kind of socket each is.

use super::option::known;
use super::{Backend, Domain, Fd, Type, check};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The kind of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SocketKind {
    /// `None` for a family that egret does not have.
    pub domain: Option<Domain>,
    /// `None` for a type that egret does not have.
    pub kind: Option<Type>,
    /// Whether it listens.
    pub listens: bool,
}

impl Backend {
    /// Takes over a descriptor that was open when the program was started, and makes it close-on-exec.
    ///
    /// A descriptor that has passed an `exec` is not close-on-exec. Those that the standard library and egret make are,
    /// and so is one that was taken here: each can be taken once.
    ///
    /// # Errors
    ///
    /// `EBADF` when the number is not open; [`AlreadyExists`](io::ErrorKind::AlreadyExists) when it is close-on-exec.
    #[inline]
    pub(crate) fn inherit(self, number: RawFd) -> io::Result<OwnedFd> {
        // SAFETY: the call takes no pointer.
        let flags = check(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
        if flags & libc::FD_CLOEXEC != 0 {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::fcntl(number, libc::F_SETFD, flags | libc::FD_CLOEXEC) })?;
        // SAFETY: the number is open, and it was not close-on-exec, so no owner of this program made it: std and egret
        // make all of theirs close-on-exec. It is now, so that this call owns it once. Calls are serialised by the table
        // of `service::passed`.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    }
}

impl Fd {
    /// Returns the kind of the socket.
    ///
    /// # Errors
    ///
    /// `ENOTSOCK` for any other descriptor.
    #[inline]
    pub fn socket_kind(&self) -> io::Result<SocketKind> {
        let [domain] = self.get(known::SO_DOMAIN)?;
        let [kind] = self.get(known::SO_TYPE)?;
        let [listens] = self.get(known::SO_ACCEPTCONN)?;
        Ok(SocketKind {
            domain: match domain {
                libc::AF_INET => Some(Domain::V4),
                libc::AF_INET6 => Some(Domain::V6),
                libc::AF_UNIX => Some(Domain::Unix),
                _ => None,
            },
            kind: match kind {
                libc::SOCK_STREAM => Some(Type::Stream),
                libc::SOCK_DGRAM => Some(Type::Datagram),
                libc::SOCK_SEQPACKET => Some(Type::SeqPacket),
                _ => None,
            },
            listens: listens != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsRawFd, IntoRawFd};

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows few options")]
    fn a_socket_says_what_it_is_and_another_descriptor_that_it_is_none() {
        let backend = Backend::current();
        let listener = backend.socket(Domain::V4, Type::Stream).unwrap();
        let kind = |domain, kind, listens| SocketKind { domain: Some(domain), kind: Some(kind), listens };
        assert_eq!(listener.socket_kind().unwrap(), kind(Domain::V4, Type::Stream, false));
        listener.listen(1).unwrap();
        assert_eq!(listener.socket_kind().unwrap(), kind(Domain::V4, Type::Stream, true));
        let packets = backend.socket(Domain::Unix, Type::SeqPacket).unwrap();
        assert_eq!(packets.socket_kind().unwrap(), kind(Domain::Unix, Type::SeqPacket, false));
        let error = backend.eventfd().unwrap().socket_kind().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has not all of fcntl")]
    fn a_descriptor_that_passed_an_exec_is_taken_once_and_no_other_is() {
        let own = Backend::current().eventfd().unwrap();
        let refused = Backend::current().inherit(own.as_raw_fd()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        let closed = Backend::current().inherit(1 << 20).unwrap_err();
        assert_eq!(closed.raw_os_error(), Some(libc::EBADF));
        // As it is after an exec.
        let number = OwnedFd::from(own).into_raw_fd();
        // SAFETY: the call takes no pointer.
        assert_eq!(unsafe { libc::fcntl(number, libc::F_SETFD, 0) }, 0);
        let taken = Backend::current().inherit(number).unwrap();
        let again = Backend::current().inherit(number).unwrap_err();
        assert_eq!((taken.as_raw_fd(), again.kind()), (number, io::ErrorKind::AlreadyExists));
    }
}
