//! [`stdin`], [`stdout`] and [`stderr`], without changing shared flags.
//!
//! Descriptors 0, 1 and 2 usually share an open file description with the parent, and `O_NONBLOCK` is a flag of the
//! description: setting it breaks the parent, for good if the program is killed. So egret never sets it, and the kind
//! of file decides how it reads and writes:
//!
//! | what it is | how | waits | cancelled |
//! |---|---|---|---|
//! | pipe, FIFO | reopened by `/proc/self/fd/N`: an own description, non-blocking | in the reactor | nothing lost |
//! | terminal | likewise, and not as the controlling one | in the reactor | nothing lost |
//! | socket | a duplicate; each call passes `MSG_DONTWAIT` | in the reactor | nothing lost |
//! | regular file, other device | a duplicate: read on a thread, written in place | on the thread | a read is kept for the next |
//! | pipe or terminal that cannot be reopened | a duplicate: on a thread | on the thread | a read is kept for the next; a write goes on |
//!
//! * A regular file is not reopened: its position would start at 0. The master of a pseudo-terminal is not either:
//!   that would make another terminal.
//! * A file that `epoll` refuses counts as always ready: a write to it waits for the disk at most, as `println!`
//!   does.
//! * A thread serves what may wait for a peer and cannot be non-blocking: a terminal after `su`, the master of one,
//!   and each pipe without `/proc`.
//! * Operations that bypass the reactor are charged to the task's budget by [`charged`].
//! * Nothing is opened before the first operation, so the functions cannot fail.

mod input;
mod on_thread;
mod output;

pub use input::{Stdin, stdin};
pub use output::{StandardStream, Stderr, Stdout, stderr, stdout};

use crate::sys::{Access, Backend, Fd};
use crate::wake::budget;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;
use std::task::{Context, Poll};

/// How a standard stream is used.
enum StreamUse {
    /// An own description, non-blocking.
    Own(Fd),
    /// A duplicate, of a socket.
    Socket(Fd),
    /// A duplicate, of a file that waits for the disk at most.
    File(File),
    /// A duplicate, of a file that may wait for a peer.
    Blocking(File),
}

/// The device number of `/dev/ptmx` and of every master that comes from it: 5:2, by the kernel's `devices.txt`.
const MASTER: u64 = 5 << 8 | 2;

/// Decides the way for `stream`, one of the three.
#[inline]
fn way_for(stream: BorrowedFd<'_>, access: Access) -> io::Result<StreamUse> {
    let file = File::from(stream.try_clone_to_owned()?);
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_socket() {
        return Ok(StreamUse::Socket(OwnedFd::from(file).into()));
    }
    if !kind.is_fifo() && !file.is_terminal() {
        return Ok(StreamUse::File(file));
    }
    if metadata.rdev() != MASTER {
        let path = PathBuf::from(format!("/proc/self/fd/{}", stream.as_raw_fd()));
        // No /proc, another user's terminal, a pipe without readers: use it unchanged.
        if let Ok(own) = Backend::current().open(&path, access) {
            return Ok(StreamUse::Own(own));
        }
    }
    Ok(StreamUse::Blocking(file))
}

/// Charges an operation that bypasses the reactor to the task's budget, if it completes; wakes a task without budget
/// again.
#[inline]
fn charged<T>(
    cx: &mut Context<'_>,
    op: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    if !budget::charge() {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    let result = op(cx);
    if result.is_pending() {
        budget::refund();
    }
    result
}
