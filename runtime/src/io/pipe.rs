//! Pipes: a [`Sender`] and a [`Receiver`], anonymous or with a name in the file system. See
//! [`pipe(7)`](https://man7.org/linux/man-pages/man7/pipe.7.html).
//!
//! * Each descriptor that this crate reads by `read(2)` or writes by `write(2)` is a [`ReadEnd`] or a [`WriteEnd`]:
//!   these pipes, those of a child process, and reopened standard streams. The methods and traits are there; [`Kind`]
//!   decides where an end comes from and what it converts to.
//! * An end is only a [`Registration`](super::Registration). Only `EAGAIN` clears its readiness (rule C4): a pipe in
//!   packet mode or a terminal in line mode ends a read early with more queued, and no edge follows.
//! * Transfers take `&mut self` and have one waiter; `readable` and `writable` take `&self` and have a list of
//!   waiters.

mod append; // reads into a buffer that grows
#[cfg(feature = "futures-io")]
mod futures_io; // the traits of futures-io, by feature
mod named; // named pipes
mod read_end; // the read end of anything but a socket
mod receiver; // the read end of a pipe
mod sender; // the write end of a pipe
#[cfg(feature = "tokio-io")]
mod tokio_io; // the traits of tokio, by feature
mod write_end; // the write end of anything but a socket

pub use named::OpenOptions;
pub use read_end::ReadEnd;
pub use receiver::Receiver;
pub use sender::Sender;
pub use write_end::WriteEnd;

use crate::io::Start;
use crate::sys::{Backend, Fd};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;

/// The type parameter of [`ReadEnd`] and [`WriteEnd`]: ends of different origin have different types.
///
/// Compiler errors spell out aliases, so the implementors have readable names.
pub trait Kind {
    /// The name of the read end for `Debug`.
    const READ_END: &'static str = "ReadEnd";
    /// The name of the write end for `Debug`.
    const WRITE_END: &'static str = "WriteEnd";
}

/// The kind of an end made from a descriptor.
pub enum AnyDescriptor {}

impl Kind for AnyDescriptor {}

/// The kind of [`Sender`] and [`Receiver`].
pub enum OfPipe {}

impl Kind for OfPipe {
    const READ_END: &'static str = "Receiver";
    const WRITE_END: &'static str = "Sender";
}

/// Makes an anonymous pipe.
///
/// # Errors
///
/// No descriptors left (`EMFILE`, `ENFILE`); those of `epoll_ctl(2)`.
///
/// # Panics
///
/// When this thread is not in a runtime.
///
/// ```
/// use egret_runtime::io::pipe;
///
/// # egret_runtime::block_on(async {
/// let (mut sender, mut receiver) = pipe::pipe()?;
/// sender.write_all(b"hello").await?;
/// drop(sender);
///
/// let mut all = Vec::new();
/// receiver.read_to_end(&mut all).await?;
/// assert_eq!(all, b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
#[inline]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (reader, writer) = Backend::current().pipe()?;
    Ok((Sender::registered(writer)?, Receiver::registered(reader, Start::Unknown)?))
}

/// The end that a descriptor must be.
#[derive(Clone, Copy)]
enum PipeEnd {
    Reading,
    Writing,
}

/// Refuses a descriptor that is not that end of a pipe.
#[inline]
fn check(fd: OwnedFd, end: PipeEnd) -> io::Result<Fd> {
    let file = File::from(fd);
    if !file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the descriptor is not a pipe"));
    }
    let fd = Fd::from(OwnedFd::from(file));
    let access = fd.access()?;
    let (fits, direction) = match end {
        PipeEnd::Reading => (access.read, "reading"),
        PipeEnd::Writing => (access.write, "writing"),
    };
    if !fits {
        let message = format!("the descriptor is a pipe that is not open for {direction}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(fd)
}

/// Makes the open file description of a descriptor blocking, as std and child processes expect it.
#[inline]
pub(crate) fn blocking(fd: Fd) -> io::Result<OwnedFd> {
    fd.set_nonblocking(false)?;
    Ok(fd.into())
}
