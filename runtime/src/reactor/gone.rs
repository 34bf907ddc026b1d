//! The error of an operation whose runtime is gone.

use std::error::Error;
use std::fmt;
use std::io;

/// With the text in `Debug` too: it is what `unwrap` prints.
#[derive(Debug)]
struct RuntimeGone(&'static str);

impl fmt::Display for RuntimeGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for RuntimeGone {}

#[cold]
pub(crate) fn runtime_is_gone() -> io::Error {
    io::Error::other(RuntimeGone(
        "the egret runtime that this descriptor is registered with is gone; \
         keep the Runtime for as long as its sockets, or move them out with into_std",
    ))
}

/// As [`runtime_is_gone`], for a signal that a task waited for.
#[cold]
pub(crate) fn no_signal_can_be_told() -> io::Error {
    io::Error::other(RuntimeGone("the egret runtime is gone: no signal can be told"))
}

/// Returns whether an operation failed because the [`Runtime`](crate::runtime::Runtime) of its socket, pipe or signal
/// is gone.
///
/// # Examples
///
/// ```
/// use egret_runtime::io::pipe::pipe;
/// use egret_runtime::runtime::{Runtime, is_rt_shutdown_err};
///
/// let first = Runtime::new()?;
/// let (_sender, mut receiver) = first.block_on(async { pipe() })?;
/// drop(first);
/// let error = Runtime::new()?.block_on(receiver.read(&mut [0; 8])).unwrap_err();
/// assert!(is_rt_shutdown_err(&error));
/// # std::io::Result::Ok(())
/// ```
pub fn is_rt_shutdown_err(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<RuntimeGone>())
}
