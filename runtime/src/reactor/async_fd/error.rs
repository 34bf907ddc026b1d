//! [`AsyncFdTryNewError`]: a descriptor that could not be registered.

use crate::reactor::gone::is_rt_shutdown_err;
use std::fmt;
use std::io;

/// A descriptor that could not be registered, with the error.
pub struct AsyncFdTryNewError<T> {
    pub(super) inner: T,
    pub(super) cause: io::Error,
}

impl<T> AsyncFdTryNewError<T> {
    /// Returns the descriptor and the error of the kernel.
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.cause)
    }
}

impl<T> fmt::Display for AsyncFdTryNewError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause.kind() {
            io::ErrorKind::PermissionDenied => write!(
                f,
                "this descriptor cannot be polled: a regular file, a directory and some devices are always \
                 ready; read it on a thread instead ({})",
                self.cause
            ),
            _ => write!(f, "cannot register this descriptor: {}", self.cause),
        }
    }
}

impl<T> fmt::Debug for AsyncFdTryNewError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.cause, f)
    }
}

impl<T> std::error::Error for AsyncFdTryNewError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl<T> From<AsyncFdTryNewError<T>> for io::Error {
    /// Keeps the kind and names the remedy; the errno is in [`into_parts`](AsyncFdTryNewError::into_parts).
    fn from(error: AsyncFdTryNewError<T>) -> io::Error {
        if is_rt_shutdown_err(&error.cause) {
            return error.cause; // its text has the remedy, and its type tells it from other errors
        }
        io::Error::new(error.cause.kind(), error.to_string())
    }
}
