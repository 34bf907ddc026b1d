//! [`UdpPeer`]: the other end of a UDP socket, scripted by a test.

use super::expect::{self, PATIENCE, wait, why};
use super::proc_net;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// The peer of a UDP socket under test, over the loopback device, as [`Peer`](super::Peer) is that of a TCP stream.
///
/// Steps are done when they return, panic if they fail or take 10 s, and return the peer, for chaining.
/// [`send`](UdpPeer::send) waits until the datagram is in the queue of the other socket.
///
/// ```
/// use egret_runtime::test::UdpPeer;
///
/// let (mut peer, socket) = UdpPeer::pair()?;
/// peer.send(b"ping").send(b"");
/// let mut buffer = [0; 16];
/// let (n, from) = socket.recv_from(&mut buffer)?;
/// assert_eq!((&buffer[..n], from), (&b"ping"[..], peer.local_addr()));
/// assert_eq!(socket.recv_from(&mut buffer)?.0, 0); // an empty datagram is one
/// socket.send_to(b"pong", from)?;
/// peer.expect(b"pong").expect_nothing();
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct UdpPeer {
    socket: UdpSocket,
    here: SocketAddr,
    there: SocketAddr,
}

impl UdpPeer {
    /// Creates a peer, and the socket to be tested, bound to a port of the loopback device, not connected, and still
    /// blocking (`UdpSocket::from_std` of `egret::net` changes that).
    ///
    /// # Errors
    ///
    /// Those of `socket(2)` and `bind(2)`.
    pub fn pair() -> io::Result<(UdpPeer, UdpSocket)> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok((UdpPeer::connect(socket.local_addr()?)?, socket))
    }

    /// Creates the peer of a socket under test with this address. It gets no datagrams of other sockets.
    ///
    /// # Errors
    ///
    /// Those of `socket(2)`, `bind(2)` and `connect(2)`; [`InvalidInput`](ErrorKind::InvalidInput) for an address outside of
    /// this machine's loopback device, where a step could not observe arrival.
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<UdpPeer> {
        let there = address.to_socket_addrs()?.find(|address| address.ip().is_loopback());
        let Some(there) = there else {
            let message = "a scripted peer is at the other end of the loopback device";
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        };
        let socket = match there {
            SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
            SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::LOCALHOST, 0))?,
        };
        socket.connect(there)?;
        socket.set_nonblocking(true)?;
        let here = socket.local_addr()?;
        Ok(UdpPeer { socket, here, there })
    }

    /// Sends a datagram. It is in the queue of the other socket when this returns.
    ///
    /// # Panics
    ///
    /// When it is too long; when there is no socket at the other address; and when it does not arrive: the queue is full, or
    /// another thread takes from it at the same time.
    #[track_caller]
    pub fn send(&mut self, datagram: &[u8]) -> &mut UdpPeer {
        let queued = || proc_net::queued(self.there, self.here);
        let before = queued().unwrap_or(0);
        if let Err(error) = expect::retried(|| self.socket.send(datagram)) {
            panic!("send: {}", why(&error));
        }
        wait("send: the other end has not got the datagram", || match queued() {
            Some(now) => now > before,
            None => panic!("send: no socket has the address {}", self.there),
        });
        self
    }

    /// Receives a datagram with exactly these bytes.
    ///
    /// # Panics
    ///
    /// When another one arrives, or none within 10 s.
    #[track_caller]
    pub fn expect(&mut self, datagram: &[u8]) -> &mut UdpPeer {
        expect::same(&self.receive(), datagram);
        self
    }

    /// Receives a datagram.
    ///
    /// # Panics
    ///
    /// When none arrives within 10 s.
    #[track_caller]
    pub fn receive(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 1 << 16];
        match expect::retried(|| self.socket.recv(&mut buffer)) {
            Ok(n) => buffer.truncate(n),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("expect: no datagram within {PATIENCE:?}")
            }
            Err(error) => panic!("expect: {error}"),
        }
        buffer
    }

    /// Asserts that no datagram is queued now.
    ///
    /// # Panics
    ///
    /// When one is; the message shows it.
    #[track_caller]
    pub fn expect_nothing(&mut self) -> &mut UdpPeer {
        let mut buffer = [0; 65];
        match self.socket.recv(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => self,
            Err(error) => panic!("expect_nothing: {error}"),
            Ok(n) => panic!("expect_nothing: there is a datagram: {}", expect::excerpt(&buffer[..n], 0)),
        }
    }

    /// Returns the address of this end.
    pub fn local_addr(&self) -> SocketAddr {
        self.here
    }

    /// Returns the address of the other end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.there
    }
}

impl AsFd for UdpPeer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for UdpPeer {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
