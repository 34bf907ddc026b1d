//! [`SimDescriptor`]: the calls on one simulated descriptor, each with the contract of its namesake in `sys/linux`.

use super::file::Object;
use super::kernel::{FileId, Kernel};
use super::trace::Outcome;
use super::unix::{UnixKind, UnixReceived};
use super::world::{World, current, program};
use crate::sys::linux::{self, Access, Connect, Domain, Type, UnixAddress};
use crate::sys::mask;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{OwnedFd, RawFd};
use std::rc::Rc;

/// A descriptor of this thread's simulation.
pub(crate) struct SimDescriptor {
    pub(super) world: Rc<World>,
    pub(super) file: FileId,
}

/// The kind of a file, for calls that several kinds share.
enum SocketFamily {
    Tcp,
    Udp,
    Unix,
    Other,
}

fn length(bytes: &[u8]) -> Outcome {
    Outcome::Value(bytes.len() as u64)
}

fn count(n: &usize) -> Outcome {
    Outcome::Value(*n as u64)
}

fn done<T>(_: &T) -> Outcome {
    Outcome::Done
}

/// Creates a new socket of the current program; `None` without one, for a real socket.
pub(crate) fn socket(domain: Domain, kind: Type) -> Option<io::Result<OwnedFd>> {
    let world = program()?;
    let open = |kernel: &mut Kernel| match (domain, kind) {
        (Domain::Unix, kind) => kernel.unix_open(boundaries(kind)),
        (_, Type::Stream) => kernel.tcp_open(domain == Domain::V6),
        (_, Type::Datagram) => kernel.udp_open(domain == Domain::V6),
        (_, Type::SeqPacket) => Err(libc::ESOCKTNOSUPPORT),
    };
    let opened = world.call("socket", None, open, |file| Outcome::Value((*file).into()));
    Some(opened.and_then(|file| world.name(file)))
}

fn boundaries(kind: Type) -> UnixKind {
    match kind {
        Type::Stream => UnixKind::Stream,
        Type::Datagram => UnixKind::Datagram,
        Type::SeqPacket => UnixKind::Sequence,
    }
}

/// Creates an eventfd.
pub(crate) fn counter() -> Option<io::Result<OwnedFd>> {
    let world = program()?;
    let open = |kernel: &mut Kernel| {
        kernel.check_limit()?;
        Ok(kernel.open(Object::Counter(Default::default())))
    };
    let opened = world.call("eventfd", None, open, |file| Outcome::Value((*file).into()));
    Some(opened.and_then(|file| world.name(file)))
}

impl SimDescriptor {
    /// Returns the descriptor with this number, if it belongs to this thread's world.
    pub(crate) fn at(number: RawFd) -> Option<SimDescriptor> {
        let world = current()?;
        let file = world.ask(|kernel| kernel.file_of(number)).ok()?;
        Some(SimDescriptor { world, file })
    }

