//! Connecting a stream. The steps, all needed to tell a refused connection from an open one:
//!
//! * a non-blocking `connect`;
//! * the registration: before `connect` the socket would report `OUT|HUP`;
//! * wait until it is writable, and read its error (`SO_ERROR`);
//! * ask for the peer's address, because "writable and no error" may also be a spurious edge.

use super::stream::TcpStream;
use crate::addr::{self, ToSocketAddrs};
use egret_runtime::io::{Direction, Site, Start};
use egret_runtime::sys::{Backend, Connect, Domain, Fd, Type};
use std::io;
use std::net::SocketAddr;

impl TcpStream {
    /// Connects to an address.
    ///
    /// If `addr` yields several addresses, they are tried in order until one connects. The kernel decides how long it
    /// tries an address that does not answer (`net.ipv4.tcp_syn_retries`, about two minutes); a
    /// [`Connector`](crate::tcp::Connector) does not wait for it.
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
    /// Dropped before it resolves, the attempt is cancelled and its socket closed.
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
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn connect<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpStream>> {
        Site::caller().within(async move {
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
        })
    }
}

/// Connects an unregistered socket.
#[inline]
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

/// Returns the result of a connection in progress; `WouldBlock` while there is none.
#[inline]
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
