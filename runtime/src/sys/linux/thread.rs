//! Threads that may block.

use super::Backend;
use std::io;
use std::thread;

impl Backend {
    /// Starts a thread with a name that debuggers show.
    ///
    /// # Errors
    ///
    /// `EAGAIN` at a limit of [`pthread_create(3)`](https://man7.org/linux/man-pages/man3/pthread_create.3.html).
    #[inline]
    pub fn start_thread(self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
    }

    /// Fails where the kernel is simulated and has no `what`: before a call that goes around the seam.
    ///
    /// # Errors
    ///
    /// `Unsupported`, with a message that names `what`, in a host of a simulation; none on Linux.
    #[inline]
    pub fn needs_linux(self, _what: &str) -> io::Result<()> {
        Ok(())
    }

    /// Fails in a host of a simulation that has its loop.
    ///
    /// # Errors
    ///
    /// `Unsupported` there; none on Linux.
    #[inline]
    pub fn needs_no_other_loop(self) -> io::Result<()> {
        Ok(())
    }

    /// Returns whether a thread can block on another.
    #[inline]
    pub fn threads_wait(self) -> bool {
        true
    }
}
