//! Linux: the system calls themselves.

mod accept;
mod address;
mod affinity;
mod ancillary;
mod batch;
mod clock;
mod datagram;
mod datagram_info;
#[cfg(feature = "inspect")]
mod describe;
mod epoll;
mod fd;
mod fork;
#[cfg(not(feature = "sim"))]
pub(crate) mod fs;
mod inherited;
mod limits;
mod option;
mod pipe;
mod process;
mod resolver;
#[cfg(feature = "inspect")]
mod ring;
pub(crate) mod signal;
mod sigpipe;
#[cfg(all(feature = "inspect-backtrace", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod snapshot;
mod socket;
mod splice;
mod stdio;
mod thread;
#[cfg(feature = "inspect")]
mod thread_state;
#[cfg(feature = "inspect")]
mod ticks;
mod transfer;
mod unix_address;
mod unix_socket;

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
    /// The backend of the runtime that this thread is in; Linux where there is none.
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

/// The error of the call that has just failed on this thread.
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
