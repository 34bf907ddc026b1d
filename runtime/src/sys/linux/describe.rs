//! The description of a descriptor for a dump: its kind and its addresses.
//!
//! * A descriptor is given by its number, as the source of a reactor has it. The program may have closed it behind
//!   egret's back: then the calls fail, or describe what has the number now. None of them changes anything.
//! * A TCP connection takes three calls: `getsockname(2)`, `getpeername(2)` and `getsockopt(2)` for `SO_TYPE`. A
//!   descriptor that is no socket takes one, and a pidfd a file of `/proc`.

use super::address::RawAddress;
use super::unix_address::RawUnix;
use super::{UnixAddress, check};
use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::str;

/// The description of a descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// The name of egret's type for it, where there is one; else the kernel's name.
    pub(crate) kind: &'static str,
    pub(crate) local: Option<SocketName>,
    pub(crate) peer: Option<SocketName>,
    /// Of what is no socket: a path, or the process of a pidfd.
    pub(crate) what: Option<Box<str>>,
}

/// The name of a socket.
#[derive(Clone, Debug)]
pub(crate) enum SocketName {
    Ip(SocketAddr),
    /// Boxed, as it is larger than all else.
    Unix(Box<UnixAddress>),
}

impl Described {
    #[inline]
    pub(in crate::sys) fn new(kind: &'static str) -> Described {
        Described { kind, local: None, peer: None, what: None }
    }

    /// Returns whether it stays as it is for as long as the descriptor is open: a TCP connection, or a listener.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.local.is_some()
            && (self.kind == "TcpListener" || self.kind == "TcpStream" && self.peer.is_some())
    }

    /// A descriptor that was closed before it could be described.
    #[inline]
    pub(crate) fn closed_meanwhile() -> Described {
        Described { what: Some("closed meanwhile".into()), ..Described::new("descriptor") }
    }

    /// Describes the descriptor with this number.
    #[inline]
    pub(in crate::sys) fn of(fd: RawFd) -> Described {
        let local = match name(fd, libc::getsockname) {
            Ok(local) => local,
            Err(error) if error.raw_os_error() == Some(libc::ENOTSOCK) => return file(fd),
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => return Described::new("closed"),
            Err(_) => return Described::new("socket"),
        };
        let peer = name(fd, libc::getpeername).ok();
        let listens = || option(fd, libc::SO_ACCEPTCONN) == Some(1);
        let family = family(&local);
        let kind = match (family, option(fd, libc::SO_TYPE)) {
            (libc::AF_INET | libc::AF_INET6, Some(libc::SOCK_STREAM)) if peer.is_some() => "TcpStream",
            (libc::AF_INET | libc::AF_INET6, Some(libc::SOCK_STREAM)) if listens() => "TcpListener",
            (libc::AF_INET | libc::AF_INET6, Some(libc::SOCK_STREAM)) => "TcpStream", // connecting, or cut off
            (libc::AF_INET | libc::AF_INET6, Some(libc::SOCK_DGRAM)) => "UdpSocket",
            (libc::AF_UNIX, Some(libc::SOCK_STREAM)) if peer.is_none() && listens() => "UnixListener",
            (libc::AF_UNIX, Some(libc::SOCK_STREAM)) => "UnixStream",
            (libc::AF_UNIX, Some(libc::SOCK_DGRAM)) => "UnixDatagram",
            (libc::AF_UNIX, Some(libc::SOCK_SEQPACKET)) if peer.is_none() && listens() => {
                "UnixSeqpacketListener"
            }
            (libc::AF_UNIX, Some(libc::SOCK_SEQPACKET)) => "UnixSeqpacket",
            _ => "socket",
        };
        Described { kind, local: to_name(&local), peer: peer.as_ref().and_then(to_name), what: None }
    }
}

type NameCall = unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

