//! TCP: a socket's state, and its poll state.
//!
//! * The two sockets of a connection refer to each other. Bytes go from the send buffer to the wire, as far as the
//!   peer's receive buffer has room, and arrive in order, one segment at a time: `wire.rs`.
//! * Start and end of a connection are in `handshake.rs`, the calls of programs in `stream.rs`.

mod handshake;
mod stream;
mod wire;

use super::drawing::TraceMoment;
use super::file::Object;
use super::kernel::{FileId, Kernel};
use super::option::OptionValues;
use crate::sys::mask;
use std::collections::VecDeque;
use std::net::SocketAddr;
use wire::Segment;

/// The phase of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TcpPhase {
    Fresh,
    Connecting,
    Established,
    /// Reset, or timed out.
    Closed,
}

/// A TCP socket that does not listen.
pub(super) struct SimTcp {
    pub(super) phase: TcpPhase,
    pub(super) v6: bool,
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
    /// The socket at the other end.
    other: Option<FileId>,
    /// The value of `SO_ERROR`; 0 for none.
    error: i32,
    pub(super) received: VecDeque<u8>,
    /// How many bytes of the stream the program has taken, including urgent ones.
    taken: u64,
    /// The position of the urgent byte in the stream, until it is passed.
    urgent: Option<u64>,
    pub(super) receive_buffer: usize,
    /// No more data: the peer's FIN has arrived, or the connection has failed.
    at_end: bool,
    /// The peer's FIN has arrived (`SOCK_DONE`): reads return the end, and no later error.
    fin_received: bool,
    read_shut: bool,
    /// Bytes that the program has sent and that are not on the wire.
    unsent: VecDeque<u8>,
    /// The position of the urgent byte in `unsent`.
    urgent_unsent: Option<usize>,
    wire: VecDeque<(u64, TraceMoment, Segment)>,
    /// The bytes of the segments on the wire.
    on_the_wire: usize,
    /// Sent and not acknowledged.
    unacknowledged: usize,
    pub(super) send_buffer: usize,
    /// `TCP_NOTSENT_LOWAT`: the limit of unsent bytes.
    pub(super) notsent_lowat: usize,
    write_shut: bool,
    fin_sent: bool,
    fin_acknowledged: bool,
    /// The result of `connect` was returned by another `connect`, or there was none.
    outcome_told: bool,
    /// `SOCK_NOSPACE`: a writer got `EAGAIN`.
    writer_refused: bool,
    /// When the last segment in flight arrives.
    last_arrival: u64,
    /// How long the first segment on the wire has been resent.
    retried: u64,
    /// The bytes that the peer has sent and the program has not taken, without urgent ones: what reads must return.
    promised: VecDeque<u8>,
    /// The kernel has no memory for more, for a while.
    is_starved: bool,
    /// The last descriptor is closed, with bytes still in flight.
    is_orphan: bool,
    pub(super) settings: OptionValues,
}

/// A TCP socket that listens.
pub(super) struct SimListener {
    pub(super) local: SocketAddr,
    backlog: usize,
    queue: VecDeque<FileId>,
    pub(super) settings: OptionValues,
}

impl SimTcp {
    /// Returns the sizes of the send buffer and the receive buffer.
    pub(super) fn buffers(&self) -> [usize; 2] {
        [self.send_buffer, self.receive_buffer]
    }

    pub(super) fn new(v6: bool, send_buffer: usize, receive_buffer: usize) -> SimTcp {
        SimTcp {
            phase: TcpPhase::Fresh,
            v6,
            local: None,
            peer: None,
            other: None,
            error: 0,
            received: VecDeque::new(),
            taken: 0,
            urgent: None,
            receive_buffer,
            at_end: false,
            fin_received: false,
            read_shut: false,
            unsent: VecDeque::new(),
            urgent_unsent: None,
            wire: VecDeque::new(),
            on_the_wire: 0,
            unacknowledged: 0,
            send_buffer,
            notsent_lowat: usize::MAX,
            write_shut: false,
            fin_sent: false,
            fin_acknowledged: false,
            outcome_told: true,
            writer_refused: false,
            last_arrival: 0,
            retried: 0,
            promised: VecDeque::new(),
            is_starved: false,
            is_orphan: false,
            settings: OptionValues::new(),
        }
    }

    /// Bytes in the send buffer.
    pub(super) fn used(&self) -> usize {
        self.unsent.len() + self.unacknowledged
    }

