//! Blocking calls that a signal may end although no handler is installed for it.

use std::io::{ErrorKind, Result};
use std::time::{Duration, Instant};

/// Repeats a call on a socket with this time limit while it is interrupted, and fails with `WouldBlock` at the limit.
///
/// Such a call returns `EINTR` when its process is stopped and continued ([`signal(7)`]), as a machine that is suspended
/// or a container that is paused does it. Those of std that move an exact number of bytes, or all, are repeated by std.
///
/// [`signal(7)`]: https://man7.org/linux/man-pages/man7/signal.7.html
pub fn uninterrupted<T>(limit: Duration, mut call: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                if start.elapsed() >= limit {
                    return Err(ErrorKind::WouldBlock.into());
                }
            }
            result => return result,
        }
    }
}
