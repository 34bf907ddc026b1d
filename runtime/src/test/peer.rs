//! [`Peer`]: the other end of a TCP connection, scripted by a test.
//!
//! * Its calls block, which is harmless: the test turns the loop under test.
//! * Each step returns when the other end's kernel has its effect, so the next turn of the loop sees all of it, in
//!   one event where the test wants one.
//! * A step that does not complete within [`PATIENCE`] panics and reports its progress.

use super::expect::{self, PATIENCE, wait, why};
use super::proc_net::{self, ESTABLISHED, FIN_WAIT1, FIN_WAIT2};
use crate::sys::Fd;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// The receive buffer of a stalled peer, in bytes; the kernel doubles it.
///
/// With less than one segment of the loopback device (64 KiB) the kernel drops bytes that an earlier window has
/// allowed, and they come by retransmissions when the peer goes on. With the least that Linux 6.18 allows, 4 MB took
/// 6 minutes; with this they take 20 ms.
const STALLED: u32 = 32 * 1024;

/// The peer of a socket under test: a real TCP connection over the loopback device.
///
/// Steps are done when they return, and panic if they fail. They return the peer, for chaining. `send`,
/// [`oob`](Peer::oob) and [`fin`](Peer::fin) wait until the kernel of the other end has the bytes: the next
/// [`turn`](crate::runtime::Runtime::turn) sees the event.
///
/// ```
/// use egret_runtime::test::Peer;
/// use std::io::{Read, Write};
///
/// let (mut peer, mut stream) = Peer::pair()?;
/// stream.write_all(b"ping")?;
/// peer.expect(b"ping").send(b"pong").fin();
/// let mut answer = Vec::new();
/// stream.read_to_end(&mut answer)?;
/// assert_eq!(answer, b"pong");
/// drop(stream);
/// peer.expect_eof();
/// # std::io::Result::Ok(())
/// ```
///
/// Dropping it closes the connection: the other end sees the end of the stream, or a reset when it has sent bytes
/// that were not read.
pub struct Peer {
    fd: Fd,
    here: SocketAddr,
    there: SocketAddr,
}

impl Peer {
    /// Creates a new connection over the loopback device: the peer, and the end to be tested, still blocking
    /// (`TcpStream::from_std` of `egret::net` changes that).
    ///
    /// # Errors
    ///
    /// Those of `socket(2)`, `bind(2)`, `listen(2)`, `connect(2)` and `accept(2)`.
    pub fn pair() -> io::Result<(Peer, TcpStream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let peer = Peer::connect(listener.local_addr()?)?;
        loop {
            let (stream, from) = listener.accept()?;
            if from == peer.here {
                return Ok((peer, stream));
            }
        }
    }

    /// Connects to a listener under test. It returns before the listener accepts: the kernel completes the handshake.
    ///
    /// # Errors
    ///
    /// Those of `connect(2)`; [`InvalidInput`](ErrorKind::InvalidInput) for an address outside of this machine's
    /// loopback device, where a step could not observe arrival.
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<Peer> {
        Peer::from_std(TcpStream::connect(address)?)
    }

    /// Takes over a connection of the standard library, such as one that a test accepted.
    ///
    /// # Errors
    ///
    /// As [`connect`](Peer::connect).
    pub fn from_std(stream: TcpStream) -> io::Result<Peer> {
        let (here, there) = (stream.local_addr()?, stream.peer_addr()?);
        if !there.ip().is_loopback() {
            let message = "a scripted peer is at the other end of the loopback device";
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Peer { fd: OwnedFd::from(stream).into(), here, there })
    }

