//! Two descriptors of every kind, and what is between them.

use super::errno::said;
use super::kernel::Kernel;
use egret_runtime::sys::{Backend, Domain, Fd, Type, UnixAddress};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Two ends and what is between them.
pub struct Pair {
    pub name: &'static str,
    pub reader: Fd,
    pub writer: Fd,
    /// Read and written by `read` and `write`, not by `recv` and `send`.
    is_file: bool,
}

impl Pair {
    fn new(name: &'static str, (reader, writer): (Fd, Fd)) -> Pair {
        Pair { name, reader, writer, is_file: false }
    }

    /// Up to `len` bytes.
    pub fn read(&self, len: usize) -> Result<Vec<u8>, String> {
        let mut buf = vec![0; len];
        let n = if self.is_file { self.reader.read(&mut buf) } else { self.reader.recv(&mut buf) };
        said(n).map(|n| buf[..n].to_vec())
    }

    pub fn write(&self, bytes: &[u8]) -> Result<usize, String> {
        said(if self.is_file { self.writer.write(bytes) } else { self.writer.send(bytes) })
    }
}

/// Byte streams.
pub fn streams(kernel: &dyn Kernel) -> Vec<Pair> {
    vec![tcp(kernel), unix(Type::Stream), pipe()]
}

/// Descriptors that return one message per read.
pub fn messages(kernel: &dyn Kernel) -> Vec<Pair> {
    vec![udp(kernel), unix(Type::Datagram), unix(Type::SeqPacket)]
}

/// A connection over loopback with `TCP_NODELAY`.
pub fn tcp(kernel: &dyn Kernel) -> Pair {
    let listener = tcp_listener(8);
    let client = tcp_socket();
    let _ = client.connect(&listener.local_addr().unwrap()).unwrap();
    kernel.settle();
    let (server, _) = listener.accept().unwrap();
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    Pair::new("TCP", (server, client))
}

pub fn tcp_socket() -> Fd {
    Backend::current().socket(Domain::V4, Type::Stream).unwrap()
}

pub fn tcp_listener(backlog: u32) -> Fd {
    let listener = tcp_socket();
    listener.bind(&any_port()).unwrap();
    listener.listen(backlog).unwrap();
    listener
}

pub fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

pub fn udp(kernel: &dyn Kernel) -> Pair {
    let [reader, writer] = [(); 2].map(|()| {
        let socket = Backend::current().socket(Domain::V4, Type::Datagram).unwrap();
        socket.bind(&any_port()).unwrap();
        socket
    });
    let _ = writer.connect(&reader.local_addr().unwrap()).unwrap();
    let _ = reader.connect(&writer.local_addr().unwrap()).unwrap();
    kernel.settle();
    Pair::new("UDP", (reader, writer))
}

/// A socketpair.
pub fn unix(kind: Type) -> Pair {
    let name = match kind {
        Type::Stream => "Unix stream",
        Type::Datagram => "Unix datagram",
        Type::SeqPacket => "Unix seqpacket",
    };
    Pair::new(name, Backend::current().socket_pair(kind).unwrap())
}

pub fn pipe() -> Pair {
    let (reader, writer) = Backend::current().pipe().unwrap();
    Pair { is_file: true, ..Pair::new("pipe", (reader, writer)) }
}

pub fn unix_socket(kind: Type) -> Fd {
    Backend::current().socket(Domain::Unix, kind).unwrap()
}

/// A unique abstract address.
pub fn unix_name() -> UnixAddress {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("egret conformance {} {number}", std::process::id());
    UnixAddress::from_abstract_name(name.as_bytes()).unwrap()
}

pub fn unix_listener(kind: Type, backlog: u32) -> (Fd, UnixAddress) {
    let (listener, name) = (unix_socket(kind), unix_name());
    listener.bind_unix(&name).unwrap();
    listener.listen(backlog).unwrap();
    (listener, name)
}

/// Writes until there is no room; returns the number of bytes.
pub fn fill(pair: &Pair, piece: usize) -> usize {
    let piece = vec![b'x'; piece];
    let mut written = 0;
    loop {
        match pair.write(&piece) {
            Ok(n) => written += n,
            Err(errno) => {
                assert_eq!(errno, "EAGAIN", "{}", pair.name);
                return written;
            }
        }
    }
}

/// Reads until there is nothing, `piece` bytes at a time; returns the number of bytes.
pub fn drain(pair: &Pair, piece: usize) -> usize {
    let mut read = 0;
    loop {
        match pair.read(piece) {
            Ok(bytes) if bytes.is_empty() => return read,
            Ok(bytes) => read += bytes.len(),
            Err(errno) => {
                assert_eq!(errno, "EAGAIN", "{}", pair.name);
                return read;
            }
        }
    }
}
