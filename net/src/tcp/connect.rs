//! How a stream is connected.
//!
//! The recipe: a non-blocking `connect`; register the socket, which only now reports what it should (before
//! `connect` it reports `OUT|HUP`); wait until it is writable; ask for its error (`SO_ERROR`); ask for the peer's
//! address, since "writable and no error" is also what a spurious edge looks like. What would go wrong
//! otherwise: a refused connection that is taken for an open one until its first write.

use super::stream::TcpStream;
use crate::addr::{self, ToSocketAddrs};
use egret_runtime::io::{Direction, Start};
use egret_runtime::sys::{Backend, Connect, Domain, Fd, Type};
use std::io;
use std::net::SocketAddr;

impl TcpStream {
    /// Connects to an address.
    ///
    /// Where `addr` stands for several addresses, they are tried in order, each to its end, until one can be
    /// connected. How long an address that does not answer is tried is up to the kernel
    /// (`net.ipv4.tcp_syn_retries`, about two minutes).
    ///
    /// A name is looked up on another thread; see [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// That of the last address tried: [`ConnectionRefused`](io::ErrorKind::ConnectionRefused),
    /// [`TimedOut`](io::ErrorKind::TimedOut), [`NetworkUnreachable`](io::ErrorKind::NetworkUnreachable),
    /// [`HostUnreachable`](io::ErrorKind::HostUnreachable),
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) when no local port is free; others by
    /// [`connect(2)`](https://man7.org/linux/man-pages/man2/connect.2.html), with their errno.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no address to try.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the attempt is given up and its socket closed.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let mut last = None;
        for address in addr::resolve(&addr).await? {
            let socket = Backend::current().socket(Domain::of(&address), Type::Stream);
            let connected = match socket {
                Ok(fd) => connect(fd, &address).await,
                Err(error) => Err(error),
            };
            match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(addr::all_failed(last))
    }
}

/// Connects a socket that nobody has registered yet.
pub(super) async fn connect(fd: Fd, address: &SocketAddr) -> io::Result<TcpStream> {
    match fd.connect(address)? {
        Connect::Established => TcpStream::new(fd, Start::Unknown),
        Connect::InProgress => {
            let stream = TcpStream::new(fd, Start::Empty)?;
            stream.registration().io(Direction::Write, outcome).await?;
            Ok(stream)
        }
    }
}

/// How a connection that was in progress has ended; `WouldBlock` when it has not.
fn outcome(fd: &Fd) -> io::Result<()> {
    if let Some(error) = fd.take_error()? {
        return Err(error);
    }
    match fd.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}
