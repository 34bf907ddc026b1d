//! Tells the process that made a descriptor from its children by `fork`.
//!
//! A child shares the epoll instances and the eventfds of its parent, which are not copies: what it does to them is done
//! to the parent. So each carries the [`Generation`] of its process, and is left alone in another.

use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks are between the first process and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// A process, among those that descend from each other by `fork`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Generation(u32);

impl Generation {
    /// That of this process. A child is counted from the first call on.
    #[inline]
    pub(crate) fn now() -> Generation {
        static COUNTED: Once = Once::new();
        COUNTED.call_once(|| {
            if cfg!(miri) {
                return; // Miri has no processes.
            }
            // SAFETY: the handler lives as long as the process, and does nothing but an atomic addition, which is allowed
            // in the child of a process with threads. Without memory for it (the only error) forks are not noticed.
            unsafe { libc::pthread_atfork(None, None, Some(count)) };
        });
        Generation(FORKS.load(Ordering::Relaxed))
    }

    /// Returns whether this process is still the same. One load.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        self.0 == FORKS.load(Ordering::Relaxed)
    }

    /// Returns an error in a child process.
    #[inline]
    pub(crate) fn check(self) -> io::Result<()> {
        if self.is_current() { Ok(()) } else { Err(of_the_parent()) }
    }
}

#[cold]
fn of_the_parent() -> io::Error {
    io::Error::other(
        "this egret runtime was made before a fork and belongs to the parent process: make a new one in the child",
    )
}

extern "C" fn count() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}
