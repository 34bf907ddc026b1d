//! [`stdin`], [`stdout`] and [`stderr`], without a flag set that is not ours.
//!
//! Descriptors 0, 1 and 2 are mostly duplicates of what the parent has: the shell reads from the terminal by the same
//! open file description as we do, and `O_NONBLOCK` is a flag of the description. A program that sets it breaks its
//! parent, and one that puts it back when it ends breaks it until then, or for good when it is killed. So egret never
//! sets it, and reads and writes in the way that the kind of file allows:
//!
//! | what it is | how | waits | cancelled |
//! |---|---|---|---|
//! | pipe, FIFO | opened once more by `/proc/self/fd/N`: a description of our own, non-blocking | in the reactor | nothing lost |
//! | terminal | likewise, and not as the controlling one | in the reactor | nothing lost |
//! | socket | a duplicate; each call says `MSG_DONTWAIT` | in the reactor | nothing lost |
//! | regular file, other device | a duplicate: read on a thread, written in place | on the thread | kept for the next read |
//! | pipe or terminal that may not be opened again | a duplicate: on a thread | on the thread | kept, or written still |
//!
//! A regular file is never opened again: that would be another position in it, from 0. Nor is the master of a
//! pseudo-terminal, for to open that again is to make another terminal. What `epoll` refuses it believes to be always
//! ready, and a write to it waits for nobody, or as long as the disk does; `println!` waits there as well. What waits
//! for somebody, and cannot be told not to, has to wait on a thread: a terminal after `su`, the master of one, and every
//! pipe where there is no `/proc`.
//!
//! What is done without the reactor is charged to the budget of the task by [`charged`], as the reactor does it.
//!
//! Nothing is opened before the first operation, so the functions cannot fail.

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

/// How a standard stream is to be used.
enum Way {
    /// A description of our own, which is non-blocking.
    Own(Fd),
    /// A duplicate, of a socket.
    Socket(Fd),
    /// A duplicate, of what waits for nobody but the disk.
    File(File),
    /// A duplicate, of what waits for somebody.
    Blocking(File),
}

/// The device number of `/dev/ptmx` and of every master that comes from it: 5:2, by the kernel's `devices.txt`.
const MASTER: u64 = 5 << 8 | 2;

/// Finds the way for `stream`, which is one of the three.
#[inline]
fn way_for(stream: BorrowedFd<'_>, access: Access) -> io::Result<Way> {
    let file = File::from(stream.try_clone_to_owned()?);
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_socket() {
        return Ok(Way::Socket(OwnedFd::from(file).into()));
    }
    if !kind.is_fifo() && !file.is_terminal() {
        return Ok(Way::File(file));
    }
    if metadata.rdev() != MASTER {
        let path = PathBuf::from(format!("/proc/self/fd/{}", stream.as_raw_fd()));
        // No /proc, a terminal that is another user's, a pipe whose readers are gone: then as it is.
        if let Ok(own) = Backend::current().open(&path, access) {
            return Ok(Way::Own(own));
        }
    }
    Ok(Way::Blocking(file))
}

/// Charges an operation that does not go through the reactor to the task, if it completes; a task whose budget is used
/// up is woken again.
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
