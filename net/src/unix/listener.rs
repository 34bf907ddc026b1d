//! [`UnixListener`]: constructors.

use super::SocketAddr;
use crate::family::Unix;
use crate::listener::Listener;
use egret_runtime::sys::{Backend, Domain, Type};
use std::io;
use std::os::unix::net;
use std::path::Path;

/// A Unix socket that listens for stream connections.
///
/// The file made by [`bind`](UnixListener::bind) outlives it: a server removes its predecessor's file before it
/// binds, or has a directory of its own that it clears.
///
/// ```no_run
/// use egret_net::UnixListener;
///
/// # egret_runtime::block_on(async {
/// let listener = UnixListener::bind("/run/greeter.sock")?;
/// loop {
///     let (mut stream, _peer) = listener.accept().await?;
///     egret_runtime::spawn(async move { stream.write_all(b"hello\n").await });
/// }
/// # #[allow(unreachable_code)]
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html).
pub type UnixListener = Listener<Unix>;

impl UnixListener {
    /// Listens at a path, or, if `path` starts with a zero byte, on the abstract name after it.
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when the file exists, a socket or not, or the name is taken; those of
    /// creating a file, such as [`NotFound`](io::ErrorKind::NotFound) and
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied), by
    /// [`bind(2)`](https://man7.org/linux/man-pages/man2/bind.2.html), with their errno.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an invalid path: see [`SocketAddr::from_pathname`].
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::UnixListener;
    ///
    /// # let name = format!("\0egret-doc-bind-{}", std::process::id());
    /// let _listener = UnixListener::bind(&name)?;
    /// let taken = UnixListener::bind(&name).unwrap_err();
    /// assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        UnixListener::bind_addr(&SocketAddr::from_path_or_name(path.as_ref())?)
    }

    /// [`bind`](UnixListener::bind) to an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](UnixListener::bind).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        let fd = Backend::current().socket(Domain::Unix, Type::Stream)?;
        fd.bind_unix(addr.raw())?;
        fd.listen(UnixListener::DEFAULT_BACKLOG)?;
        UnixListener::new(fd)
    }

    /// Takes the pending error of the socket, `SO_ERROR`.
    ///
    /// # Errors
    ///
    /// Those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html); none in practice.
    #[inline]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.fd().take_error()
    }
}

impl TryFrom<net::UnixListener> for UnixListener {
    type Error = io::Error;

    /// [`UnixListener::from_std`].
    #[track_caller]
    #[inline]
    fn try_from(listener: net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_std(listener)
    }
}
