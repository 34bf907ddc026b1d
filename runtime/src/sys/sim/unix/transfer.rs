//! Transfers through Unix sockets.
//!
//! * A stream returns the bytes of several messages as one, with two exceptions: a read ends with a message that
//!   carries descriptors, and a reader with `SO_PASSCRED` gets the bytes of one sender only. More data is then
//!   queued, without a new edge.
//! * A message takes room in its sender's buffer until its last byte is read. The sender is notified of each such
//!   read, whether or not it was refused before.

use super::super::kernel::{FileId, Kernel};
use super::super::plan::Fault;
use super::{QueuedMessage, UnixKind};
use crate::sys::linux::Credentials;
use crate::sys::mask;

/// The control data of a message.
#[derive(Default)]
pub(in super::super) struct Control {
    pub(in super::super) files: Vec<FileId>,
    /// The claimed credentials of the sender; its real ones by default.
    pub(in super::super) sender: Option<Credentials>,
}

/// The result of a receive call.
#[derive(Default)]
pub(in super::super) struct UnixReceived {
    pub(in super::super) bytes: Vec<u8>,
    /// The address of the sender.
    pub(in super::super) from: Vec<u8>,
    /// The passed files. Each still counts as a descriptor: see [`Kernel::release`].
    pub(in super::super) files: Vec<FileId>,
    /// The sender's credentials, if requested (`SO_PASSCRED`).
    pub(in super::super) sender: Option<Credentials>,
    /// Bytes of the message were dropped.
    pub(in super::super) truncated: bool,
}

impl Kernel {
    /// Returns the credentials of the current program.
    pub(in super::super) fn credentials(&self) -> Credentials {
        let pid = self.current.map_or(0, |program| self.programs[usize::from(program)].pid);
        let pid = i32::try_from(pid).expect("a pid is small");
        Credentials { pid, uid: 0, gid: 0 }
    }

    /// Sends to the peer, or to the datagram socket of that name.
    pub(in super::super) fn unix_send(
        &mut self,
        file: FileId,
        bytes: &[u8],
        to: Option<&[u8]>,
        control: Control,
    ) -> Result<usize, i32> {
        let n = self.unix_room_for(file, bytes.len(), to.is_some())?;
        if n == 0 && self.unix(file)?.kind == UnixKind::Stream {
            return Ok(0);
        }
        let to = match self.unix_target(file, to) {
            Ok(to) => to,
            Err(errno) => {
                // The message was built and dropped, which makes room: a sender to a full queue by name gets an edge
                // at once, and again for each attempt.
                self.notify(file, mask::OUT);
                return Err(errno);
            }
        };
        let name = self.unix(file)?.name.clone();
        self.unix(file)?.sent += n;
        let Control { files, sender } = control;
        files.iter().for_each(|passed| self.hold(*passed));
        let sender = sender.unwrap_or_else(|| self.credentials());
        let bytes = bytes[..n].iter().copied().collect();
        self.unix(to)?.queue.push_back(QueuedMessage { from: file, name, bytes, weight: n, files, sender });
        self.progress += 1;
        self.notify(to, mask::IN);
        Ok(n)
    }

    /// Returns how many of `len` bytes the socket itself would send. Errors come in the order of Linux:
    /// `unix_stream_sendmsg`, `unix_seqpacket_sendmsg`, `unix_dgram_sendmsg`.
    fn unix_room_for(&mut self, file: FileId, len: usize, by_name: bool) -> Result<usize, i32> {
        let fewer = self.fault(Fault::ShortWrite);
        let unix = self.unix(file)?;
        let kind = unix.kind;
        match kind {
            UnixKind::Stream if by_name && unix.was_connected => return Err(libc::EISCONN),
            UnixKind::Stream if by_name => return Err(libc::EOPNOTSUPP),
            UnixKind::Stream if !unix.was_connected => return Err(libc::ENOTCONN),
            // Here the shutdown comes before errors.
            UnixKind::Stream if unix.write_shut => return Err(libc::EPIPE),
            UnixKind::Sequence if unix.error != 0 => return Err(std::mem::take(&mut unix.error)),
            UnixKind::Sequence if !unix.was_connected => return Err(libc::ENOTCONN),
            // Linux reserves 32 bytes of the buffer.
            UnixKind::Sequence | UnixKind::Datagram if len > unix.send_buffer.saturating_sub(32) => {
                return Err(libc::EMSGSIZE);
            }
            _ => {}
        }
        match std::mem::take(&mut unix.error) {
            0 if unix.write_shut => return Err(libc::EPIPE),
            0 => {}
            errno => return Err(errno),
        }
        let room = unix.send_buffer.saturating_sub(unix.sent);
        let mut n = if kind == UnixKind::Stream || len <= room { len.min(room) } else { 0 };
        if kind == UnixKind::Stream && fewer && n > 1 {
            n = 1 + self.dice(Fault::ShortWrite).below(n - 1);
        }
        if n < len {
            self.came_back_short(file, mask::OUT);
        }
        if n == 0 && len > 0 { Err(libc::EAGAIN) } else { Ok(n) }
    }

