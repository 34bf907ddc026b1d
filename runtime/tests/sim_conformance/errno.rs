//! Results by the names of their errnos.

use egret_runtime::sys::Fd;
use std::io;

/// The result of a call, with the name of its errno.
pub fn said<T>(result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| {
        let errno = error.raw_os_error().expect("errors of the seam have an errno");
        errno_name(errno).map_or_else(|| error.to_string(), str::to_owned)
    })
}

/// The name of `SO_ERROR`, which it takes.
pub fn error_of(fd: &Fd) -> Option<String> {
    fd.take_error().unwrap().map(|error| said::<()>(Err(error)).unwrap_err())
}

fn errno_name(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EAGAIN => "EAGAIN",
        libc::EBADF => "EBADF",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::EADDRNOTAVAIL => "EADDRNOTAVAIL",
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::ECONNRESET => "ECONNRESET",
        libc::EEXIST => "EEXIST",
        libc::EINVAL => "EINVAL",
        libc::EISCONN => "EISCONN",
        libc::EMFILE => "EMFILE",
        libc::EMSGSIZE => "EMSGSIZE",
        libc::ENOENT => "ENOENT",
        libc::ENOTCONN => "ENOTCONN",
        libc::ENOPROTOOPT => "ENOPROTOOPT",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EPIPE => "EPIPE",
        libc::EPROTOTYPE => "EPROTOTYPE",
        libc::EDESTADDRREQ => "EDESTADDRREQ",
        _ => return None,
    })
}
