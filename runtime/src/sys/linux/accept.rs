//! What an error of `accept4(2)` is about, which its number says and [`io::ErrorKind`](std::io::ErrorKind) does not.

use std::io;

/// Whose error it is that [`Fd::accept`](crate::sys::Fd::accept), or the registration of what it returned, ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptFailure {
    /// Of one connection, which is gone: the next one may be good.
    Connection,
    /// The process or the host has no descriptors or memory left: the connection waits, or the next one will.
    Resources,
    /// Of the listener: it will not get better.
    Listener,
}

impl AcceptFailure {
    /// Sorts an error.
    ///
    /// Linux hands errors of the network that a new connection has already over as errors of [`accept(2)`], which
    /// lists them under "Error handling"; `EPERM` is a firewall's. `ENOSPC` is what `epoll_ctl(2)` says when the user
    /// has registered as many descriptors as it may.
    ///
    /// [`accept(2)`]: https://man7.org/linux/man-pages/man2/accept.2.html
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
