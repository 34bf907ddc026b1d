//! The system-call seam: the only module that names `libc`.
//!
//! Everything egret asks of the kernel goes through a method of one of four types: [`Backend`] makes
//! descriptors, [`Fd`] owns one and closes it on drop, [`Epoll`] waits for many, and [`ReadBuf`]
//! is the memory that `recv` may fill without it having been zeroed. Each method is one system call
//! (`connect` to `getpeername` included: a recipe of several calls belongs to the caller) and
//! documents the contract that another kernel behind the same seam would have to keep. Signals, which belong to
//! the process and to no descriptor, are functions in `signal.rs`.
//!
//! Rules of the seam, which callers may rely on:
//!
//! * Every descriptor made here is close-on-exec and non-blocking.
//! * `EINTR` never comes out: calls that may be repeated are, and [`Epoll::wait`] reports no events.
//! * Errors keep their errno: `io::Error::raw_os_error` is always `Some`.
//! * A write to a peer that is gone is `EPIPE`, never a `SIGPIPE`.
//!
//! The unsafe code of the network stack lives here and nowhere else. What would go wrong otherwise:
//! a second module with `libc` in it is a second set of promises about lifetimes of buffers and
//! descriptors, and a kernel that tests control could no longer stand in for the real one.
//!
//! This module is public because `egret-net` is built on it. It is not covered by SemVer.

#![allow(unsafe_code)]

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

// The seam costs nothing while there is one kernel behind it.
const _: () = assert!(size_of::<Fd>() == 4);
const _: () = assert!(size_of::<Option<Fd>>() == 4);
const _: () = assert!(size_of::<Backend>() == 0);

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
