//! The network between two sockets: segments arrive in order, one at a time.
//!
//! A segment that does not arrive (a cut link, a host that is down) is resent after the retransmission timeout, which
//! doubles until Linux gives up after a quarter of an hour (`tcp_retries2`).

use super::super::agenda::Happening;
use super::super::drawing::Packet;
use super::super::host::HostId;
use super::super::kernel::{FileId, Kernel};
use super::super::plan::Fault;
use super::super::trace::Outcome;
use super::TcpPhase;
use super::stream::front;
use crate::sys::mask;

/// The content of a segment.
#[derive(Debug)]
pub(super) enum Segment {
    Data {
        bytes: Vec<u8>,
        /// The position of the urgent byte.
        urgent: Option<usize>,
    },
    Fin,
    /// The sender's socket is gone.
    Reset,
}

/// The first retransmission timeout, and the longest one; RFC 6298 with Linux's values.
const RETRANSMIT: u64 = 200_000_000;
const RETRANSMIT_MOST: u64 = 120_000_000_000;
/// When a sender gives up.
const GIVE_UP: u64 = 924_000_000_000;
/// How long a closed socket waits for the peer's FIN: `tcp_fin_timeout`.
const FIN_TIMEOUT: u64 = 60_000_000_000;
/// The most bytes that Linux passes to a network card at once.
const SEGMENT: usize = 64 * 1024;

impl Kernel {
    /// Puts as many bytes on the wire as the other end has room for.
    pub(super) fn pump(&mut self, file: FileId) {
        let host = self.file(file).map(|file| file.host);
        let Some(tcp) = self.alive(file) else { return };
        let (TcpPhase::Established, Some(other)) = (tcp.phase, tcp.other) else { return };
        let on_the_wire = tcp.on_the_wire;
        let room = match self.alive(other) {
            // The urgent byte takes no room: otherwise a buffer of a few bytes would block forever behind it.
            Some(peer) => peer.receive_buffer.saturating_sub(peer.readable()),
            None => usize::MAX, // no peer: the bytes will be answered by a reset
        };
        let mut room = room.saturating_sub(on_the_wire);
        let Some(host) = host else { return };
        while let Some(bytes) = self.cut_segment(file, room) {
            room -= bytes.len();
            self.send_segment(file, host, bytes);
        }
        let Some(tcp) = self.alive(file) else { return };
        if tcp.write_shut && tcp.unsent.is_empty() && !tcp.fin_sent {
            tcp.fin_sent = true;
            self.send_segment(file, host, Segment::Fin);
        }
    }

    fn cut_segment(&mut self, file: FileId, room: usize) -> Option<Segment> {
        let waiting = self.alive(file)?.unsent.len();
        let mut len = waiting.min(room).min(SEGMENT);
        if len == 0 {
            return None;
        }
        if len > 1 && self.fault(Fault::Fragment) {
            len = 1 + self.dice(Fault::Fragment).below(len - 1);
        }
        let tcp = self.alive(file)?;
        let urgent = tcp.urgent_unsent.filter(|at| *at < len);
        tcp.urgent_unsent = tcp.urgent_unsent.filter(|at| *at >= len).map(|at| at - len);
        tcp.unacknowledged += len;
        let bytes = front(&tcp.unsent, 0, len);
        tcp.unsent.drain(..len);
        Some(Segment::Data { bytes, urgent })
    }

    pub(super) fn send_segment(&mut self, file: FileId, host: u16, segment: Segment) {
        let Some(tcp) = self.alive(file) else { return };
        let peer = tcp.peer.expect("an established socket has a peer").ip();
        let to = self.host_at(host, peer).unwrap_or(host);
        let takes = self.travel(host, to) + self.leaving(host, to, segment.len());
        let lost = self.loses(host, to, Fault::Loss);
        let (now, sent) = (self.now, self.sent(host));
        let Some(tcp) = self.alive(file) else { return };
        let mut arrival = (now + takes).max(tcp.last_arrival);
        if lost {
            arrival += RETRANSMIT;
        }
        tcp.last_arrival = arrival;
        tcp.on_the_wire += segment.len();
        tcp.wire.push_back((arrival, sent, segment));
        if tcp.wire.len() == 1 {
            self.at(arrival, move |kernel| kernel.arrive(file));
        }
        if to != host && self.fault(Fault::Reset) {
            self.at(arrival, move |kernel| kernel.break_connection(file));
        }
    }

