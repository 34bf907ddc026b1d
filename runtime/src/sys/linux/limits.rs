//! The resource limits of the process.

use super::{Backend, check};
use std::io;

impl Backend {
    /// Raises the limit of open descriptors to the hard limit, by [`getrlimit(2)`]. Returns the limit before and now.
    ///
    /// # Errors
    ///
    /// `EPERM` or `ENOSYS` in a sandbox.
    ///
    /// [`getrlimit(2)`]: https://man7.org/linux/man-pages/man2/getrlimit.2.html
    #[inline]
    pub fn raise_open_files(self) -> io::Result<(u64, u64)> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the kernel writes one `rlimit`, that of `limit`, which lives across the call.
        check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
        let before = limit.rlim_cur;
        if before < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max;
            // SAFETY: the kernel reads one `rlimit`, that of `limit`, which lives across the call.
            check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
        }
        Ok((before, limit.rlim_cur))
    }
}
