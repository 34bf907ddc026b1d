//! Unix sockets: streams, datagrams and sequenced packets, between programs of one host.
//!
//! * Sent bytes are at once in the peer's queue, one message per call: `transfer.rs`. Listening and connecting are in
//!   `connect.rs`.
//! * Unlike Linux, a path is free when its socket is closed: there is no file system.

mod connect;
mod transfer;

use super::file::Object;
use super::kernel::{FileId, Kernel};
use super::option::OptionValues;
use crate::sys::linux::Credentials;
use crate::sys::mask;
use std::collections::VecDeque;
use std::net::Shutdown;

pub(super) use transfer::{Control, UnixReceived};

/// Which boundaries a socket keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnixKind {
    Stream,
    Datagram,
    Sequence,
}

/// A Unix socket, listening or not.
pub(super) struct SimUnix {
    pub(super) kind: UnixKind,
    /// Its address: a path, or an abstract name that begins with a zero byte; empty for none.
    name: Vec<u8>,
    peer: Option<FileId>,
    peer_name: Vec<u8>,
    was_connected: bool,
    queue: VecDeque<QueuedMessage>,
    /// Bytes of messages sent by this side and not fully read by the other: its send buffer.
    sent: usize,
    send_buffer: usize,
    at_end: bool,
    write_shut: bool,
    error: i32,
    /// The limit of queued connections, and the queue.
    backlog: Option<(usize, VecDeque<FileId>)>,
    /// The sockets that are notified when this datagram queue, which they found full, has room.
    refused: Vec<FileId>,
    pub(super) settings: OptionValues,
}

/// The data of one send call.
struct QueuedMessage {
    from: FileId,
    name: Vec<u8>,
    bytes: VecDeque<u8>,
    /// How many bytes of the sender's buffer it takes until fully read.
    weight: usize,
    /// The passed files. Each counts as a descriptor of its file until it is received.
    files: Vec<FileId>,
    sender: Credentials,
}

/// The limit of datagrams queued for a socket whose peer is not the sender: `net.unix.max_dgram_qlen`, which counts
/// the one that exceeds it.
const DATAGRAMS: usize = 10;

impl SimUnix {
    pub(super) fn listens(&self) -> bool {
        self.backlog.is_some()
    }

    fn new(kind: UnixKind, send_buffer: usize) -> SimUnix {
        SimUnix {
            kind,
            name: Vec::new(),
            peer: None,
            peer_name: Vec::new(),
            was_connected: false,
            queue: VecDeque::new(),
            sent: 0,
            send_buffer,
            at_end: false,
            write_shut: false,
            error: 0,
            backlog: None,
            refused: Vec::new(),
            settings: OptionValues::new(),
        }
    }

    /// Returns how many connections are queued.
    pub(super) fn waiting(&self) -> usize {
        self.backlog.as_ref().map_or(0, |(_, waiting)| waiting.len())
    }

    /// Returns how many bytes are queued.
    pub(super) fn unread(&self) -> usize {
        self.queue.iter().map(|message| message.bytes.len()).sum()
    }

    /// Bytes that the peer has not taken.
    pub(super) fn used(&self) -> usize {
        self.sent
    }

    fn is_writable(&self) -> bool {
        self.backlog.is_none() && self.sent * 4 <= self.send_buffer
    }

    /// Returns whether `sender` would have to wait, as in `unix_recvq_full` and its callers.
    fn is_full_for(&self, sender: FileId) -> bool {
        self.kind == UnixKind::Datagram && self.peer != Some(sender) && self.queue.len() > DATAGRAMS
    }
}

impl Kernel {
    fn unix(&mut self, file: FileId) -> Result<&mut SimUnix, i32> {
        match self.files.get_mut(file as usize).and_then(Option::as_mut).map(|file| &mut file.object) {
            Some(Object::Unix(unix)) => Ok(unix),
            Some(_) => Err(libc::ENOTSOCK),
            None => Err(libc::EBADF),
        }
    }

    fn unix_of(&self, file: FileId) -> Option<&SimUnix> {
        match self.file(file).map(|file| &file.object) {
            Some(Object::Unix(unix)) => Some(unix),
            _ => None,
        }
    }

    /// As `unix_poll` and `unix_dgram_poll` of Linux.
    pub(super) fn unix_state(&self, file: FileId, unix: &SimUnix) -> u32 {
        let mut state = if unix.error != 0 { mask::ERR } else { 0 };
        if let Some((_, waiting)) = &unix.backlog {
            return state | if waiting.is_empty() { 0 } else { mask::IN };
        }
        if unix.at_end && unix.write_shut || unix.kind != UnixKind::Datagram && !unix.was_connected {
            state |= mask::HUP;
        }
        if unix.at_end {
            state |= mask::IN | mask::RDHUP;
        }
        if !unix.queue.is_empty() {
            state |= mask::IN;
        }
        let peer = unix.peer.and_then(|peer| self.unix_of(peer));
        if unix.is_writable() && !peer.is_some_and(|peer| peer.is_full_for(file)) {
            state |= mask::OUT;
        }
        state
    }

