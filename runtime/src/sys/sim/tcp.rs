//! TCP: a socket's state, and what `poll(2)` says of it.
//!
//! Two sockets of one connection know each other. What one sends goes from its send buffer to its wire, as far as the
//! other's receive buffer has room, and from there, in order and one segment at a time, to the other: `wire.rs`. How
//! a connection begins and ends is in `handshake.rs`, the calls of programs are in `stream.rs`.

mod handshake;
mod stream;
mod wire;

use super::file::Object;
use super::kernel::{FileId, Kernel};
use crate::sys::mask;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use wire::Segment;

/// How far a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Fresh,
    Connecting,
    Established,
    /// Reset, or given up.
    Closed,
}

/// A TCP socket that does not listen.
pub(super) struct Tcp {
    pub(super) phase: Phase,
    pub(super) v6: bool,
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
    /// The socket at the other end.
    other: Option<FileId>,
    /// What `SO_ERROR` would say; 0 for nothing.
    error: i32,
    received: VecDeque<u8>,
    /// How many bytes of the stream the program has taken, the urgent ones counted.
    taken: u64,
    /// Where in the stream the urgent byte is, until it was passed.
    urgent: Option<u64>,
    receive_buffer: usize,
    /// Nothing will come any more: the peer's FIN has come, or the connection has failed.
    at_end: bool,
    /// The peer's FIN has come (`SOCK_DONE`): the end is read, and no error that comes after it.
    fin_received: bool,
    read_shut: bool,
    /// What the program has sent and the wire has not taken.
    unsent: VecDeque<u8>,
    /// Where in `unsent` the urgent byte is.
    urgent_unsent: Option<usize>,
    wire: VecDeque<(u64, Segment)>,
    /// Sent and not acknowledged.
    unacknowledged: usize,
    send_buffer: usize,
    /// `TCP_NOTSENT_LOWAT`: the bound of what is unsent.
    notsent_lowat: usize,
    write_shut: bool,
    fin_sent: bool,
    fin_acknowledged: bool,
    /// What became of `connect` was told by another `connect`, or there was none.
    outcome_told: bool,
    /// `SOCK_NOSPACE`: a writer was told that there is no room.
    writer_refused: bool,
    /// When the last segment that is under way arrives.
    last_arrival: u64,
    /// How long the front of the wire has been sent again and again.
    retried: u64,
    /// What the program has sent and taken so far, and what the peer had sent when it ended its side.
    sent: Digest,
    got: Digest,
    promised: Option<Digest>,
    /// The kernel has no memory for more, for a moment.
    is_starved: bool,
    /// The last descriptor is closed, and what was sent is still on its way.
    is_orphan: bool,
    settings: BTreeMap<&'static str, u64>,
}

/// How many bytes, and which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Digest {
    bytes: u64,
    hash: u64,
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes ({:x})", self.bytes, self.hash)
    }
}

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5);
        }
    }
}

/// A TCP socket that listens.
pub(super) struct Listener {
    pub(super) local: SocketAddr,
    backlog: usize,
    queue: VecDeque<FileId>,
    settings: BTreeMap<&'static str, u64>,
}

impl Tcp {
    pub(super) fn new(v6: bool, send_buffer: usize, receive_buffer: usize) -> Tcp {
        Tcp {
            phase: Phase::Fresh,
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
            sent: Digest::default(),
            got: Digest::default(),
            promised: None,
            is_starved: false,
            is_orphan: false,
            settings: BTreeMap::new(),
        }
    }

    /// Bytes in the send buffer.
    pub(super) fn used(&self) -> usize {
        self.unsent.len() + self.unacknowledged
    }

    /// Bytes that a send takes: `sk_stream_memory_free`.
    fn room(&self) -> usize {
        let room = self.send_buffer.saturating_sub(self.used());
        if self.is_starved { 0 } else { room.min(self.notsent_lowat.saturating_sub(self.unsent.len())) }
    }

    /// Linux calls a socket writable when a third of its buffer is free and less than half of its
    /// `TCP_NOTSENT_LOWAT` is unsent: `sk_stream_is_writeable`.
    fn is_writable(&self) -> bool {
        let few_are_unsent = self.unsent.len().saturating_mul(2) < self.notsent_lowat;
        !self.is_starved && self.used() * 3 <= self.send_buffer * 2 && few_are_unsent
    }

