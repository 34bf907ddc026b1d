//! The system-call boundary: the only module that names `libc`.
//!
//! * Owns: [`Backend`] makes descriptors, [`Fd`] owns one and closes it on drop, [`Epoll`] waits for many,
//!   [`ReadBuf`] is memory that a read fills without zeroing. Signals belong to the process: functions in
//!   `signal.rs`.
//! * Most methods are one system call, plus retries and fallbacks for older kernels. `accept` also skips dead
//!   connections, calls without `MSG_NOSIGNAL` may mask `SIGPIPE`; others say so at the method.
//! * Each descriptor made here is close-on-exec, and non-blocking except a pidfd and an `epoll` instance.
//! * `EINTR` is never returned: the call is repeated; [`Epoll::wait`] reports no events, `connect` is in progress.
//! * Errors of system calls keep their errno. A write to a peer that is gone is `EPIPE`, never a `SIGPIPE`.
//! * The unsafe code of the network stack is here only. A second module with `libc` would be a second set of promises
//!   about the lifetimes of buffers and descriptors, and a simulated kernel could not replace the real one.
//! * Public because `egret-net` is built on it; not covered by SemVer.

#![allow(unsafe_code)]

mod append; // the buffers that a read appends to
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
mod foreign_buf; // the buffers of tokio and hyper, by features
mod lend; // memory of another owner, lent to a read
mod linux; // the system calls
mod moved; // what a transfer says of itself
mod trusted_fd; // a descriptor that is known by its number alone

pub use append::{Append, lend_append};
#[cfg(feature = "hyper")]
pub use foreign_buf::lend_hyper;
#[cfg(all(feature = "hyper", feature = "tokio-io"))]
pub use foreign_buf::lend_hyper_as_tokio;
#[cfg(feature = "tokio-io")]
pub use foreign_buf::lend_tokio;
#[cfg(feature = "test-util")]
pub(crate) use linux::WAIT_CALLS;
pub(crate) use linux::uninterrupted;
pub use moved::Moved;
pub use trusted_fd::TrustedFd;
#[cfg(feature = "sim")]
pub(crate) mod sim; // the simulated kernel
#[cfg(feature = "sim")]
mod switch; // which of the two kernels a call goes to

#[cfg(feature = "inspect")]
pub use linux::Words;
pub use linux::{
    AcceptFailure, Access, Ancillary, BATCH_MAX, Batch, Connect, Credentials, DatagramInfo, Domain, Events,
    Head, IOV_MAX, Message, ReadBuf, Received, SocketKind, TRANSFER_MAX, TimerSlack, Type, UnixAddress, mask,
};
#[cfg(not(feature = "sim"))]
pub use linux::{Backend, Epoll, Fd, Process, Spawned};
pub(crate) use linux::{Generation, has_no_process};
#[cfg(all(feature = "inspect-backtrace", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use linux::{Registers, Snapshot};
#[cfg(feature = "inspect")]
pub(crate) use linux::{SocketName, append_number};
#[cfg(feature = "inspect")]
pub use linux::{SystemCall, ThreadId, ThreadState};
#[cfg(not(feature = "sim"))]
pub(crate) use linux::{fs, signal};
#[cfg(feature = "sim")]
pub use switch::{Backend, Epoll, Fd, Process, Spawned};
#[cfg(feature = "sim")]
pub(crate) use switch::{fs, signal};

#[cfg(feature = "inspect")]
pub(crate) use linux::Described;

/// Describes the descriptor with this number, for a dump.
#[cfg(all(feature = "inspect", not(feature = "sim")))]
pub(crate) fn describe(fd: std::os::fd::RawFd) -> Described {
    Described::of(fd)
}

#[cfg(all(feature = "inspect", feature = "sim"))]
pub(crate) use switch::describe;

// The seam costs nothing while there is one kernel behind it.
#[cfg(not(feature = "sim"))]
const _: () = {
    assert!(size_of::<Fd>() == 4);
    assert!(size_of::<Option<Fd>>() == 4);
    assert!(size_of::<Backend>() == 0);
};
