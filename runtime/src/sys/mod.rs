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

#[cfg(any(feature = "hyper", feature = "tokio-io"))]
mod foreign_buf;
mod linux;

#[cfg(feature = "hyper")]
pub use foreign_buf::lend_hyper;
#[cfg(all(feature = "hyper", feature = "tokio-io"))]
pub use foreign_buf::lend_hyper_as_tokio;
#[cfg(feature = "tokio-io")]
pub use foreign_buf::lend_tokio;
#[cfg(feature = "test-util")]
pub(crate) use linux::WAIT_CALLS;
#[cfg(feature = "sim")]
pub(crate) mod sim;
#[cfg(feature = "sim")]
mod switch;

pub(crate) use linux::has_no_process;
#[cfg(not(feature = "sim"))]
pub(crate) use linux::signal;
pub use linux::{
    AcceptFailure, Access, Ancillary, BATCH_MAX, Batch, Connect, Credentials, Domain, Events, IOV_MAX,
    Message, Process, ReadBuf, Received, TRANSFER_MAX, TimerSlack, Type, UnixAddress, mask,
};
#[cfg(not(feature = "sim"))]
pub use linux::{Backend, Epoll, Fd};
#[cfg(feature = "sim")]
pub(crate) use switch::signal;
#[cfg(feature = "sim")]
pub use switch::{Backend, Epoll, Fd};

// The seam costs nothing while there is one kernel behind it.
#[cfg(not(feature = "sim"))]
const _: () = {
    assert!(size_of::<Fd>() == 4);
    assert!(size_of::<Option<Fd>>() == 4);
    assert!(size_of::<Backend>() == 0);
};
