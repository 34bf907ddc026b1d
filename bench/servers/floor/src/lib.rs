//! The practical limit: one thread, edge-triggered epoll, a state machine written by hand, no futures.
//!
//! What it leaves out, and a runtime cannot: tasks, wakers, timers, wakes from other threads, fairness between
//! connections (a connection is read until it is dry). So a runtime's distance from it is the price of those.
//!
//! Connections live in a table indexed by descriptor. That is sound because a batch from `epoll_wait` names a
//! descriptor at most once and only a connection's own event closes it, so no event of the batch can reach a
//! connection accepted under a number that the same batch freed.

mod sys;

use server_common::{BUFFER, Options, announce, fail};
use std::io::{ErrorKind, Result};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use sys::{Epoll, Received};

/// What the server says back.
pub trait Protocol {
    /// Answers every whole request in `input`.
    fn answer<'a>(&'a mut self, input: &'a [u8]) -> Answer<'a>;
}

/// A protocol's answer to some input.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Bytes to send.
    pub output: &'a [u8],
    /// Bytes at the front of the input that are dealt with.
    pub consumed: usize,
    /// Whether to close once the output is sent.
    pub close: bool,
}

/// A connection. Both vectors are empty between requests and then hold no memory.
struct Connection {
    fd: OwnedFd,
    /// The start of a request whose end has not arrived.
    unread: Vec<u8>,
    /// The end of an answer that the socket did not take. While there is some, nothing is read.
    unsent: Vec<u8>,
    /// Close when `unsent` has been sent.
    closing: bool,
}

#[derive(PartialEq, Eq)]
#[must_use]
enum Next {
    Keep,
    Close,
}

/// Listens where the arguments say and serves for ever.
pub fn run(protocol: impl Protocol) {
    let options = Options::from_args();
    options.check_flavour(&[]);
    if let Err(error) = listen(&options, protocol) {
        fail("the server failed", error);
    }
}

fn listen(options: &Options, protocol: impl Protocol) -> Result<()> {
    let listener = std::net::TcpListener::bind(options.addr)?;
    announce(listener.local_addr()?);
    serve(listener, protocol)
}

/// Serves a listener for ever, on this thread.
pub fn serve(listener: std::net::TcpListener, mut protocol: impl Protocol) -> Result<()> {
    listener.set_nonblocking(true)?;
    let mut epoll = Epoll::new()?;
    epoll.add(listener.as_raw_fd())?;

    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = epoll.wait()?;
        for index in 0..count {
            let (fd, mask) = epoll.event(index);
            if fd == listener.as_raw_fd() {
                accept_all(fd, &epoll, &mut connections)?;
                continue;
            }
            let Some(Some(connection)) = connections.get_mut(fd as usize) else {
                continue;
            };
            if turn(connection, mask, &mut buffer, &mut protocol) == Next::Close {
                connections[fd as usize] = None;
            }
        }
    }
}

fn accept_all(listener: RawFd, epoll: &Epoll, connections: &mut Vec<Option<Connection>>) -> Result<()> {
    while let Some(fd) = sys::accept(listener)? {
        // Registered once, for both directions, for as long as it lives.
        epoll.add(fd.as_raw_fd())?;
        let stream = std::net::TcpStream::from(fd);
        stream.set_nodelay(true)?;
        let fd = OwnedFd::from(stream);
        let slot = fd.as_raw_fd() as usize;
        if connections.len() <= slot {
            connections.resize_with(slot + 1, || None);
        }
        connections[slot] = Some(Connection { fd, unread: Vec::new(), unsent: Vec::new(), closing: false });
    }
    Ok(())
}

/// One event of one connection.
fn turn(connection: &mut Connection, mask: u32, buffer: &mut [u8], protocol: &mut impl Protocol) -> Next {
    // Once any of these was seen, a short read no longer says that the socket is dry, and no other edge comes.
    let mut until_dry = mask & sys::UNTIL_DRY != 0;
    if !connection.unsent.is_empty() {
        if flush(connection) == Next::Close {
            return Next::Close;
        }
        if !connection.unsent.is_empty() {
            return Next::Keep;
        }
        // What arrived while the answer was stuck had its edge then.
        until_dry = true;
    } else if mask & !sys::WRITABLE == 0 {
        return Next::Keep;
    }
    read(connection, until_dry, buffer, protocol)
}

fn read(
    connection: &mut Connection,
    until_dry: bool,
    buffer: &mut [u8],
    protocol: &mut impl Protocol,
) -> Next {
    let fd = connection.fd.as_raw_fd();
    loop {
        let kept = connection.unread.len();
        if kept > 0 {
            buffer[..kept].copy_from_slice(&connection.unread);
            connection.unread.clear();
        }
        let room = buffer.len() - kept;
        let count = match sys::recv(fd, &mut buffer[kept..]) {
            Received::Bytes(count) => count,
            Received::Dry => {
                connection.unread.extend_from_slice(&buffer[..kept]);
                return Next::Keep;
            }
            Received::End => return Next::Close,
        };
        let input = &buffer[..kept + count];
        let answer = protocol.answer(input);
        let mut output = answer.output;
        while !output.is_empty() {
            match sys::send(fd, output) {
                Ok(sent) => output = &output[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Next::Close,
            }
        }
        if answer.consumed < input.len() {
            connection.unread.extend_from_slice(&input[answer.consumed..]);
        }
        if !output.is_empty() {
            connection.unsent.extend_from_slice(output);
            connection.closing = answer.close;
            return Next::Keep;
        }
        if answer.close {
            return Next::Close;
        }
        if count < room && !until_dry {
            return Next::Keep;
        }
    }
}

fn flush(connection: &mut Connection) -> Next {
    let mut sent = 0;
    while sent < connection.unsent.len() {
        match sys::send(connection.fd.as_raw_fd(), &connection.unsent[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => return Next::Close,
        }
    }
    connection.unsent.drain(..sent);
    if connection.closing && connection.unsent.is_empty() {
        return Next::Close;
    }
    Next::Keep
}
