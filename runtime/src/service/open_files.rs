//! The limit of open descriptors.

use crate::sys::Backend;
use std::io;
use std::ops::RangeInclusive;

/// Raises the limit of open descriptors of the process (`RLIMIT_NOFILE`) to its hard limit. Returns the limit from
/// before and the one that holds now; with nothing to raise they are equal.
///
/// A service of systemd starts with 1024 for the sake of `select(2)`, which cannot watch a higher descriptor, and a
/// hard limit of 524 288 that servers are meant to raise theirs to. A child process inherits the raised limit: set it
/// back in programs that start others which use `select`.
///
/// Each socket of each core counts, as all cores are one process. For connections above the limit see
/// [`accept(2)`](https://man7.org/linux/man-pages/man2/accept.2.html): `serve` of a listener waits until one is free.
///
/// # Errors
///
/// Those of [`getrlimit(2)` and `setrlimit(2)`](https://man7.org/linux/man-pages/man2/getrlimit.2.html), which fail only
/// where a sandbox refuses them.
///
/// ```
/// let limit = egret_runtime::service::raise_open_files()?;
/// println!("at most {} descriptors, {} before", limit.end(), limit.start());
/// assert!(limit.start() <= limit.end());
/// # std::io::Result::Ok(())
/// ```
#[inline]
pub fn raise_open_files() -> io::Result<RangeInclusive<u64>> {
    Backend::current().raise_open_files().map(|(before, now)| before..=now)
}
