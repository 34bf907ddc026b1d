//! Datagrams for the supervisor.

use crate::sys::{Backend, Domain, Type, UnixAddress};
use std::env;
use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

/// Reports that the server is ready: clients are served from now on.
///
/// # Errors
///
/// As [`notify`].
#[inline]
pub fn ready() -> io::Result<bool> {
    notify("READY=1")
}

/// Reports that the server reads its configuration anew; [`ready`] says that it is done. With the time, as
/// `Type=notify-reload` wants it.
///
/// # Errors
///
/// As [`notify`].
#[inline]
pub fn reloading() -> io::Result<bool> {
    let now = Backend::current().monotonic() / 1000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={now}"))
}

/// Reports that the server is ending.
///
/// # Errors
///
/// As [`notify`].
#[inline]
pub fn stopping() -> io::Result<bool> {
    notify("STOPPING=1")
}

/// Reports a line for the operator, which `systemctl status` shows.
///
/// # Errors
///
/// As [`notify`]; [`InvalidInput`](io::ErrorKind::InvalidInput) when it has more than one line.
#[inline]
pub fn status(line: &str) -> io::Result<bool> {
    one_line(line)?;
    notify(&format!("STATUS={line}"))
}

/// Reports the process that is the server from now on, such as one that has taken over its listeners.
///
/// # Errors
///
/// As [`notify`].
#[inline]
pub fn main_pid(pid: u32) -> io::Result<bool> {
    notify(&format!("MAINPID={pid}"))
}

/// Gives a duplicate of a descriptor to the supervisor, which [passes](super::passed) it to the next process under this
/// name. systemd keeps as many as `FileDescriptorStoreMax=` allows.
///
/// # Errors
///
/// As [`notify`]; [`InvalidInput`](io::ErrorKind::InvalidInput) when the name is empty, longer than 255 bytes, or has a
/// control character or a colon in it.
#[inline]
pub fn store_fd(name: &str, descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    let fits = (1..=255).contains(&name.len()) && name.is_ascii();
    if !fits || name.contains(|c: char| c == ':' || c.is_control()) {
        let message = format!("{name:?} is no name of a descriptor: 1 to 255 ASCII characters without `:`");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    send(&format!("FDSTORE=1\nFDNAME={name}"), &[descriptor])
}

/// Sends assignments, one a line, to the supervisor: for those of
/// [`sd_notify(3)`](https://man7.org/linux/man-pages/man3/sd_notify.3.html) that have no function here.
///
/// Returns whether a supervisor wants them: it does when `NOTIFY_SOCKET` is set. It does not wait.
///
/// # Errors
///
/// [`WouldBlock`](io::ErrorKind::WouldBlock) when the supervisor has not read earlier datagrams;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) when `NOTIFY_SOCKET` is neither a path nor `@` and an abstract name;
/// those of [`sendmsg(2)`](https://man7.org/linux/man-pages/man2/sendmsg.2.html), such as
/// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when the supervisor is gone.
#[inline]
pub fn notify(assignments: &str) -> io::Result<bool> {
    send(assignments, &[])
}

#[inline]
fn send(assignments: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<bool> {
    let Some(supervisor) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(false);
    };
    let address = address(&supervisor)?;
    let socket = Backend::current().socket(Domain::Unix, Type::Datagram)?;
    socket.send_message(&[IoSlice::new(assignments.as_bytes())], descriptors, None, Some(&address))?;
    Ok(true)
}

#[inline]
fn address(name: &OsStr) -> io::Result<UnixAddress> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => UnixAddress::from_abstract_name(name),
        [b'/', ..] => UnixAddress::from_path(name.as_bytes()),
        _ => None,
    };
    address.ok_or_else(|| {
        let message =
            format!("NOTIFY_SOCKET is {name:?}: neither an absolute path nor `@` and an abstract name");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

#[inline]
fn one_line(text: &str) -> io::Result<()> {
    if text.contains('\n') {
        let message = format!("{text:?} has more than one line: what follows would be another assignment");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(())
}
