//! [`UnixPeer`] and [`PipePeer`]: the other end of a Unix stream and of a pipe, scripted by a test.
//!
//! Written bytes are queued for the other end when the system call returns, so no step has to wait for that.

use super::expect;
use crate::sys::{Backend, Fd};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The peer of a Unix stream under test, as [`Peer`](super::Peer) is that of a TCP stream.
///
/// Steps are done when they return, panic if they fail or take 10 s, and return the peer, for chaining.
///
/// ```
/// use egret_runtime::test::UnixPeer;
/// use std::io::{Read, Write};
///
/// let (mut peer, mut stream) = UnixPeer::pair()?;
/// stream.write_all(b"ping")?;
/// peer.expect(b"ping").expect_nothing().send(b"pong").fin();
/// let mut answer = Vec::new();
/// stream.read_to_end(&mut answer)?;
/// assert_eq!(answer, b"pong");
/// drop(stream);
/// peer.expect_eof();
/// # std::io::Result::Ok(())
/// ```
///
/// Dropping it closes the connection: the other end sees the end of the stream, or `ECONNRESET` when it has sent bytes
/// that were not received.
#[derive(Debug)]
pub struct UnixPeer {
    fd: Fd,
}

impl UnixPeer {
    /// Creates a new connection without a name: the peer, and the end to be tested, still blocking
    /// (`UnixStream::from_std` of `egret::net` changes that).
    ///
    /// # Errors
    ///
    /// Those of `socketpair(2)`.
    pub fn pair() -> io::Result<(UnixPeer, UnixStream)> {
        let (peer, stream) = UnixStream::pair()?;
        Ok((UnixPeer::from_std(peer)?, stream))
    }

    /// Connects to a listener under test. It returns before the listener accepts.
    ///
    /// # Errors
    ///
    /// Those of `connect(2)`.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<UnixPeer> {
        UnixPeer::from_std(UnixStream::connect(path)?)
    }

    /// Takes over a connection of the standard library, such as one that a test accepted.
    ///
    /// # Errors
    ///
    /// Those of `fcntl(2)`.
    pub fn from_std(stream: UnixStream) -> io::Result<UnixPeer> {
        stream.set_nonblocking(true)?;
        Ok(UnixPeer { fd: OwnedFd::from(stream).into() })
    }

    /// Sends these bytes. They are queued for the other end when this returns.
    ///
    /// # Panics
    ///
    /// When they do not fit in the buffer and are not read for 10 s, or the other end is closed.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) -> &mut UnixPeer {
        expect::send(|rest| self.fd.send(rest), bytes);
        self
    }

    /// Ends this direction of the stream. The peer can still receive.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    #[track_caller]
    pub fn fin(&mut self) -> &mut UnixPeer {
        if let Err(error) = self.fd.shutdown(Shutdown::Write) {
            panic!("fin: {error}");
        }
        self
    }

    /// Receives exactly these bytes.
    ///
    /// # Panics
    ///
    /// When other bytes arrive, or fewer within 10 s; the message shows those received.
    #[track_caller]
    pub fn expect(&mut self, bytes: &[u8]) -> &mut UnixPeer {
        expect::same(&self.receive(bytes.len()), bytes);
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
    pub fn expect_nothing(&mut self) -> &mut UnixPeer {
        expect::nothing(|buf| self.fd.peek(buf));
        self
    }

    /// Asserts that the other end has ended its direction of the stream, with no byte before.
    ///
    /// # Panics
    ///
    /// On a byte, an error, or nothing within 10 s.
    #[track_caller]
    pub fn expect_eof(&mut self) -> &mut UnixPeer {
        expect::eof(|buf| self.fd.recv(buf));
        self
    }
}

/// The peer of a pipe under test: it has the end that the program does not have.
///
/// Steps are done when they return, panic if they fail or take 10 s, and return the peer, for chaining.
///
/// ```
/// use egret_runtime::test::PipePeer;
/// use std::io::{Read, Write};
///
/// let (mut peer, end) = PipePeer::of_receiver()?;
/// peer.send(b"line");
/// drop(peer); // the end of the pipe
/// let mut read = String::new();
/// std::fs::File::from(end).read_to_string(&mut read)?;
/// assert_eq!(read, "line");
///
/// let (mut peer, end) = PipePeer::of_sender()?;
/// std::fs::File::from(end).write_all(b"line")?; // and closes it
/// peer.expect(b"line").expect_eof();
/// # std::io::Result::Ok(())
/// ```
///
/// Dropping it closes its end: a program that reads sees the end of the pipe, and one that writes gets `EPIPE`.
#[derive(Debug)]
pub struct PipePeer {
    fd: Fd,
}

impl PipePeer {
    /// Creates a new pipe, for a program that reads: the peer writes. The descriptor does not block
    /// (`pipe::Receiver::from_owned_fd` of `egret::net::unix`).
    ///
    /// # Errors
    ///
    /// Those of `pipe2(2)`.
    pub fn of_receiver() -> io::Result<(PipePeer, OwnedFd)> {
        let (read, write) = Backend::current().pipe()?;
        Ok((PipePeer { fd: write }, read.into()))
    }

    /// Creates a new pipe, for a program that writes: the peer reads. The descriptor does not block
    /// (`pipe::Sender::from_owned_fd` of `egret::net::unix`).
    ///
    /// # Errors
    ///
    /// Those of `pipe2(2)`.
    pub fn of_sender() -> io::Result<(PipePeer, OwnedFd)> {
        let (read, write) = Backend::current().pipe()?;
        Ok((PipePeer { fd: read }, write.into()))
    }

    /// Writes these bytes. They are in the pipe when this returns.
    ///
    /// # Panics
    ///
    /// When they do not fit and are not read for 10 s, the other end is closed, or this peer is
    /// [`of_sender`](PipePeer::of_sender).
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) -> &mut PipePeer {
        expect::send(|rest| self.fd.write(rest), bytes);
        self
    }

    /// Reads exactly these bytes.
    ///
    /// # Panics
    ///
    /// When other bytes are in the pipe, or fewer within 10 s (the message shows those received), or this peer is
    /// [`of_receiver`](PipePeer::of_receiver).
    #[track_caller]
    pub fn expect(&mut self, bytes: &[u8]) -> &mut PipePeer {
        expect::same(&self.receive(bytes.len()), bytes);
        self
    }

    /// Reads exactly `count` bytes.
    ///
    /// # Panics
    ///
    /// When fewer are in the pipe within 10 s, or this peer is [`of_receiver`](PipePeer::of_receiver).
    #[track_caller]
    pub fn receive(&mut self, count: usize) -> Vec<u8> {
        expect::receive(|buf| self.fd.read(buf), count)
    }

    /// Asserts that the pipe is empty now.
    ///
    /// # Panics
    ///
    /// When it is not, its other end is closed, or this peer is [`of_receiver`](PipePeer::of_receiver).
    #[track_caller]
    pub fn expect_nothing(&mut self) -> &mut PipePeer {
        expect::nothing(|buf| self.fd.read(buf));
        self
    }

    /// Asserts that the other end is closed and the pipe empty.
    ///
    /// # Panics
    ///
    /// On a byte, or nothing within 10 s, or when this peer is [`of_receiver`](PipePeer::of_receiver).
    #[track_caller]
    pub fn expect_eof(&mut self) -> &mut PipePeer {
        expect::eof(|buf| self.fd.read(buf));
        self
    }
}

impl AsFd for UnixPeer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for UnixPeer {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for PipePeer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for PipePeer {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
