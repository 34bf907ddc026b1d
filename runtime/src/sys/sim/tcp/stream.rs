//! The calls on a connection: receive, send, shut down.

use super::super::kernel::{FileId, Kernel};
use super::super::plan::Fault;
use super::TcpPhase;
use crate::sys::mask;
use std::collections::VecDeque;
use std::net::Shutdown;

impl Kernel {
    /// Receives up to `len` bytes and passes each piece to `take`; leaves them queued when `peek` is set.
    pub(in super::super) fn tcp_recv(
        &mut self,
        file: FileId,
        len: usize,
        peek: bool,
    ) -> Result<Vec<u8>, i32> {
        let received = self.recv_now(file, len, peek);
        match &received {
            Ok(bytes) if bytes.len() < len => self.came_back_short(file, mask::IN),
            Err(libc::EAGAIN) => self.came_back_short(file, mask::IN),
            _ => {}
        }
        if !peek && received.as_ref().is_ok_and(|bytes| !bytes.is_empty()) {
            self.progress += 1;
            self.tell_of_room(file);
        }
        received
    }

    fn recv_now(&mut self, file: FileId, len: usize, peek: bool) -> Result<Vec<u8>, i32> {
        let tcp = self.tcp(file)?;
        if tcp.phase == TcpPhase::Fresh {
            return Err(libc::ENOTCONN);
        }
        if tcp.readable() > 0 {
            // A read ends before the urgent byte; the next one starts after it.
            let skipped = usize::from(tcp.urgent == Some(tcp.taken));
            let until = match tcp.urgent {
                Some(at) if skipped == 0 => usize::try_from(at - tcp.taken).unwrap_or(usize::MAX),
                _ => usize::MAX,
            };
            let n = len.min(until).min(tcp.received.len() - skipped);
            let bytes = front(&tcp.received, skipped, n);
            if !peek {
                let is_other = !starts_with(&tcp.promised, &bytes);
                tcp.promised.drain(..n.min(tcp.promised.len()));
                tcp.received.drain(..skipped + n);
                let at = tcp.taken;
                tcp.taken += (skipped + n) as u64;
                tcp.urgent = tcp.urgent.filter(|at| *at >= tcp.taken);
                if is_other {
                    let what = self.describe(file);
                    self.violation =
                        Some(format!("{what} has read, from byte {at} on, other bytes than were sent"));
                }
            }
            return Ok(bytes);
        }
        if tcp.urgent == Some(tcp.taken) && !tcp.received.is_empty() && !peek {
            // Only the urgent byte: looking for more has passed it.
            tcp.received.pop_front();
            tcp.taken += 1;
            tcp.urgent = None;
        }
        if tcp.fin_received {
            let lost = tcp.promised.len();
            if lost > 0 && len > 0 {
                let what = self.describe(file);
                self.violation =
                    Some(format!("{what} is at its end, and {lost} bytes that were sent did not come out"));
            }
            return Ok(Vec::new()); // An error after the end is for writers.
        }
        match std::mem::take(&mut tcp.error) {
            0 if tcp.at_end || tcp.read_shut => Ok(Vec::new()),
            0 => Err(libc::EAGAIN),
            errno => Err(errno),
        }
    }

    /// The reader has made room: notify the sender.
    fn tell_of_room(&mut self, file: FileId) {
        let Some(host) = self.file(file).map(|file| file.host) else { return };
        let Some(tcp) = self.alive(file) else { return };
        let (Some(other), Some(peer)) = (tcp.other, tcp.peer) else { return };
        let to = self.host_at(host, peer.ip()).unwrap_or(host);
        let takes = self.travel(host, to);
        self.answer(takes, (host, to), other, move |kernel| kernel.pump(other));
    }

    pub(in super::super) fn tcp_send(
        &mut self,
        file: FileId,
        bytes: &[u8],
        urgent: bool,
    ) -> Result<usize, i32> {
        let fewer = self.fault(Fault::ShortWrite);
        let tcp = self.tcp(file)?;
        match tcp.phase {
            TcpPhase::Fresh => return Err(libc::EPIPE),
            TcpPhase::Connecting => {
                tcp.writer_refused = true;
                self.came_back_short(file, mask::OUT);
                return Err(libc::EAGAIN);
            }
            TcpPhase::Established | TcpPhase::Closed => {}
        }
        match std::mem::take(&mut tcp.error) {
            0 if tcp.write_shut => return Err(libc::EPIPE),
            0 => {}
            errno => return Err(errno),
        }
        let room = tcp.room();
        let mut n = bytes.len().min(room);
        if fewer && n > 1 {
            n = 1 + self.dice(Fault::ShortWrite).below(n - 1);
        }
        self.tcp_queue(file, &bytes[..n], urgent && n > 0)?;
        if n > 1 && !urgent && self.fault(Fault::Urgent) {
            self.insert_urgent(file, n);
        }
        let tcp = self.tcp(file)?;
        if n < bytes.len() {
            tcp.writer_refused = true;
            self.came_back_short(file, mask::OUT);
        }
        if n < bytes.len().min(room) {
            // There was room: the memory shortage ends later.
            self.tcp(file)?.is_starved = true;
            self.later(100_000, move |kernel| kernel.memory_is_back(file));
        }
        if n == 0 && !bytes.is_empty() {
            return Err(libc::EAGAIN);
        }
        self.progress += 1;
        self.pump(file);
        Ok(n)
    }