    /// The first segment on the wire of `from` arrives at the other end, or is lost.
    fn arrive(&mut self, from: FileId) {
        let Some(host) = self.file(from).map(|file| file.host) else { return };
        let Some(tcp) = self.alive(from) else { return };
        let (Some(other), Some(peer)) = (tcp.other, tcp.peer) else { return };
        let to = self.host_at(host, peer.ip()).unwrap_or(host);
        if !self.reaches(host, to) {
            return self.retransmit(from);
        }
        let Some(tcp) = self.alive(from) else { return };
        tcp.retried = 0;
        let Some((_, sent, segment)) = tcp.wire.pop_front() else { return };
        tcp.on_the_wire -= segment.len();
        if let Some((arrival, ..)) = tcp.wire.front() {
            let arrival = *arrival;
            self.at(arrival, move |kernel| kernel.arrive(from));
        }
        let packet = match &segment {
            Segment::Data { bytes, .. } => Packet::Data(bytes.len()),
            Segment::Fin => Packet::Fin,
            Segment::Reset => Packet::Reset,
        };
        self.arrived(packet, host, to, sent);
        if let Segment::Reset = segment {
            self.remove_tcp(from);
            return self.reset(other);
        }
        let back = self.travel(to, host);
        if self.alive(other).is_none() {
            // No socket there: RFC 9293, 3.10.7.1.
            return self.answer(back, (to, host), from, move |kernel| kernel.reset(from));
        }
        match segment {
            Segment::Data { bytes, urgent } => self.take_in(from, other, (back, to, host), bytes, urgent),
            Segment::Fin => {
                self.note("fin", Some(other), Outcome::Done);
                if let Some(tcp) = self.alive(other) {
                    (tcp.at_end, tcp.fin_received) = (true, true);
                }
                self.close_if_both_ended(other);
                self.notify(other, 0);
                self.end_orphan(other);
                self.answer(back, (to, host), from, move |kernel| kernel.fin_acknowledged(from));
            }
            Segment::Reset => {}
        }
    }

    /// `back` is how long the answer takes, and from which host to which.
    fn take_in(
        &mut self,
        from: FileId,
        to: FileId,
        back: (u64, HostId, HostId),
        bytes: Vec<u8>,
        urgent: Option<usize>,
    ) {
        let (back, here, there) = back;
        if self.is_orphan(to) {
            // The program has closed the socket: the data will not be read. A pending reset still takes effect.
            if self.alive(to).is_some_and(|tcp| tcp.phase == TcpPhase::Established) {
                self.remove_tcp(to);
            }
            return self.answer(back, (here, there), from, move |kernel| kernel.reset(from));
        }
        let len = bytes.len();
        self.note("data", Some(to), Outcome::Value(len as u64));
        let Some(tcp) = self.alive(to) else { return };
        if tcp.phase == TcpPhase::Established && tcp.read_shut && tcp.fin_sent {
            // The data will be neither read nor answered: `tcp_rcv_state_process`, FIN_WAIT. A reader that has shut
            // its side and still writes gets the data all the same.
            self.reset(to);
            return self.answer(back, (here, there), from, move |kernel| kernel.reset(from));
        }
        if tcp.phase == TcpPhase::Established {
            if let Some(ahead) = urgent {
                tcp.urgent_arrives(ahead);
            }
            tcp.received.extend(bytes);
        }
        // Urgent data wakes waiters for any readiness; plain data wakes readers.
        self.notify(to, if urgent.is_some() { mask::IN | mask::PRI } else { mask::IN });
        self.answer(back, (here, there), from, move |kernel| kernel.acknowledged(from, len));
    }

    /// An answer to `file` arrives after `takes`. While the link back is cut the sender sends again what it answers, until
    /// it gives up.
    pub(super) fn answer(
        &mut self,
        takes: u64,
        link: (HostId, HostId),
        file: FileId,
        act: impl FnOnce(&mut Kernel) + 'static,
    ) {
        self.later(takes, move |kernel| kernel.answer_arrives(link, file, 0, Box::new(act)));
    }

    fn answer_arrives(&mut self, link: (HostId, HostId), file: FileId, waited: u64, act: Happening) {
        if !self.is_cut(link.0, link.1) {
            return act(self);
        }
        if waited > GIVE_UP {
            return self.fail(file, libc::ETIMEDOUT);
        }
        let timeout = waited.clamp(RETRANSMIT, RETRANSMIT_MOST);
        self.later(timeout, move |kernel| kernel.answer_arrives(link, file, waited + timeout, act));
    }