    /// The state of the socket was polled: one that is not writable because its peer's queue is full is notified when
    /// the queue has room.
    pub(super) fn unix_polled(&mut self, file: FileId) {
        let Some(peer) = self.unix_of(file).and_then(|unix| unix.peer) else { return };
        if let Ok(peer) = self.unix(peer) {
            if peer.is_full_for(file) && !peer.refused.contains(&file) {
                peer.refused.push(file);
            }
        }
    }

    pub(super) fn unix_open(&mut self, kind: UnixKind) -> Result<FileId, i32> {
        self.check_limit()?;
        let unix = SimUnix::new(kind, self.plan.send_buffer);
        Ok(self.open(Object::Unix(Box::new(unix))))
    }

    /// `socketpair(2)`.
    pub(super) fn unix_pair(&mut self, kind: UnixKind) -> Result<(FileId, FileId), i32> {
        self.check_limit_for(2)?;
        let [a, b] =
            [(); 2].map(|()| self.open(Object::Unix(Box::new(SimUnix::new(kind, self.plan.send_buffer)))));
        self.unix_join(a, b)?;
        Ok((a, b))
    }

    fn unix_join(&mut self, a: FileId, b: FileId) -> Result<(), i32> {
        for (own, other) in [(a, b), (b, a)] {
            let peer_name = self.unix(other)?.name.clone();
            let unix = self.unix(own)?;
            (unix.peer, unix.peer_name, unix.was_connected) = (Some(other), peer_name, true);
        }
        Ok(())
    }

    pub(super) fn unix_bind(&mut self, file: FileId, name: &[u8]) -> Result<(), i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        if !self.unix(file)?.name.is_empty() {
            return Err(libc::EINVAL);
        }
        self.ports.bind_name(host, name.to_vec(), file)?;
        self.unix(file)?.name = name.to_vec();
        Ok(())
    }

    /// Shuts a direction, for the peer too; both are notified.
    pub(super) fn unix_shutdown(&mut self, file: FileId, how: Shutdown) -> Result<(), i32> {
        let unix = self.unix(file)?;
        let (read, write) = (how != Shutdown::Write, how != Shutdown::Read);
        let peer = unix.peer.filter(|_| unix.kind != UnixKind::Datagram);
        unix.at_end |= read;
        unix.write_shut |= write;
        if let Some(peer) = peer {
            if let Ok(other) = self.unix(peer) {
                other.at_end |= write;
                other.write_shut |= read;
            }
            self.notify(peer, 0);
        }
        self.notify(file, 0);
        Ok(())
    }

    pub(super) fn unix_names(&mut self, file: FileId) -> Result<(Vec<u8>, Option<Vec<u8>>), i32> {
        let unix = self.unix(file)?;
        Ok((unix.name.clone(), unix.was_connected.then(|| unix.peer_name.clone())))
    }

    pub(super) fn unix_error(&mut self, file: FileId) -> Result<i32, i32> {
        Ok(std::mem::take(&mut self.unix(file)?.error))
    }

    pub(super) fn unix_close(&mut self, file: FileId) {
        self.unix_end(file, false);
    }

    /// Ends a socket: its program has closed it, or it was never accepted (`unaccepted`); the latter is a reset to
    /// the peer, as is unread data.
    fn unix_end(&mut self, file: FileId, unaccepted: bool) {
        self.ports.release(file);
        let Ok(unix) = self.unix(file) else { return };
        let (kind, peer, unread) = (unix.kind, unix.peer.take(), std::mem::take(&mut unix.queue));
        let waiting = unix.backlog.take().map(|(_, waiting)| waiting).unwrap_or_default();
        let refused = std::mem::take(&mut unix.refused);
        self.remove(file);
        for served in waiting {
            self.unix_end(served, true);
        }
        // As `unix_release_sock`, which takes a first message without bytes for a read one.
        let read = unread.front().is_some_and(|message| message.bytes.is_empty());
        let lost = unaccepted || unread.len() > usize::from(read);
        self.unix_forget(unread);
        refused.into_iter().for_each(|sender| self.notify(sender, mask::OUT));
        if let (Some(peer), true) = (peer, kind != UnixKind::Datagram) {
            if let Ok(other) = self.unix(peer) {
                (other.at_end, other.write_shut, other.peer) = (true, true, None);
                if lost {
                    other.error = libc::ECONNRESET;
                }
            }
            self.notify(peer, 0);
        }
    }
}
