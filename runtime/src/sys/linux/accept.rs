//! Sorts the errors of `accept4(2)` by cause, which [`io::ErrorKind`](std::io::ErrorKind) does not tell.

use super::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The cause of an error of [`Fd::accept`](crate::sys::Fd::accept), or of the registration of what it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptFailure {
    /// One connection, which is gone: the next one may succeed.
    Connection,
    /// The process or the host has no descriptors or memory left: the connection stays queued.
    Resources,
    /// The listener: accepting will not work again.
    Listener,
}

impl AcceptFailure {
    /// Sorts an error of [`accept(2)`] on `listener`: as [`of`](AcceptFailure::of), but `EOPNOTSUPP` of a socket that
    /// does not listen, such as a datagram socket, is the listener's.
    ///
    /// [`accept(2)`]: https://man7.org/linux/man-pages/man2/accept.2.html
    #[inline]
    pub fn of_listener(error: &io::Error, listener: BorrowedFd<'_>) -> AcceptFailure {
        match error.raw_os_error() {
            Some(libc::EOPNOTSUPP) if !listens(listener).unwrap_or(true) => AcceptFailure::Listener,
            _ => AcceptFailure::of(error),
        }
    }

    /// Sorts an error.
    ///
    /// Linux returns pending network errors of a new connection as errors of [`accept(2)`], which lists them under
    /// "Error handling"; `EPERM` comes from a firewall. `ENOSPC` of `epoll_ctl(2)` means that the user's limit of
    /// registrations is reached.
    ///
    /// [`accept(2)`]: https://man7.org/linux/man-pages/man2/accept.2.html
    #[inline]
    pub fn of(error: &io::Error) -> AcceptFailure {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::ENOSPC) => {
                AcceptFailure::Resources
            }
            Some(
                libc::ECONNABORTED
                | libc::ECONNRESET
                | libc::EPERM
                | libc::EPROTO
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::ENONET
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::ETIMEDOUT,
            ) => AcceptFailure::Connection,
            _ => AcceptFailure::Listener,
        }
    }
}

/// Returns whether a socket listens, `SO_ACCEPTCONN`.
#[inline]
fn listens(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let mut value: libc::c_int = 0;
    let mut len = size_of_val(&value) as libc::socklen_t;
    let to = (&raw mut value).cast();
    // SAFETY: the kernel writes at most `len` bytes to `value`, which has that many and of which any bytes are a value;
    // both live across the call.
    check(unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN, to, &raw mut len)
    })?;
    Ok(value != 0)
}

#[cfg(test)]
mod tests {
    use super::super::{Backend, Domain, Type};
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn an_error_is_the_connections_the_hosts_or_the_listeners() {
        let of = |errno| AcceptFailure::of(&io::Error::from_raw_os_error(errno));
        assert_eq!(of(libc::ECONNABORTED), AcceptFailure::Connection);
        assert_eq!(of(libc::EMFILE), AcceptFailure::Resources);
        assert_eq!(of(libc::ENFILE), AcceptFailure::Resources);
        assert_eq!(of(libc::EBADF), AcceptFailure::Listener);
        assert_eq!(of(libc::EINVAL), AcceptFailure::Listener);
        assert_eq!(AcceptFailure::of(&io::Error::other("the runtime is gone")), AcceptFailure::Listener);
    }

    #[test]
    #[cfg_attr(miri, ignore = "no UDP")]
    fn what_is_not_supported_is_the_listeners_if_it_does_not_listen() {
        let unsupported = io::Error::from_raw_os_error(libc::EOPNOTSUPP);
        let of = |fd: BorrowedFd<'_>| AcceptFailure::of_listener(&unsupported, fd);
        let datagrams = Backend::current().socket(Domain::V4, Type::Datagram).unwrap();
        assert_eq!(datagrams.accept().unwrap_err().raw_os_error(), Some(libc::EOPNOTSUPP));
        assert_eq!(of(datagrams.as_fd()), AcceptFailure::Listener);
        let stream = Backend::current().socket(Domain::V4, Type::Stream).unwrap();
        assert_eq!(of(stream.as_fd()), AcceptFailure::Listener);
        stream.listen(1).unwrap();
        assert_eq!(of(stream.as_fd()), AcceptFailure::Connection);
        // A descriptor that is no socket (those of a simulation are none).
        assert_eq!(of(std::fs::File::open("/dev/null").unwrap().as_fd()), AcceptFailure::Connection);
        let aborted = io::Error::from_raw_os_error(libc::ECONNABORTED);
        assert_eq!(AcceptFailure::of_listener(&aborted, datagrams.as_fd()), AcceptFailure::Connection);
    }
}