    /// A writer was refused, and the next acknowledgement reports room: with `TCP_NOTSENT_LOWAT` a send that came back
    /// short has room again as soon as what it queued is on its way.
    pub(super) fn has_room_to_report(&self) -> bool {
        self.writer_refused && self.unacknowledged > 0
    }

    /// `epoll` has asked for the state: where there is no room, room is to be reported.
    pub(super) fn polled(&mut self) {
        self.writer_refused |= self.phase == Phase::Established && !self.is_writable();
    }

    /// Bytes that a read would give now or after it has passed the urgent one.
    pub(super) fn readable(&self) -> usize {
        self.received.len() - usize::from(self.urgent == Some(self.taken))
    }

    /// As `tcp_poll` of Linux has it.
    pub(super) fn state(&self) -> u32 {
        let mut state = if self.error != 0 { mask::ERR } else { 0 };
        match self.phase {
            Phase::Fresh if self.read_shut => return state | mask::IN | mask::OUT | mask::HUP | mask::RDHUP,
            Phase::Fresh => return state | mask::OUT | mask::HUP,
            Phase::Connecting => return state,
            Phase::Established => {}
            Phase::Closed => state |= mask::HUP,
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
        if self.urgent.is_some_and(|at| at < self.taken + self.received.len() as u64) {
            state |= mask::PRI;
        }
        state
    }
}

impl Listener {
    /// Connections that wait to be accepted.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn state(&self) -> u32 {
        if self.queue.is_empty() { 0 } else { mask::IN }
    }
}

impl Kernel {
    fn tcp(&mut self, file: FileId) -> Result<&mut Tcp, i32> {
        match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Tcp(tcp)) => Ok(tcp),
            Some(Object::Listener(_)) => Err(libc::ENOTCONN),
            Some(_) => Err(libc::ENOTSOCK),
            None => Err(libc::EBADF),
        }
    }

    /// The socket, if it is still there.
    fn alive(&mut self, file: FileId) -> Option<&mut Tcp> {
        self.files.get(file as usize)?.as_ref()?;
        self.tcp(file).ok()
    }

    fn listener(&mut self, file: FileId) -> Result<&mut Listener, i32> {
        match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Listener(listener)) => Ok(listener),
            _ => Err(libc::EINVAL),
        }
    }

    /// Whether a connection goes on after its last descriptor was closed.
    fn is_orphan(&mut self, file: FileId) -> bool {
        self.alive(file).is_some_and(|tcp| tcp.is_orphan)
    }

    fn settings(&mut self, file: FileId) -> Result<&mut BTreeMap<&'static str, u64>, i32> {
        match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Tcp(tcp)) => Ok(&mut tcp.settings),
            Some(Object::Listener(listener)) => Ok(&mut listener.settings),
            Some(Object::Datagrams(datagrams)) => Ok(&mut datagrams.settings),
            Some(Object::Unix(unix)) => Ok(&mut unix.settings),
            _ => Err(libc::ENOTSOCK),
        }
    }

    /// What an option was set to. Those that the simulation acts on are `linger`, the sizes of the buffers
    /// and `notsent_lowat`.
    pub(super) fn setting(&mut self, file: FileId, name: &'static str) -> Result<Option<u64>, i32> {
        Ok(self.settings(file)?.get(name).copied())
    }

    pub(super) fn set(&mut self, file: FileId, name: &'static str, value: Option<u64>) -> Result<(), i32> {
        let settings = self.settings(file)?;
        match value {
            Some(value) => settings.insert(name, value),
            None => settings.remove(name),
        };
        if let (Ok(tcp), Some(value)) = (self.tcp(file), value) {
            if name == "notsent_lowat" {
                tcp.notsent_lowat = if value == 0 { usize::MAX } else { value as usize };
            }
            // Linux takes twice what is asked for, for its own bookkeeping, and not less than some kilobytes.
            let size = usize::try_from(value).unwrap_or(usize::MAX).saturating_mul(2);
            match name {
                "send_buffer_size" => tcp.send_buffer = size.max(4608),
                "recv_buffer_size" => tcp.receive_buffer = size.max(2304),
                _ => {}
            }
        }
        Ok(())
    }
}
