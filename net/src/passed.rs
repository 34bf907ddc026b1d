//! Sockets that the supervisor has opened: `from_env` of each type.

use crate::listener::Listener;
use crate::udp::socket::UdpSocket;
use crate::unix::datagram::UnixDatagram;
use crate::{TcpListener, UnixListener};
use egret_runtime::service;
use egret_runtime::sys::{Domain, SocketKind, Type};
use std::io;
use std::os::fd::OwnedFd;

/// The descriptors that a type takes.
struct Wanted {
    name: &'static str,
    domains: &'static [Domain],
    kind: Type,
    listens: bool,
}

impl Wanted {
    /// Takes the descriptor of this name, if it is what is wanted.
    #[inline]
    fn take(&self, name: &str) -> io::Result<OwnedFd> {
        let fd = service::take_passed_if(name, |fd| match fd.socket_kind() {
            Ok(kind) if self.is(&kind) => Ok(()),
            Ok(kind) => Err(format!("is {}, not {}", describe(&kind), self.name)),
            Err(_) => Err(format!("is no socket, and so not {}", self.name)),
        })?;
        Ok(fd.into())
    }

    #[inline]
    fn is(&self, kind: &SocketKind) -> bool {
        let SocketKind { domain, kind, listens } = *kind;
        domain.is_some_and(|domain| self.domains.contains(&domain))
            && kind == Some(self.kind)
            && listens == self.listens
    }
}

#[inline]
fn describe(kind: &SocketKind) -> String {
    let family = match kind.domain {
        Some(Domain::V4 | Domain::V6) => "an IP",
        Some(Domain::Unix) => "a Unix",
        None => "a foreign",
    };
    let (kind, listens) = match (kind.kind, kind.listens) {
        (Some(Type::Stream), listens) => ("stream socket", Some(listens)),
        (Some(Type::SeqPacket), listens) => ("packet socket", Some(listens)),
        (Some(Type::Datagram), _) => ("datagram socket", None),
        (None, _) => ("socket of another type", None),
    };
    let listens = match listens {
        Some(true) => " that listens",
        Some(false) => " that does not listen",
        None => "",
    };
    format!("{family} {kind}{listens}")
}

const IP: &[Domain] = &[Domain::V4, Domain::V6];
const UNIX: &[Domain] = &[Domain::Unix];

impl TcpListener {
    /// Takes the listener of this name from the supervisor: systemd's `FileDescriptorName=`, or the name of the socket
    /// unit. See [`service::passed`] for all names. Clients that came before are in its queue.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when the supervisor has passed none of this name, or it was taken before;
    /// [`InvalidData`](io::ErrorKind::InvalidData) when it is not a TCP socket that listens, or the variables lie: the
    /// message says what is wrong. It stays where it is then. Those of `epoll_ctl(2)`.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::TcpListener;
    /// use std::io::ErrorKind;
    ///
    /// let listener = match TcpListener::from_env("http") {
    ///     Err(error) if error.kind() == ErrorKind::NotFound => TcpListener::bind("127.0.0.1:0").await?,
    ///     listener => listener?,
    /// };
    /// # drop(listener);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[inline]
    pub fn from_env(name: &str) -> io::Result<TcpListener> {
        let wanted = Wanted { name: "a TCP listener", domains: IP, kind: Type::Stream, listens: true };
        Listener::from_std(wanted.take(name)?.into())
    }
}

impl UnixListener {
    /// Takes the listener of this name from the supervisor.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::from_env`].
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_env(name: &str) -> io::Result<UnixListener> {
        let wanted = Wanted { name: "a Unix listener", domains: UNIX, kind: Type::Stream, listens: true };
        Listener::from_std(wanted.take(name)?.into())
    }
}

impl UdpSocket {
    /// Takes the socket of this name from the supervisor.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::from_env`].
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_env(name: &str) -> io::Result<UdpSocket> {
        let wanted = Wanted { name: "a UDP socket", domains: IP, kind: Type::Datagram, listens: false };
        UdpSocket::from_std(wanted.take(name)?.into())
    }
}

impl UnixDatagram {
    /// Takes the socket of this name from the supervisor.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::from_env`].
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn from_env(name: &str) -> io::Result<UnixDatagram> {
        let wanted =
            Wanted { name: "a Unix datagram socket", domains: UNIX, kind: Type::Datagram, listens: false };
        UnixDatagram::from_std(wanted.take(name)?.into())
    }
}