    /// Appends bytes to those that are to be sent, and to those that the peer has to read. The last byte may be urgent.
    fn tcp_queue(&mut self, file: FileId, bytes: &[u8], is_urgent: bool) -> Result<(), i32> {
        let tcp = self.tcp(file)?;
        let next = is_urgent.then(|| tcp.unsent.len() + bytes.len() - 1);
        // One that is still to be sent is plain when another comes: what is sent tells of the last.
        let plain =
            tcp.urgent_unsent.filter(|_| is_urgent).map(|at| (tcp.unsent[at], tcp.unsent.len() - 1 - at));
        tcp.urgent_unsent = next.or(tcp.urgent_unsent);
        tcp.unsent.extend(bytes);
        if let Some(peer) = tcp.other.and_then(|other| self.alive(other)) {
            if let Some((byte, behind)) = plain {
                peer.promised.insert(peer.promised.len() - behind, byte);
            }
            peer.promised.extend(&bytes[..bytes.len() - usize::from(is_urgent)]);
        }
        Ok(())
    }

    fn memory_is_back(&mut self, file: FileId) {
        if let Some(tcp) = self.alive(file) {
            tcp.is_starved = false;
        }
        self.room_was_made(file);
    }

    /// Puts an urgent byte among the last `n` unsent bytes, unless the previous one has not been passed: that would
    /// become a plain byte.
    fn insert_urgent(&mut self, file: FileId, n: usize) {
        let Some(tcp) = self.alive(file) else { return };
        let other = tcp.other;
        let is_under_way =
            tcp.urgent_unsent.is_some() || tcp.wire.iter().any(|(_, _, segment)| segment.is_urgent());
        let is_waiting = other.and_then(|other| self.alive(other)).is_some_and(|peer| peer.urgent.is_some());
        if is_under_way || is_waiting {
            return;
        }
        let back = 1 + self.dice(Fault::Urgent).below(n - 1);
        let Some(tcp) = self.alive(file) else { return };
        let at = tcp.unsent.len() - back;
        tcp.unsent.insert(at, b'!');
        tcp.urgent_unsent = Some(at);
    }

    pub(in super::super) fn tcp_shutdown(&mut self, file: FileId, how: Shutdown) -> Result<(), i32> {
        let tcp = self.tcp(file)?;
        let phase = tcp.phase;
        if phase == TcpPhase::Connecting {
            return Err(libc::ENOTCONN);
        }
        tcp.read_shut |= how != Shutdown::Write;
        tcp.write_shut |= how != Shutdown::Read;
        if phase == TcpPhase::Established {
            self.pump(file);
        }
        // An edge also on failure: `inet_shutdown` wakes pollers of an unconnected socket.
        self.notify(file, 0);
        if phase == TcpPhase::Established { Ok(()) } else { Err(libc::ENOTCONN) }
    }

    /// Takes the pending error of `SO_ERROR`.
    pub(in super::super) fn tcp_error(&mut self, file: FileId) -> Result<i32, i32> {
        if self.listener(file).is_ok() {
            return Ok(0);
        }
        Ok(std::mem::take(&mut self.tcp(file)?.error))
    }
}

/// Returns whether a queue starts with these bytes.
fn starts_with(queue: &VecDeque<u8>, bytes: &[u8]) -> bool {
    let (first, second) = queue.as_slices();
    let (front, rest) = bytes.split_at(bytes.len().min(first.len()));
    first.starts_with(front) && second.starts_with(rest)
}

/// `len` bytes of a queue, after `skipped` ones. Copied as slices: byte by byte it was most of the time of a run.
pub(super) fn front(queue: &VecDeque<u8>, skipped: usize, len: usize) -> Vec<u8> {
    let (first, second) = queue.as_slices();
    let from_first = &first[skipped.min(first.len())..(skipped + len).min(first.len())];
    let start = skipped.saturating_sub(first.len());
    let rest = len - from_first.len();
    [from_first, &second[start.min(second.len())..][..rest]].concat()
}
