//! [`TrustedFd`]: a descriptor that is known by its number alone.

use std::fmt;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// A value that has a descriptor and implements [`AsRawFd`] only, for
/// [`AsyncFd`](crate::io::AsyncFd), which takes [`AsFd`].
///
/// Bindings to C libraries often return a number and nothing else: a connection of a database, a device, an inotify
/// of another crate. The number says nothing about who closes it, so the code that makes a `TrustedFd` promises it. Where a
/// type has [`AsFd`], use that: it needs no promise.
///
/// ```
/// use egret_runtime::io::{AsyncFd, TrustedFd};
/// use std::io::{Read, Write};
/// use std::os::fd::{AsRawFd, RawFd};
///
/// /// What a binding to a C library may look like.
/// struct Connection(std::os::unix::net::UnixStream);
///
/// impl AsRawFd for Connection {
///     fn as_raw_fd(&self) -> RawFd {
///         self.0.as_raw_fd()
///     }
/// }
///
/// # egret_runtime::block_on(async {
/// let (ours, mut theirs) = std::os::unix::net::UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// // SAFETY: a `Connection` owns its socket, never exchanges it, and closes it when it is dropped.
/// let ours = AsyncFd::new(unsafe { TrustedFd::new(Connection(ours)) })?;
/// theirs.write_all(b"hello")?;
/// let n = ours.read_with(|connection| (&connection.0).read(&mut [0; 16])).await?;
/// assert_eq!(n, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct TrustedFd<T: AsRawFd>(T);

impl<T: AsRawFd> TrustedFd<T> {
    /// Trusts the number that `inner` returns.
    ///
    /// # Safety
    ///
    /// Until `inner` is dropped or taken out by [`into_inner`](TrustedFd::into_inner), each call of its
    /// [`as_raw_fd`](AsRawFd::as_raw_fd) must return the same number, and that number must be an open descriptor, which
    /// neither `inner` nor anybody else closes or replaces meanwhile. See
    /// [I/O safety](std::io#io-safety).
    pub unsafe fn new(inner: T) -> TrustedFd<T> {
        TrustedFd(inner)
    }

    /// Returns the value, mutably.
    ///
    /// # Safety
    ///
    /// Neither the value nor its descriptor may be replaced, as [`new`](TrustedFd::new) says.
    pub unsafe fn get_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Returns the value, which is trusted no more.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsRawFd> Deref for TrustedFd<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: AsRawFd> AsFd for TrustedFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: who made this promised that the number is an open descriptor for as long as the value is here, and
        // the borrow ends before it can be moved out or dropped.
        unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) }
    }
}

impl<T: AsRawFd> AsRawFd for TrustedFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for TrustedFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrustedFd").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    struct FdNumber(File);

    impl AsRawFd for FdNumber {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_raw_fd()
        }
    }

    #[test]
    fn the_descriptor_is_that_of_the_value_and_stays_with_it() {
        let file = File::open("/dev/null").unwrap();
        let number = file.as_raw_fd();
        // SAFETY: a `FdNumber` owns its file and never exchanges it.
        let mut trusted = unsafe { TrustedFd::new(FdNumber(file)) };
        assert_eq!(trusted.as_fd().as_raw_fd(), number);
        assert_eq!((trusted.as_raw_fd(), trusted.0.as_raw_fd()), (number, number));
        // SAFETY: nothing is replaced.
        let inner = unsafe { trusted.get_mut() };
        assert_eq!(inner.as_raw_fd(), number);
        assert_eq!(trusted.into_inner().0.as_raw_fd(), number);
    }
}