    /// Sends these bytes. The other end's kernel has them when this returns.
    ///
    /// # Panics
    ///
    /// When they do not fit in the buffers and are not read for 10 s, or the other end is closed.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) -> &mut Peer {
        self.delivered(bytes.len(), |fd| {
            expect::send(|rest| fd.send(rest), bytes);
            Ok(())
        })
    }

    /// Sends a byte of urgent data, at which the `recv` of the other end stops ([`tcp(7)`]).
    ///
    /// # Panics
    ///
    /// As [`send`](Peer::send).
    ///
    /// [`tcp(7)`]: https://man7.org/linux/man-pages/man7/tcp.7.html
    #[track_caller]
    pub fn oob(&mut self, byte: u8) -> &mut Peer {
        self.delivered(1, |fd| match fd.send_urgent(byte) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("oob: {}", why(&error))),
        })
    }

    /// Ends this direction of the stream. The peer can still receive.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    #[track_caller]
    pub fn fin(&mut self) -> &mut Peer {
        if let Err(error) = self.fd.shutdown(Shutdown::Write) {
            panic!("fin: {}", why(&error));
        }
        wait("fin: the other end has not got it", || {
            // In these states it may have sent a FIN, and has not received one.
            let (_, theirs) = proc_net::ends(self.here, self.there);
            !theirs.is_some_and(|end| matches!(end.state, ESTABLISHED | FIN_WAIT1 | FIN_WAIT2))
        });
        self
    }

    /// Resets the connection: `SO_LINGER` of 0 and a close. The other end first reads what is queued, then gets
    /// `ECONNRESET`, then the end of the stream.
    ///
    /// # Panics
    ///
    /// When the reset does not arrive at the other end's kernel.
    #[track_caller]
    pub fn rst(self) {
        if let Err(error) = self.fd.set_linger(Some(Duration::ZERO)) {
            panic!("rst: {}", why(&error));
        }
        let Peer { fd, here, there } = self;
        drop(fd);
        wait("rst: the other end has not got it", || proc_net::ends(here, there).1.is_none());
    }

    /// Makes the receive buffer small (64 KiB): until the peer [`expect`](Peer::expect)s something, the other end can
    /// write what fits there and in its own send buffer, and then blocks.
    ///
    /// That send buffer is some megabytes by default; `SO_SNDBUF` of the other end reduces it.
    ///
    /// # Panics
    ///
    /// When the kernel refuses.
    #[track_caller]
    pub fn stall(&mut self) -> &mut Peer {
        if let Err(error) = self.fd.set_recv_buffer_size(STALLED) {
            panic!("stall: {}", why(&error));
        }
        self
    }

    /// Receives exactly these bytes.
    ///
    /// # Panics
    ///
    /// When other bytes arrive, or fewer within 10 s; the message shows those received.
    #[track_caller]
    pub fn expect(&mut self, bytes: &[u8]) -> &mut Peer {
        let got = self.receive(bytes.len());
        expect::same(&got, bytes);
        self
    }

    /// Receives exactly `count` bytes.
    ///
    /// # Panics
    ///
    /// When fewer arrive within 10 s.
    #[track_caller]
    pub fn receive(&mut self, count: usize) -> Vec<u8> {
        expect::receive(|buf| self.fd.recv(buf), count)
    }

    /// Asserts that nothing is queued now.
    ///
    /// # Panics
    ///
    /// When something is, or the stream has ended.
    #[track_caller]
    pub fn expect_nothing(&mut self) -> &mut Peer {
        let blocking = |blocking: bool| match self.fd.set_nonblocking(!blocking) {
            Ok(()) => {}
            Err(error) => panic!("expect_nothing: {}", why(&error)),
        };
        blocking(false);
        expect::nothing(|buf| self.fd.peek(buf));
        blocking(true);
        self
    }

    /// Asserts that the other end has ended its direction of the stream, with no byte before.
    ///
    /// # Panics
    ///
    /// On a byte, a reset, or nothing within 10 s.
    #[track_caller]
    pub fn expect_eof(&mut self) -> &mut Peer {
        expect::eof(|buf| self.fd.recv(buf));
        self
    }

    /// Asserts that the other end has reset the connection, with no byte before.
    ///
    /// # Panics
    ///
    /// On a byte, the end of the stream, or nothing within 10 s.
    #[track_caller]
    pub fn expect_reset(&mut self) -> &mut Peer {
        match self.fd.recv(&mut [0; 1]) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self,
            Err(error) => panic!("expect_reset: {}", why(&error)),
            Ok(0) => panic!("expect_reset: the stream has ended without a reset"),
            Ok(_) => panic!("expect_reset: there are bytes before the reset"),
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

    /// Sends, and waits until the other end has as many more bytes.
    ///
    /// If another thread reads them there meanwhile, the acknowledgement tells instead.
    #[track_caller]
    fn delivered(&mut self, count: usize, send: impl FnOnce(&Fd) -> Result<(), String>) -> &mut Peer {
        let before = proc_net::ends(self.here, self.there).1.map_or(0, |theirs| theirs.unread);
        if let Err(problem) = send(&self.fd) {
            panic!("{problem}");
        }
        wait("send: the other end has not got it", || {
            let (ours, theirs) = proc_net::ends(self.here, self.there);
            theirs.is_none_or(|theirs| theirs.unread >= before + count as u64)
                || ours.is_none_or(|ours| ours.unacknowledged == 0)
        });
        self
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Peer {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("addr", &self.here).field("peer", &self.there).finish()
    }
}
