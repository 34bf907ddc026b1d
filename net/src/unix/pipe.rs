//! Pipes: a [`Sender`] and a [`Receiver`], anonymous or with a name in the file system.
//!
//! They are [`WriteEnd`](egret_runtime::io::pipe::WriteEnd) and [`ReadEnd`](egret_runtime::io::pipe::ReadEnd) of the
//! runtime under tokio's names; what is here beyond them is where they come from and what may be one. See
//! [`pipe(7)`](https://man7.org/linux/man-pages/man7/pipe.7.html).

#[cfg(feature = "futures-io")]
mod futures_io;
mod named;
mod receiver;
mod sender;
#[cfg(feature = "tokio-io")]
mod tokio_io;

pub use named::OpenOptions;
pub use receiver::Receiver;
pub use sender::Sender;

use egret_runtime::sys::{Backend, Fd};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

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
/// use egret_net::unix::pipe;
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
    Ok((Sender::new(writer)?, Receiver::new(reader)?))
}

/// Which end a descriptor is to be.
#[derive(Clone, Copy)]
enum End {
    Reading,
    Writing,
}

/// Refuses what is no pipe, or not that end of one.
#[inline]
fn check(fd: OwnedFd, end: End) -> io::Result<Fd> {
    let file = File::from(fd);
    let kind = file.metadata()?.file_type();
    if !std::os::unix::fs::FileTypeExt::is_fifo(&kind) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the descriptor is not a pipe"));
    }
    let fd = Fd::from(OwnedFd::from(file));
    let access = fd.access()?;
    let (fits, direction) = match end {
        End::Reading => (access.read, "reading"),
        End::Writing => (access.write, "writing"),
    };
    if !fits {
        let message = format!("the descriptor is a pipe that is not open for {direction}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(fd)
}

/// Takes `O_NONBLOCK` off the open file description.
#[inline]
fn blocking(fd: Fd) -> io::Result<OwnedFd> {
    fd.set_nonblocking(false)?;
    Ok(fd.into())
}