/// Returns the own name of a socket or that of its peer, by `getsockname` or `getpeername`. The room is that of the
/// longest.
#[inline]
fn name(fd: RawFd, call: NameCall) -> io::Result<RawUnix> {
    let mut room = RawUnix::room();
    let (to, len) = room.as_mut_ptrs();
    // SAFETY: both functions that are passed here write at most `*len` bytes to `to`, which has that much room; both live
    // across the call. Any number may be passed as the descriptor.
    check(unsafe { call(fd, to, len) })?;
    Ok(room)
}

/// Returns an option of `SOL_SOCKET` that is one integer and is only read: `SO_TYPE`, `SO_ACCEPTCONN`.
#[inline]
fn option(fd: RawFd, name: libc::c_int) -> Option<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut len = size_of_val(&value) as libc::socklen_t;
    let to = (&raw mut value).cast();
    // SAFETY: the kernel writes at most `len` bytes to `value`, which has that many and of which any bytes are a value;
    // both live across the call. Any number may be passed as the descriptor.
    check(unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, to, &raw mut len) }).ok()?;
    Some(value)
}

#[inline]
fn family(raw: &RawUnix) -> libc::c_int {
    libc::c_int::from(u16::from_ne_bytes([raw.bytes[0], raw.bytes[1]]))
}

/// Returns the name, unless the socket has none: a Unix socket that is not bound, or one of another family.
#[inline]
fn to_name(raw: &RawUnix) -> Option<SocketName> {
    if family(raw) == libc::AF_UNIX {
        let address = UnixAddress::from_raw(raw).ok().filter(|address| !address.is_unnamed())?;
        return Some(SocketName::Unix(Box::new(address)));
    }
    let mut ip = RawAddress::room();
    let room = ip.bytes.len();
    ip.bytes.copy_from_slice(&raw.bytes[..room]);
    ip.len = raw.len;
    ip.to_std().ok().map(SocketName::Ip)
}

/// Describes what is no socket, by its link in `/proc/self/fd`: `pipe:[7]`, `anon_inode:[eventfd]`, `/dev/pts/0`.
#[inline]
fn file(fd: RawFd) -> Described {
    let link = fs::read_link(format!("/proc/self/fd/{fd}"));
    let Ok(link) = link.map(|link| link.to_string_lossy().into_owned()) else {
        return Described::new("descriptor");
    };
    let kinds = ["pipe", "eventfd", "pidfd", "timerfd", "signalfd", "inotify", "eventpoll"];
    let inner = link.strip_prefix("anon_inode:").unwrap_or(&link).trim_matches(['[', ']']);
    let inner = inner.split(':').next().unwrap_or(inner);
    match kinds.iter().find(|kind| inner == **kind) {
        Some(&"pidfd") => Described { what: process(fd), ..Described::new("pidfd") },
        Some(kind) => Described::new(kind),
        None => Described { what: Some(link.escape_debug().to_string().into()), ..Described::new("file") },
    }
}

/// Returns the process that a pidfd names.
#[inline]
fn process(fd: RawFd) -> Option<Box<str>> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    Some(format!("of process {}", pid.trim()).into())
}

impl SocketName {
    /// Appends it: its `Display`, without the machinery of `fmt` for the most frequent kind. A dump has two of each
    /// connection.
    #[inline]
    pub(crate) fn append_to(&self, text: &mut String) {
        let SocketName::Ip(SocketAddr::V4(address)) = self else {
            let _ = write!(text, "{self}");
            return;
        };
        let mut name = Backwards { bytes: [0; "255.255.255.255:65535".len()], first: 21 };
        name.number(address.port().into());
        for (position, octet) in address.ip().octets().into_iter().rev().enumerate() {
            name.byte(if position == 0 { b':' } else { b'.' });
            name.number(octet.into());
        }
        name.append_to(text);
    }
}

/// Appends a number in decimal digits.
#[inline]
pub(crate) fn append_number(number: u32, text: &mut String) {
    let mut digits = Backwards { bytes: [0; 10], first: 10 };
    digits.number(number);
    digits.append_to(text);
}