    /// Returns how many bytes a send takes: `sk_stream_memory_free`.
    fn room(&self) -> usize {
        let room = self.send_buffer.saturating_sub(self.used());
        if self.is_starved { 0 } else { room.min(self.notsent_lowat.saturating_sub(self.unsent.len())) }
    }

    /// Linux calls a socket writable when a third of its buffer is free and the unsent bytes are below half of its
    /// `TCP_NOTSENT_LOWAT`: `sk_stream_is_writeable`.
    fn is_writable(&self) -> bool {
        let few_are_unsent = self.unsent.len().saturating_mul(2) < self.notsent_lowat;
        !self.is_starved && self.used() * 3 <= self.send_buffer * 2 && few_are_unsent
    }

    /// A writer was refused, and the next acknowledgement reports room: with `TCP_NOTSENT_LOWAT`, room after a short
    /// send returns as soon as its bytes are on the wire.
    pub(super) fn has_room_to_report(&self) -> bool {
        self.writer_refused && self.unacknowledged > 0
    }

    /// `epoll` has read the state: if there is no room, report it later.
    pub(super) fn polled(&mut self) {
        self.writer_refused |= self.phase == TcpPhase::Established && !self.is_writable();
    }

    /// Bytes that reads return now or after they have passed the urgent one.
    pub(super) fn readable(&self) -> usize {
        self.received.len() - usize::from(self.urgent_received().is_some())
    }

    /// Returns where among the received bytes the urgent one is.
    fn urgent_received(&self) -> Option<usize> {
        let at = usize::try_from(self.urgent?.checked_sub(self.taken)?).ok()?;
        (at < self.received.len()).then_some(at)
    }

    /// Another urgent byte arrives, `ahead` bytes behind those received. One that a read is to pass next is gone, and one
    /// behind other bytes is plain: `tcp_check_urg`.
    fn urgent_arrives(&mut self, ahead: usize) {
        match self.urgent_received() {
            Some(0) => {
                self.received.pop_front();
                self.taken += 1;
            }
            Some(at) => self.promised.insert(at.min(self.promised.len()), self.received[at]),
            None => {}
        }
        self.urgent = Some(self.taken + (self.received.len() + ahead) as u64);
    }

    /// As `tcp_poll` of Linux.
    pub(super) fn state(&self) -> u32 {
        let mut state = if self.error != 0 { mask::ERR } else { 0 };
        match self.phase {
            TcpPhase::Fresh if self.read_shut => {
                return state | mask::IN | mask::OUT | mask::HUP | mask::RDHUP;
            }
            TcpPhase::Fresh => return state | mask::OUT | mask::HUP,
            TcpPhase::Connecting => return state,
            TcpPhase::Established => {}
            TcpPhase::Closed => state |= mask::HUP,
        }
        let read_down = self.at_end || self.read_shut;
        if read_down && self.write_shut {
            state |= mask::HUP;
        }
        if read_down {
            state |= mask::IN | mask::RDHUP;
        }
        if self.readable() > 0 {
            state |= mask::IN;
        }
        if self.write_shut || self.is_writable() {
            state |= mask::OUT;
        }
        if self.urgent_received().is_some() {
            state |= mask::PRI;
        }
        state
    }
}

impl SimListener {
    /// Returns how many connections are queued.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn state(&self) -> u32 {
        if self.queue.is_empty() { 0 } else { mask::IN }
    }
}

impl Kernel {
    fn tcp(&mut self, file: FileId) -> Result<&mut SimTcp, i32> {
        match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Tcp(tcp)) => Ok(tcp),
            Some(Object::Listener(_)) => Err(libc::ENOTCONN),
            Some(_) => Err(libc::ENOTSOCK),
            None => Err(libc::EBADF),
        }
    }

    /// Returns the socket, if it still exists.
    fn alive(&mut self, file: FileId) -> Option<&mut SimTcp> {
        self.files.get(file as usize)?.as_ref()?;
        self.tcp(file).ok()
    }

    fn listener(&mut self, file: FileId) -> Result<&mut SimListener, i32> {
        match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Listener(listener)) => Ok(listener),
            _ => Err(libc::EINVAL),
        }
    }

    /// Returns whether a connection continues after its last descriptor was closed.
    fn is_orphan(&mut self, file: FileId) -> bool {
        self.alive(file).is_some_and(|tcp| tcp.is_orphan)
    }
}
