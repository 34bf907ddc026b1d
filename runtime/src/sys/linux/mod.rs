//! Linux: the system calls themselves.

mod accept;
mod address;
mod clock;
mod epoll;
mod fd;
mod option;
pub(crate) mod signal;
mod socket;
mod transfer;

pub use accept::AcceptFailure;
pub use clock::TimerSlack;
pub use epoll::{Epoll, Events, mask};
pub use fd::{Fd, ReadBuf};
pub use socket::{Connect, Domain, Type};
pub use transfer::IOV_MAX;

use std::io;

/// The kernel that descriptors are made by.
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

/// Turns the return value of a call that answers `-1` for "see errno" into a `Result`.
#[inline]
fn check(value: libc::c_int) -> io::Result<libc::c_int> {
    if value < 0 { Err(errno()) } else { Ok(value) }
}

/// [`check`] for the calls that answer with a length.
#[inline]
fn check_len(value: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| errno())
}

/// The error of the call that has just failed on this thread.
#[cold]
fn errno() -> io::Error {
    io::Error::last_os_error()
}

/// Repeats a call until it answers something other than `EINTR`.
#[inline]
fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    match call() {
        Ok(result) => Ok(result),
        Err(error) => uninterrupted_from(error, call),
    }
}

/// Apart, so that what nearly every call does is short enough to be inlined.
#[cold]
fn uninterrupted_from<R>(mut error: io::Error, mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    while error.raw_os_error() == Some(libc::EINTR) {
        match call() {
            Ok(result) => return Ok(result),
            Err(again) => error = again,
        }
    }
    Err(error)
}