/// Text that is written from its end on: in one piece, as a `String` that takes each digit by itself takes ten times as
/// long.
struct Backwards<const N: usize> {
    bytes: [u8; N],
    first: usize,
}

impl<const N: usize> Backwards<N> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.first -= 1;
        self.bytes[self.first] = byte;
    }

    #[inline]
    fn number(&mut self, mut number: u32) {
        loop {
            self.byte(b'0' + (number % 10) as u8);
            number /= 10;
            if number == 0 {
                return;
            }
        }
    }

    #[inline]
    fn append_to(&self, text: &mut String) {
        text.push_str(str::from_utf8(&self.bytes[self.first..]).unwrap_or_default()); // all of it is ASCII
    }
}

impl fmt::Display for SocketName {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketName::Ip(address) => address.fmt(f),
            SocketName::Unix(address) => match (address.as_path(), address.as_abstract_name()) {
                (Some(path), _) => write!(f, "{}", path.escape_ascii()),
                (None, Some(name)) => write!(f, "@{}", name.escape_ascii()),
                (None, None) => f.write_str("unnamed"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    fn described(fd: &impl AsRawFd) -> (&'static str, Option<String>, Option<String>) {
        let Described { kind, local, peer, what } = Described::of(fd.as_raw_fd());
        assert_eq!(what, None);
        (kind, local.map(|name| name.to_string()), peer.map(|name| name.to_string()))
    }

    #[test]
    fn a_socket_is_described_by_its_type_and_its_addresses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap().to_string();
        assert_eq!(described(&listener), ("TcpListener", Some(here.clone()), None));
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let there = client.local_addr().unwrap().to_string();
        let (accepted, _) = listener.accept().unwrap();
        assert_eq!(described(&accepted), ("TcpStream", Some(here.clone()), Some(there.clone())));
        assert_eq!(described(&client), ("TcpStream", Some(there), Some(here)));
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let here = udp.local_addr().unwrap().to_string();
        assert_eq!(described(&udp), ("UdpSocket", Some(here.clone()), None));
        udp.connect("127.0.0.1:9").unwrap();
        assert_eq!(described(&udp), ("UdpSocket", Some(here), Some("127.0.0.1:9".to_owned())));
    }

    #[test]
    fn a_name_is_appended_as_it_is_displayed() {
        let ends = ["0.0.0.0:0", "127.0.0.1:80", "255.255.255.255:65535", "10.100.9.90:1024", "[::1]:443"];
        for text in ends {
            let name = SocketName::Ip(text.parse().unwrap());
            let mut appended = "at ".to_owned();
            name.append_to(&mut appended);
            assert_eq!(appended, format!("at {name}"));
            assert_eq!(appended, format!("at {text}"));
        }
        let mut numbers = String::new();
        append_number(u32::MAX, &mut numbers);
        assert_eq!(numbers, "4294967295");
    }

    #[test]
    fn a_unix_socket_is_described_by_its_type_and_its_path() {
        let folder = std::env::temp_dir().join(format!("egret-describe-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let name = Some(path.to_str().unwrap().to_owned());
        assert_eq!(described(&listener), ("UnixListener", name.clone(), None));
        let client = UnixStream::connect(&path).unwrap();
        assert_eq!(described(&client), ("UnixStream", None, name));
        let (datagram, _other) = UnixDatagram::pair().unwrap();
        assert_eq!(described(&datagram), ("UnixDatagram", None, None));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_no_socket_is_described_by_its_link() {
        let (reader, _writer) = super::super::Backend::current().pipe().unwrap();
        assert_eq!(described(&reader).0, "pipe");
        let file = fs::File::open("/proc/self/comm").unwrap();
        let file = Described::of(file.as_raw_fd());
        assert_eq!(file.kind, "file");
        assert!(file.what.unwrap().ends_with("/comm"));
        assert_eq!(Described::of(-1).kind, "closed");
    }
}