    /// Returns the target of a message of `file`: the socket of that name, or the peer.
    fn unix_target(&mut self, file: FileId, name: Option<&[u8]>) -> Result<FileId, i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        let (kind, peer) = self.unix(file).map(|unix| (unix.kind, unix.peer))?;
        let to = match name.filter(|_| kind == UnixKind::Datagram) {
            Some(name) => self.ports.find_name(host, name).ok_or(libc::ECONNREFUSED)?,
            None => peer.ok_or(libc::ENOTCONN)?,
        };
        let Ok(target) = self.unix(to) else {
            // A datagram socket gets one error when its peer is gone. After that it has no peer, and its queue is
            // dropped.
            let unix = self.unix(file)?;
            if unix.peer == Some(to) && kind == UnixKind::Datagram {
                (unix.peer, unix.was_connected) = (None, false);
                let unread = std::mem::take(&mut unix.queue);
                self.unix_forget(unread);
            }
            return Err(if kind == UnixKind::Datagram { libc::ECONNREFUSED } else { libc::EPIPE });
        };
        if target.at_end && kind == UnixKind::Datagram {
            return Err(libc::EPIPE);
        }
        if target.is_full_for(file) {
            self.came_back_short(file, mask::OUT);
            self.unix_polled(file); // notified later if the two are connected; a sender by name never is
            return Err(libc::EAGAIN);
        }
        Ok(to)
    }

    /// Receives up to `len` bytes with their control data; a peek shows no files.
    pub(in super::super) fn unix_recv(
        &mut self,
        file: FileId,
        len: usize,
        peek: bool,
    ) -> Result<UnixReceived, i32> {
        let by_sender = self.has_set(file, (libc::SOL_SOCKET, libc::SO_PASSCRED), &[1]);
        let unix = self.unix(file)?;
        match unix.kind {
            UnixKind::Stream if !unix.was_connected => return Err(libc::EINVAL),
            UnixKind::Sequence if !unix.was_connected => return Err(libc::ENOTCONN),
            // An error comes before datagrams and packets, and after the bytes of a stream.
            UnixKind::Datagram | UnixKind::Sequence if unix.error != 0 => {
                return Err(std::mem::take(&mut unix.error));
            }
            _ => {}
        }
        if unix.queue.is_empty() {
            return match std::mem::take(&mut unix.error) {
                // Datagrams have no end.
                0 if unix.at_end && unix.kind != UnixKind::Datagram => Ok(UnixReceived::default()),
                0 => {
                    self.came_back_short(file, mask::IN);
                    Err(libc::EAGAIN)
                }
                errno => Err(errno),
            };
        }
        let (received, done) = match unix.kind {
            UnixKind::Stream => take_stream(unix, len, peek, by_sender),
            _ => take_message(unix, len, peek, by_sender),
        };
        if received.bytes.len() < len {
            self.came_back_short(file, mask::IN);
        }
        self.progress += u64::from(!peek);
        for message in &done {
            self.unix_room(message.from, message.weight);
        }
        if !done.is_empty() {
            let refused = std::mem::take(&mut self.unix(file)?.refused);
            refused.into_iter().for_each(|sender| self.notify(sender, mask::OUT));
        }
        Ok(received)
    }

    /// [`unix_recv`](Kernel::unix_recv) without control data: passed files are closed.
    pub(in super::super) fn unix_recv_bytes(
        &mut self,
        file: FileId,
        len: usize,
        peek: bool,
    ) -> Result<Vec<u8>, i32> {
        let received = self.unix_recv(file, len, peek)?;
        received.files.into_iter().for_each(|passed| self.release(passed));
        Ok(received.bytes)
    }

    /// Drops messages that will not be read.
    pub(super) fn unix_forget(&mut self, unread: impl IntoIterator<Item = QueuedMessage>) {
        for message in unread {
            self.unix_room(message.from, message.weight);
            message.files.into_iter().for_each(|passed| self.release(passed));
        }
    }

    /// A message of `sender` is fully read: it may have room again.
    pub(super) fn unix_room(&mut self, sender: FileId, weight: usize) {
        let Ok(unix) = self.unix(sender) else { return };
        unix.sent -= weight.min(unix.sent);
        if unix.is_writable() {
            self.notify(sender, mask::OUT);
        }
    }
}

/// Takes bytes from the front of a stream. Returns which messages were fully read.
fn take_stream(
    unix: &mut super::SimUnix,
    len: usize,
    peek: bool,
    by_sender: bool,
) -> (UnixReceived, Vec<QueuedMessage>) {
    let mut received = UnixReceived::default();
    let mut done = Vec::new();
    let mut position = 0;
    let first = unix.queue.front().map(|message| message.sender);
    received.sender = first.filter(|_| by_sender);
    received.from = unix.queue.front().map(|message| message.name.clone()).unwrap_or_default();
    while let Some(message) = unix.queue.get_mut(position) {
        let room = len - received.bytes.len();
        if room == 0 || by_sender && Some(message.sender) != first {
            break;
        }
        let n = message.bytes.len().min(room);
        received.bytes.extend(message.bytes.iter().take(n));
        let stops = !message.files.is_empty();
        if peek {
            position += 1;
        } else {
            message.bytes.drain(..n);
            received.files.append(&mut message.files);
            if message.bytes.is_empty() {
                done.extend(unix.queue.pop_front());
            }
        }
        if stops {
            break;
        }
    }
    (received, done)
}

/// Takes the first message and drops the bytes that do not fit.
fn take_message(
    unix: &mut super::SimUnix,
    len: usize,
    peek: bool,
    by_sender: bool,
) -> (UnixReceived, Vec<QueuedMessage>) {
    let Some(front) = unix.queue.front_mut() else { return Default::default() };
    let received = UnixReceived {
        bytes: front.bytes.iter().take(len).copied().collect(),
        from: front.name.clone(),
        files: if peek { Vec::new() } else { std::mem::take(&mut front.files) },
        sender: by_sender.then_some(front.sender),
        truncated: front.bytes.len() > len,
    };
    let done = if peek { None } else { unix.queue.pop_front() };
    (received, done.into_iter().collect())
}