    fn acknowledged(&mut self, file: FileId, len: usize) {
        let Some(tcp) = self.alive(file) else { return };
        tcp.unacknowledged = tcp.unacknowledged.saturating_sub(len);
        self.room_was_made(file);
        self.pump(file);
    }

    /// Notifies a refused writer if there is room.
    pub(super) fn room_was_made(&mut self, file: FileId) {
        let Some(tcp) = self.alive(file) else { return };
        if tcp.writer_refused && tcp.is_writable() {
            tcp.writer_refused = false;
            self.notify(file, mask::OUT);
        }
    }

    /// The peer has acknowledged the FIN: an edge, because the state of the connection has changed.
    fn fin_acknowledged(&mut self, file: FileId) {
        if let Some(tcp) = self.alive(file) {
            tcp.fin_acknowledged = true;
        }
        self.close_if_both_ended(file);
        self.notify(file, 0);
        self.end_orphan(file);
    }

    /// Both FINs were sent and received: the program sees the socket as not connected.
    fn close_if_both_ended(&mut self, file: FileId) {
        let Some(tcp) = self.alive(file) else { return };
        if tcp.fin_acknowledged && tcp.fin_received && tcp.phase == TcpPhase::Established {
            tcp.phase = TcpPhase::Closed;
        }
    }

    /// A closed socket whose FIN was acknowledged still answers the peer's FIN, for a while.
    pub(super) fn end_orphan(&mut self, file: FileId) {
        let Some(tcp) = self.alive(file) else { return };
        if !tcp.is_orphan || !tcp.fin_acknowledged {
            return;
        }
        if tcp.fin_received {
            return self.remove_tcp(file);
        }
        if tcp.phase == TcpPhase::Established {
            self.later(FIN_TIMEOUT, move |kernel| kernel.remove_tcp(file));
        }
    }

    fn retransmit(&mut self, file: FileId) {
        let Some(tcp) = self.alive(file) else { return };
        if tcp.is_orphan && tcp.phase == TcpPhase::Closed {
            return self.remove_tcp(file); // no socket is left to resend it
        }
        let waited = tcp.retried;
        if waited > GIVE_UP {
            return self.fail(file, libc::ETIMEDOUT);
        }
        let timeout = waited.clamp(RETRANSMIT, RETRANSMIT_MOST);
        tcp.retried += timeout;
        self.later(timeout, move |kernel| kernel.arrive(file));
    }

    /// A middlebox resets the connection, for both ends.
    fn break_connection(&mut self, file: FileId) {
        let Some(tcp) = self.alive(file) else { return };
        let other = tcp.other;
        self.note("broken", Some(file), Outcome::Done);
        self.reset(file);
        if let Some(other) = other {
            self.reset(other);
        }
    }

    /// A reset arrives.
    pub(super) fn reset(&mut self, file: FileId) {
        let Some(tcp) = self.alive(file) else { return };
        // As `tcp_reset` of Linux: after the peer's FIN a reset is a broken pipe.
        let errno = match tcp.phase {
            TcpPhase::Connecting => libc::ECONNREFUSED,
            _ if tcp.fin_received => libc::EPIPE,
            _ => libc::ECONNRESET,
        };
        self.fail(file, errno);
    }

    /// The connection ends with an error. Received bytes can still be read.
    pub(super) fn fail(&mut self, file: FileId, errno: i32) {
        let is_orphan = self.is_orphan(file);
        let Some(tcp) = self.alive(file) else { return };
        if tcp.phase == TcpPhase::Closed {
            return;
        }
        tcp.phase = TcpPhase::Closed;
        tcp.error = errno;
        tcp.at_end = true;
        tcp.write_shut = true;
        tcp.unsent.clear();
        tcp.wire.clear();
        tcp.on_the_wire = 0;
        self.note("failed", Some(file), Outcome::Error(errno));
        if is_orphan {
            return self.remove_tcp(file);
        }
        self.notify(file, mask::ERR);
        self.notify(file, 0);
    }

    pub(super) fn remove_tcp(&mut self, file: FileId) {
        self.ports.release(file);
        self.remove(file);
    }
}

impl Segment {
    pub(super) fn is_urgent(&self) -> bool {
        matches!(self, Segment::Data { urgent: Some(_), .. })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Segment::Data { bytes, .. } => bytes.len(),
            Segment::Fin | Segment::Reset => 0,
        }
    }
}
