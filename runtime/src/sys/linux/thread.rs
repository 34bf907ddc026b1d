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
    pub fn start_thread(self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
    }

    /// Whether a thread can block on another.
    pub fn threads_wait(self) -> bool {
        true
    }
}
