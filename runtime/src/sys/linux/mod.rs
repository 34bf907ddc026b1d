//! Linux: the system calls themselves.

mod accept; // the errors of `accept4`, by cause
mod address; // addresses of IP, in bytes
mod affinity; // the processors of a thread
mod ancillary; // messages with descriptors and credentials
mod batch; // many datagrams in one call
mod clock; // the clocks, and the timer slack of a thread
mod datagram; // `recvfrom` and `sendto`
mod datagram_info; // a datagram with what the kernel knows of its way
#[cfg(feature = "inspect")]
mod describe; // what a descriptor is, for a dump
mod epoll; // `epoll`
mod fd; // the owner of a descriptor, and memory to read into
mod fork; // whether this process is a fork
#[cfg(not(feature = "sim"))]
pub(crate) mod fs; // `std::fs`, for `io::fs`
mod inherited; // descriptors that the process was started with
mod limits; // the limit of open descriptors
mod option; // socket options
mod pipe; // pipes, `read` and `write`
mod process; // child processes and pidfds
mod resolver; // `getaddrinfo`
#[cfg(feature = "inspect")]
mod ring; // the memory of a recorder
pub(crate) mod signal; // signal dispositions, and the handler
mod sigpipe; // `SIGPIPE`, for calls that have no flag against it
#[cfg(all(feature = "inspect-backtrace", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod snapshot; // registers and stack of another thread
mod socket; // sockets: create, bind, listen, connect, accept
mod splice; // `splice` and `sendfile`
mod stdio; // socket calls on a shared description that may block
mod thread; // threads that may block
#[cfg(feature = "inspect")]
mod thread_state; // what a thread does, from `/proc`
#[cfg(feature = "inspect")]
mod ticks; // the counter of the processor
mod transfer; // `recv` and `send`
mod unix_address; // addresses of the Unix domain
mod unix_socket; // Unix sockets: addresses, pairs, credentials

pub use accept::AcceptFailure;
pub use ancillary::{Ancillary, Message};
pub use batch::{BATCH_MAX, Batch, Received};
pub use clock::TimerSlack;
pub use datagram_info::DatagramInfo;
#[cfg(feature = "inspect")]
pub(crate) use describe::{Described, SocketName, append_number};
#[cfg(feature = "test-util")]
pub(crate) use epoll::WAIT_CALLS;
pub use epoll::{Epoll, Events, Head, mask};
pub use fd::{Fd, ReadBuf};
pub(crate) use fork::Generation;
pub use inherited::SocketKind;
pub use pipe::Access;
pub(crate) use process::has_no_process;
pub use process::{Process, Spawned};
#[cfg(feature = "inspect")]
pub use ring::Words;
#[cfg(all(feature = "inspect-backtrace", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use snapshot::{Registers, Snapshot};
#[cfg(feature = "sim")]
pub(in crate::sys) use socket::stepping_over_the_dead;
pub use socket::{Connect, Domain, Type};
#[cfg(feature = "inspect")]
pub use thread_state::{SystemCall, ThreadId, ThreadState};
pub use transfer::{IOV_MAX, TRANSFER_MAX};
pub use unix_address::UnixAddress;
pub use unix_socket::Credentials;

use std::io;

/// The kernel that makes descriptors.
///
/// Without optional features there is one kernel, Linux, and this type has no size.
#[derive(Clone, Copy, Debug)]
pub struct Backend(());

impl Backend {
    /// Returns the backend of the runtime that this thread is in; Linux where there is none.
    #[inline]
    pub fn current() -> Backend {
        Backend(())
    }
}

/// Turns a return value of `-1` for "see errno" into a `Result`.
#[inline]
fn check(value: libc::c_int) -> io::Result<libc::c_int> {
    if value < 0 { Err(errno()) } else { Ok(value) }
}

/// [`check`] for the calls that return a length.
#[inline]
fn check_len(value: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| errno())
}

/// Returns the error of the call that has just failed on this thread.
#[cold]
fn errno() -> io::Error {
    io::Error::last_os_error()
}

/// Repeats a call while it fails with `EINTR`.
///
/// The call and its success each have one place: the caller need not check again which it was.
#[inline]
pub(crate) fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if was_interrupted(&error) => {}
            result => return result,
        }
    }
}

#[cold]
fn was_interrupted(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINTR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_a_signal_ends_is_made_again_and_no_other() {
        let made = |outcomes: &[Result<usize, libc::c_int>]| {
            let mut calls = 0;
            let result = uninterrupted(|| {
                calls += 1;
                outcomes[calls - 1].map_err(io::Error::from_raw_os_error)
            });
            (calls, result.map_err(|error| error.raw_os_error().unwrap()))
        };
        let interrupted = Err(libc::EINTR);
        assert_eq!(made(&[interrupted, interrupted, Ok(3), Ok(4)]), (3, Ok(3)));
        assert_eq!(made(&[interrupted, Err(libc::EPIPE), Ok(3)]), (2, Err(libc::EPIPE)));
        assert_eq!(made(&[Err(libc::EAGAIN), Ok(3)]), (1, Err(libc::EAGAIN)));
        assert_eq!(made(&[Ok(0), Ok(3)]), (1, Ok(0)));
    }
}
