//! [`SocketAddr`]: the address of a Unix socket, and the arguments that name one.

use egret_runtime::sys::UnixAddress;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::Path;

/// The address of a Unix socket: a path, a name in the abstract namespace, or none.
///
/// It holds the kernel's bytes unchanged: a path may have 108 bytes, one more than [`std::os::unix::net::SocketAddr`]
/// takes, and an abstract name may have zeros anywhere.
///
/// ```
/// use egret_net::unix::SocketAddr;
///
/// let path = SocketAddr::from_pathname("/run/server.sock")?;
/// assert_eq!(path.as_pathname(), Some("/run/server.sock".as_ref()));
/// let name = SocketAddr::from_abstract_name(b"server\0two")?;
/// assert_eq!(name.as_abstract_name(), Some(&b"server\0two"[..]));
///
/// let too_long = SocketAddr::from_pathname("x".repeat(109)).unwrap_err();
/// assert_eq!(too_long.kind(), std::io::ErrorKind::InvalidInput);
/// # std::io::Result::Ok(())
/// ```
///
/// See [`unix(7)`](https://man7.org/linux/man-pages/man7/unix.7.html).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketAddr(UnixAddress);

impl SocketAddr {
    /// Creates the address of a path.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput), with a message that tells which, when the path is empty, has a
    /// zero byte in it or is longer than 108 bytes.
    #[inline]
    pub fn from_pathname<P: AsRef<Path>>(path: P) -> io::Result<SocketAddr> {
        let path = path.as_ref().as_os_str().as_bytes();
        match UnixAddress::from_path(path) {
            Some(address) => Ok(SocketAddr(address)),
            None if path.is_empty() => Err(invalid("the path of a Unix socket is empty".into())),
            None if path.contains(&0) => {
                Err(invalid("the path of a Unix socket has a zero byte in it".into()))
            }
            None => {
                let (len, most) = (path.len(), UnixAddress::MAX_PATH);
                let message = format!(
                    "the path of a Unix socket is {len} bytes long, and {most} is the most there can be"
                );
                Err(invalid(message))
            }
        }
    }

    /// Creates the address of a name in the abstract namespace ([`unix(7)`]), which has no file. The name excludes
    /// the zero byte that the kernel puts before it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when the name is longer than 107 bytes.
    ///
    /// [`unix(7)`]: https://man7.org/linux/man-pages/man7/unix.7.html
    #[inline]
    pub fn from_abstract_name<N: AsRef<[u8]>>(name: N) -> io::Result<SocketAddr> {
        let name = name.as_ref();
        UnixAddress::from_abstract_name(name).map(SocketAddr).ok_or_else(|| {
            let (len, most) = (name.len(), UnixAddress::MAX_ABSTRACT);
            invalid(format!("the abstract name is {len} bytes long, and {most} is the most there can be"))
        })
    }

    /// As in tokio: a path, or, if it starts with a zero byte, the abstract name after it.
    #[inline]
    pub(crate) fn from_path_or_name(path: &Path) -> io::Result<SocketAddr> {
        match path.as_os_str().as_bytes().strip_prefix(&[0]) {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(path),
        }
    }

    /// Returns whether the socket is unnamed: it was not bound.
    #[inline]
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// Returns the path, if the address is one.
    #[inline]
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_path().map(|path| Path::new(OsStr::from_bytes(path)))
    }

    /// Returns the name in the abstract namespace, if the address is one, without the zero byte before it.
    #[inline]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.0.as_abstract_name()
    }

    #[inline]
    pub(crate) fn raw(&self) -> &UnixAddress {
        &self.0
    }
}

#[inline]
fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl From<UnixAddress> for SocketAddr {
    #[inline]
    fn from(address: UnixAddress) -> SocketAddr {
        SocketAddr(address)
    }
}

impl From<net::SocketAddr> for SocketAddr {
    #[inline]
    fn from(address: net::SocketAddr) -> SocketAddr {
        let path = address.as_pathname().and_then(|path| UnixAddress::from_path(path.as_os_str().as_bytes()));
        let name = || address.as_abstract_name().and_then(UnixAddress::from_abstract_name);
        SocketAddr(path.or_else(name).unwrap_or(UnixAddress::UNNAMED))
    }
}

impl TryFrom<SocketAddr> for net::SocketAddr {
    type Error = io::Error;

    /// Fails for addresses that std cannot represent: a path of 108 bytes, and no name.
    #[inline]
    fn try_from(address: SocketAddr) -> io::Result<net::SocketAddr> {
        match (address.as_pathname(), address.as_abstract_name()) {
            (Some(path), _) => net::SocketAddr::from_pathname(path),
            (None, Some(name)) => net::SocketAddr::from_abstract_name(name),
            (None, None) => Err(invalid("std makes no address without a name".into())),
        }
    }
}

impl fmt::Debug for SocketAddr {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        let says = |result: io::Result<SocketAddr>, text: &str| {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(text), "{error}");
        };
        says(SocketAddr::from_pathname(""), "empty");
        says(SocketAddr::from_pathname("a\0b"), "zero byte");
        says(SocketAddr::from_pathname("p".repeat(109)), "109 bytes long, and 108");
        says(SocketAddr::from_abstract_name([b'a'; 108]), "108 bytes long, and 107");
        says(SocketAddr::from_path_or_name(Path::new(&"\0".repeat(109))), "108 bytes long, and 107");
    }

    #[test]
    fn a_path_that_starts_with_zero_is_an_abstract_name() {
        let name = SocketAddr::from_path_or_name(Path::new("\0a\0b")).unwrap();
        assert_eq!(name.as_abstract_name(), Some(&b"a\0b"[..]));
        let path = SocketAddr::from_path_or_name(Path::new("a")).unwrap();
        assert_eq!(path, SocketAddr::from_pathname("a").unwrap());
    }

    #[test]
    fn an_address_of_std_stays_the_same_there_and_back() {
        let path = SocketAddr::from_pathname("p".repeat(107)).unwrap();
        let name = SocketAddr::from_abstract_name(b"\0a\0").unwrap();
        for address in [path, name] {
            let theirs = net::SocketAddr::try_from(address).unwrap();
            assert_eq!(SocketAddr::from(theirs), address);
        }
        let unnamed = net::UnixDatagram::unbound().unwrap().local_addr().unwrap();
        let unnamed = SocketAddr::from(unnamed);
        assert!(unnamed.is_unnamed());
        assert!(net::SocketAddr::try_from(unnamed).is_err());
        assert!(net::SocketAddr::try_from(SocketAddr::from_pathname("p".repeat(108)).unwrap()).is_err());
    }
}