    pub(crate) fn bind(&self, address: &SocketAddr) -> io::Result<()> {
        let call = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Udp => kernel.udp_bind(self.file, *address),
            _ => kernel.tcp_bind(self.file, *address),
        };
        self.world.call("bind", Some(self.file), call, |()| Outcome::Text(address.to_string().into()))
    }

    fn what_in(&self, kernel: &Kernel) -> SocketFamily {
        match kernel.file(self.file).map(|file| &file.object) {
            Some(Object::Tcp(_) | Object::Listener(_)) => SocketFamily::Tcp,
            Some(Object::Datagrams(_)) => SocketFamily::Udp,
            Some(Object::Unix(_)) => SocketFamily::Unix,
            _ => SocketFamily::Other,
        }
    }

    pub(crate) fn listen(&self, backlog: u32) -> io::Result<()> {
        let call = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Unix => kernel.unix_listen(self.file, backlog),
            _ => kernel.tcp_listen(self.file, backlog),
        };
        self.world.call("listen", Some(self.file), call, done)
    }

    pub(crate) fn connect(&self, address: &SocketAddr) -> io::Result<Connect> {
        let call = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Udp => kernel.udp_connect(self.file, *address).map(|()| Connect::Established),
            _ => kernel.tcp_connect(self.file, *address),
        };
        self.world.call("connect", Some(self.file), call, |_| Outcome::Text(address.to_string().into()))
    }

    pub(crate) fn accept(&self) -> io::Result<(OwnedFd, SocketAddr)> {
        linux::stepping_over_the_dead(|| {
            let value = |accepted: &(FileId, SocketAddr)| Outcome::Value(accepted.0.into());
            let call = |kernel: &mut Kernel| kernel.tcp_accept(self.file);
            let (file, peer) = self.world.interruptible("accept", Some(self.file), call, value)?;
            Ok((self.world.name(file)?, peer))
        })
    }

    pub(crate) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.receive("recv", buf.len(), false)?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    pub(crate) fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.receive("peek", buf.len(), true)?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// Receives up to `len` bytes.
    pub(crate) fn receive(&self, name: &'static str, len: usize, peek: bool) -> io::Result<Vec<u8>> {
        let call = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Tcp => kernel.tcp_recv(self.file, len, peek),
            SocketFamily::Udp => kernel.udp_recv(self.file, len, peek).map(|(bytes, _)| bytes),
            SocketFamily::Unix => kernel.unix_recv_bytes(self.file, len, peek),
            SocketFamily::Other => Err(libc::ENOTSOCK),
        };
        self.world.interruptible(name, Some(self.file), call, |bytes| length(bytes))
    }

    pub(crate) fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.transmit("send", buf, false)
    }

    /// Sends, and makes the last byte urgent when `urgent` is set.
    pub(crate) fn transmit(&self, name: &'static str, buf: &[u8], urgent: bool) -> io::Result<usize> {
        let call = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Tcp => kernel.tcp_send(self.file, buf, urgent),
            SocketFamily::Udp => kernel.udp_send(self.file, buf, None),
            SocketFamily::Unix => kernel.unix_send(self.file, buf, None, Default::default()),
            SocketFamily::Other => Err(libc::ENOTSOCK),
        };
        self.world.interruptible(name, Some(self.file), call, count)
    }

    /// More bytes than a send takes: what is beyond them is left out of a gathered buffer.
    pub(crate) fn most_sent(&self) -> usize {
        self.world.ask(|kernel| match kernel.file(self.file).map(|file| &file.object) {
            Some(Object::Tcp(tcp)) => tcp.send_buffer.saturating_add(1),
            _ => usize::MAX,
        })
    }

    /// Returns whether no more bytes are taken, by the state of `poll(2)`.
    pub(crate) fn is_hung_up(&self) -> io::Result<bool> {
        let (state, is_pipe) = self.world.ask(|kernel| {
            let is_pipe = matches!(kernel.file(self.file).map(|file| &file.object), Some(Object::Pipe(_)));
            (kernel.state(self.file), is_pipe)
        });
        let hung_up = state & mask::HUP != 0;
        if state & mask::ERR != 0 && (hung_up || is_pipe) {
            return Err(io::Error::from_raw_os_error(libc::EPIPE));
        }
        Ok(hung_up)
    }

    /// Returns how many bytes the peer has not taken; for TCP, not acknowledged.
    pub(crate) fn unsent(&self) -> io::Result<usize> {
        let unsent = self.world.ask(|kernel| kernel.unsent(self.file));
        unsent.map_err(io::Error::from_raw_os_error)
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let call = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Unix => kernel.unix_shutdown(self.file, how),
            _ => kernel.tcp_shutdown(self.file, how),
        };
        self.world.call("shutdown", Some(self.file), call, done)
    }

    fn names(&self) -> io::Result<(SocketAddr, Option<SocketAddr>)> {
        let names = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Tcp => kernel.tcp_names(self.file),
            SocketFamily::Udp => kernel.udp_names(self.file),
            SocketFamily::Unix => Err(libc::EAFNOSUPPORT),
            SocketFamily::Other => Err(libc::ENOTSOCK),
        };
        self.world.ask(names).map_err(io::Error::from_raw_os_error)
    }

    /// Returns its description, for a dump: the kind, and the addresses of an IP socket.
    #[cfg(feature = "inspect")]
    pub(crate) fn describe(&self) -> linux::Described {
        let kind = self.world.ask(|kernel| match kernel.file(self.file).map(|file| &file.object) {
            Some(Object::Tcp(_)) => "TcpStream",
            Some(Object::Listener(_)) => "TcpListener",
            Some(Object::Datagrams(_)) => "UdpSocket",
            Some(Object::Unix(_)) => "Unix socket",
            _ => "descriptor",
        });
        let (local, peer) = self.names().map_or((None, None), |(local, peer)| (Some(local), peer));
        let name = |address: Option<SocketAddr>| address.map(linux::SocketName::Ip);
        linux::Described { local: name(local), peer: name(peer), ..linux::Described::new(kind) }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.names()?.0)
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.names()?.1.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOTCONN))
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let call = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Tcp => kernel.tcp_error(self.file),
            SocketFamily::Udp => kernel.udp_error(self.file),
            SocketFamily::Unix => kernel.unix_error(self.file),
            SocketFamily::Other => Err(libc::ENOTSOCK),
        };
        let errno = self.world.call("SO_ERROR", Some(self.file), call, |errno| match errno {
            0 => Outcome::Done,
            errno => Outcome::Error(*errno),
        })?;
        Ok((errno != 0).then(|| io::Error::from_raw_os_error(errno)))
    }

    /// Returns the directions of an end of a pipe; both of any other file.
    pub(crate) fn access(&self) -> io::Result<Access> {
        Ok(self.world.ask(|kernel| match kernel.file(self.file).map(|file| &file.object) {
            Some(Object::Pipe(pipe)) => pipe.access(),
            _ => Access { read: true, write: true },
        }))
    }

    pub(crate) fn recv_from(&self, buf: &mut [u8], peek: bool) -> io::Result<(usize, SocketAddr)> {
        let call = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Udp => kernel.udp_recv(self.file, buf.len(), peek),
            _ => Err(libc::ENOTSOCK),
        };
        let value = |received: &(Vec<u8>, SocketAddr)| length(&received.0);
        let (bytes, from) = self.world.interruptible("recvfrom", Some(self.file), call, value)?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok((bytes.len(), from))
    }

    pub(crate) fn send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize> {
        let call = |kernel: &mut Kernel| match self.what_in(kernel) {
            SocketFamily::Udp => kernel.udp_send(self.file, buf, Some(to)),
            _ => Err(libc::ENOTSOCK),
        };
        self.world.interruptible("sendto", Some(self.file), call, count)
    }

    /// `read(2)`, of a pipe or an eventfd.
    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let call = |kernel: &mut Kernel| match kernel.file(self.file).map(|file| &file.object) {
            Some(Object::Counter(_)) if buf.len() < 8 => Err(libc::EINVAL),
            Some(Object::Counter(_)) => Ok(kernel.counter_read(self.file)?.to_ne_bytes().to_vec()),
            Some(Object::Pipe(_)) => kernel.pipe_read(self.file, buf.len()),
            _ => Err(libc::EINVAL),
        };
        let bytes = self.world.interruptible("read", Some(self.file), call, |bytes| length(bytes))?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// `write(2)`, to a pipe or an eventfd.
    pub(crate) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let call = |kernel: &mut Kernel| match kernel.file(self.file).map(|file| &file.object) {
            Some(Object::Counter(_)) => {
                let value = buf.try_into().map_err(|_| libc::EINVAL)?;
                kernel.counter_write(self.file, u64::from_ne_bytes(value))
            }
            Some(Object::Pipe(_)) => kernel.pipe_write(self.file, buf),
            _ => Err(libc::EINVAL),
        };
        self.world.interruptible("write", Some(self.file), call, count)
    }

    pub(crate) fn bind_unix(&self, address: &UnixAddress) -> io::Result<()> {
        let call = |kernel: &mut Kernel| kernel.unix_bind(self.file, address.bytes());
        self.world.call("bind", Some(self.file), call, done)
    }

    pub(crate) fn connect_unix(&self, address: &UnixAddress) -> io::Result<()> {
        let call = |kernel: &mut Kernel| kernel.unix_connect(self.file, address.bytes());
        self.world.call("connect", Some(self.file), call, done)
    }

    pub(crate) fn accept_unix(&self) -> io::Result<(OwnedFd, UnixAddress)> {
        let value = |accepted: &(FileId, Vec<u8>)| Outcome::Value(accepted.0.into());
        let call = |kernel: &mut Kernel| kernel.unix_accept(self.file);
        let (file, peer) = self.world.interruptible("accept", Some(self.file), call, value)?;
        Ok((self.world.name(file)?, unix_address(&peer)))
    }

    fn unix_names(&self) -> io::Result<(Vec<u8>, Option<Vec<u8>>)> {
        self.world.ask(|kernel| kernel.unix_names(self.file)).map_err(io::Error::from_raw_os_error)
    }

    pub(crate) fn local_addr_unix(&self) -> io::Result<UnixAddress> {
        Ok(unix_address(&self.unix_names()?.0))
    }

    pub(crate) fn peer_addr_unix(&self) -> io::Result<UnixAddress> {
        let name = self.unix_names()?.1.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOTCONN))?;
        Ok(unix_address(&name))
    }

    pub(crate) fn recv_from_unix(&self, buf: &mut [u8]) -> io::Result<(usize, UnixAddress)> {
        let call = |kernel: &mut Kernel| kernel.unix_recv(self.file, buf.len(), false);
        let value = |received: &UnixReceived| length(&received.bytes);
        let UnixReceived { bytes, from, files, .. } =
            self.world.interruptible("recvfrom", Some(self.file), call, value)?;
        files.into_iter().for_each(|passed| self.world.ask(|kernel| kernel.release(passed)));
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok((bytes.len(), unix_address(&from)))
    }

    pub(crate) fn send_to_unix(&self, buf: &[u8], to: &UnixAddress) -> io::Result<usize> {
        let call =
            |kernel: &mut Kernel| kernel.unix_send(self.file, buf, Some(to.bytes()), Default::default());
        self.world.interruptible("sendto", Some(self.file), call, count)
    }

    /// One write to an eventfd; `None` for any other file.
    pub(crate) fn notify(&self, number: RawFd) -> Option<io::Result<()>> {
        let notified = self.world.ask(|kernel| kernel.eventfd_notify(number))?;
        Some(notified.map_err(io::Error::from_raw_os_error))
    }
}

pub(super) fn unix_address(name: &[u8]) -> UnixAddress {
    let address = match name {
        [] => None,
        [0, name @ ..] => UnixAddress::from_abstract_name(name),
        path => UnixAddress::from_path(path),
    };
    address.unwrap_or(UnixAddress::UNNAMED)
}

/// Returns the two ends of a `socketpair(2)`.
pub(crate) fn socket_pair(kind: Type) -> Option<io::Result<(OwnedFd, OwnedFd)>> {
    pair("socketpair", |kernel| kernel.unix_pair(boundaries(kind)))
}

/// Returns the reader and the writer of a pipe.
pub(crate) fn pipe() -> Option<io::Result<(OwnedFd, OwnedFd)>> {
    pair("pipe", |kernel| kernel.pipe_open(false))
}

fn pair(
    name: &'static str,
    make: impl FnOnce(&mut Kernel) -> Result<(FileId, FileId), i32>,
) -> Option<io::Result<(OwnedFd, OwnedFd)>> {
    let world = program()?;
    let made = world.call(name, None, make, |(one, _)| Outcome::Value((*one).into()));
    Some(made.and_then(|(one, other)| Ok((world.name(one)?, world.name(other)?))))
}
