//! The rules of edge-triggered readiness, as pure functions.
//!
//! - [`Readiness`] is the cached state of a descriptor between edges. Events set it, outcomes of system calls clear
//!   it.
//! - Each clear must be safe: the kernel reports a change once. Readiness that is cleared while the kernel still holds
//!   data, with no edge to come, hangs the task. The rules (C1 to C5) and the measured facts behind them are in
//!   `docs/edge-triggered.md`.
//! - Each direction keeps its own copy of the bits, HUP and ERR included: the outcome of a system call in one
//!   direction proves nothing about the other.
//! - A second copy of some bits answers waits for an [`Interest`] in urgent data, an error or the end: a read that would
//!   block proves nothing about these.

use super::interest::Interest;
use super::ready::Ready;
use crate::sys::mask;

/// A direction of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// `recv`, `accept` and the like.
    Read,
    /// `send`, `connect` and the like.
    Write,
}

/// Which outcomes of a transfer prove that a descriptor is not ready any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clears {
    /// `EAGAIN`, and a transfer of fewer bytes than these that was not [cut](crate::sys::Moved::cut), while nothing
    /// unusual was reported: streams of sockets (rules C2 and C3).
    ShortOf(usize),
    /// `EAGAIN` and nothing else: every other descriptor, and the writing side of a Unix stream (rules C4 and C5). A
    /// datagram socket stops at the end of a datagram, with more behind and no new edge.
    WouldBlock,
}

/// Whether operations wait for the first event, which comes with the registration when the descriptor is ready.
///
/// Only an operation that makes the system call itself may run before the event. Waiting for readiness
/// ([`ready`](crate::io::Registration::ready)) always waits for it: a pidfd or a connecting socket has no operation
/// whose `WouldBlock` would correct the assumption.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// The first operation makes its system call at once: descriptors that are accepted, connected or listening.
    Unknown,
    /// The first operation waits for an event: a socket that is connecting, a FIFO that may not have a writer yet.
    Empty,
}

/// The bits that events have set and system calls have not cleared, in three bytes: those of writing, those of reading,
/// and those that a transfer and its `EAGAIN` leave alone. As one number, in which an event is copied to all three by a
/// multiplication and merged by an OR. RDHUP is in the second byte of an event, and the multiplication adds the two bytes
/// in all but the first of the three, which is that of writing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Readiness(u32);

// The five low bits are those of the first byte of an event mask; RDHUP is the sixth of the second byte.
const IN: u8 = mask::IN as u8;
const PRI: u8 = mask::PRI as u8;
const OUT: u8 = mask::OUT as u8;
const ERR: u8 = mask::ERR as u8;
const HUP: u8 = mask::HUP as u8;
const RDHUP: u8 = (mask::RDHUP >> RDHUP_SHIFT) as u8;
const RDHUP_SHIFT: u32 = 8;
const _: () = assert!(IN | PRI | OUT | ERR | HUP == 0x1f && RDHUP == 0x20);
/// All that counts of an event: disjoint bits in its two bytes.
const REPORTED: u32 = 0x1f | mask::RDHUP;

/// No operation has returned `WouldBlock` since the registration: operations make a system call before the first
/// event. It is not readiness: see [`Readiness::has_edge`].
const UNTRIED: u8 = 0x40;

/// The runtime is gone and no edge will come. Counts as ready, so that no task waits: an operation is tried on what
/// the kernel still holds, and fails when it would block. Never cleared.
const GONE: u8 = 0x80;

/// Events that concern the reading side.
const READ: u8 = IN | PRI | RDHUP | HUP | ERR;
/// Events that concern the writing side.
const WRITE: u8 = OUT | HUP | ERR;

/// Events that are kept until [`Readiness::without`]; RDHUP for ever, as a stream that has ended does not go on.
const KEPT: u8 = PRI | RDHUP | ERR;

/// The events of a registration for everything.
pub(crate) const INTEREST: u32 = mask::IN | mask::OUT | mask::RDHUP | mask::PRI | mask::EDGE;

/// Returns the events of a registration for `interest`. ERR and HUP are always reported.
pub(crate) const fn events_for(interest: Interest) -> u32 {
    let read = if interest.is_readable() { mask::IN | mask::RDHUP } else { 0 };
    let write = if interest.is_writable() { mask::OUT } else { 0 };
    let urgent = if interest.is_priority() { mask::PRI } else { 0 };
    read | write | urgent | mask::EDGE
}

impl Readiness {
    /// All events of both directions: the end of the registration.
    // Not by `of`: what a constant calls, `.ci/mutants` cannot switch at run time.
    pub(crate) const ALL: Readiness = Readiness(u32::from_le_bytes([WRITE, READ, 0, 0]));

    const fn of(read: u8, write: u8, kept: u8) -> Readiness {
        Readiness(u32::from_le_bytes([write, read, kept, 0]))
    }

    pub(crate) const fn at(start: Start) -> Readiness {
        match start {
            Start::Unknown => Readiness::of(UNTRIED, UNTRIED, 0),
            Start::Empty => Readiness(0),
        }
    }

    /// Returns the readiness that an event reports.
    #[inline]
    pub(crate) const fn from_mask(mask: u32) -> Readiness {
        Readiness((mask & REPORTED).wrapping_mul(0x10101) & Readiness::of(READ, WRITE, KEPT).0)
    }

    /// Returns this readiness as it is when no event will come any more.
    pub(crate) const fn gone(self) -> Readiness {
        Readiness(self.0 | Readiness::of(GONE, GONE, 0).0)
    }

    /// Returns whether no event will come any more.
    pub(crate) const fn is_gone(self) -> bool {
        self.bits(Direction::Read) & GONE != 0
    }

    /// Returns whether the kernel has reported this direction as ready.
    pub(crate) const fn has_edge(self, direction: Direction) -> bool {
        self.bits(direction) & !(UNTRIED | GONE) != 0
    }

    /// Returns whether an event reported that writing may be over: HUP or ERR.
    pub(crate) const fn may_be_hung_up(self) -> bool {
        self.bits(Direction::Write) & (HUP | ERR) != 0
    }

    /// Returns this readiness with what an event adds.
    #[inline]
    pub(crate) const fn merged(self, event: Readiness) -> Readiness {
        Readiness(self.0 | event.0)
    }

    /// Returns whether reading, and whether writing, has become ready since `before`.
    pub(crate) fn becomes_ready(self, before: Readiness) -> (bool, bool) {
        let becomes = |direction| self.is_ready(direction) && !before.is_ready(direction);
        (becomes(Direction::Read), becomes(Direction::Write))
    }

    /// Returns whether an operation in this direction is worth a system call.
    #[inline]
    pub(crate) const fn is_ready(self, direction: Direction) -> bool {
        self.bits(direction) != 0
    }

    /// Returns what is cached after `EAGAIN`: nothing is left, HUP and ERR included. (C1)
    ///
    /// A HUP that survived this would make the operation retry for ever.
    #[inline]
    pub(crate) const fn after_would_block(self, direction: Direction) -> Readiness {
        let cleared = match direction {
            Direction::Read => Readiness::of(!GONE, 0, 0),
            Direction::Write => Readiness::of(0, !GONE, 0),
        };
        Readiness(self.0 & !cleared.0)
    }

    /// Returns what is cached after a transfer of `moved` bytes. (C2, C3, C4)
    ///
    /// With anything unusual cached, a short transfer proves nothing: at an urgent mark, a FIN or a reset more is
    /// queued, and its edge has come already. Nor does a transfer of no bytes: it is the end of the stream, which
    /// stays readable.
    #[inline]
    pub(crate) const fn after_transfer(
        self,
        direction: Direction,
        moved: usize,
        clears: Clears,
    ) -> Readiness {
        let plain = match direction {
            Direction::Read => IN,
            Direction::Write => OUT,
        };
        let only_plain = self.bits(direction) & !(plain | UNTRIED) == 0;
        match clears {
            Clears::ShortOf(wanted) if moved < wanted && moved != 0 && only_plain => {
                self.after_would_block(direction)
            }
            Clears::ShortOf(_) | Clears::WouldBlock => self,
        }
    }

    /// Returns what the kernel has reported, as the set of [`Interest`]s sees it.
    ///
    /// READABLE is an event that a read would answer: bytes, an urgent mark, or an error. An end alone is READ_CLOSED.
    pub(crate) fn reported(self) -> Ready {
        let [write, read, kept, _] = self.0.to_le_bytes();
        [
            (read & (IN | PRI | ERR) != 0, Ready::READABLE),
            (read & (HUP | RDHUP) != 0 || kept & RDHUP != 0, Ready::READ_CLOSED),
            (write & OUT != 0, Ready::WRITABLE),
            (write & (HUP | ERR) != 0, Ready::WRITE_CLOSED),
            (kept & PRI != 0, Ready::PRIORITY),
            (kept & ERR != 0, Ready::ERROR),
        ]
        .into_iter()
        .filter(|(is_set, _)| *is_set)
        .fold(Ready::EMPTY, |all, (_, one)| all | one)
    }

    /// Returns whether an operation for `interest` is worth a system call: before the first event only where the
    /// operation is a transfer, whose `EAGAIN` corrects the assumption.
    pub(crate) fn is_worth_a_call(self, interest: Interest) -> bool {
        interest.directions().any(|direction| self.is_ready(direction))
            || !(self.reported() & interest.answers()).is_empty()
    }

    /// Returns what is cached after an operation for `interest` that would have blocked. Each of the set is cleared
    /// on its own. An urgent mark or an error that was taken is still cached for reading: the next short read proves
    /// nothing.
    pub(crate) fn without(mut self, interest: Interest) -> Readiness {
        for direction in interest.directions() {
            self = self.after_would_block(direction);
        }
        if interest.is_priority() {
            self.0 &= !Readiness::of(0, 0, PRI).0;
        }
        if interest.is_error() {
            self.0 &= !Readiness::of(0, 0, ERR).0;
        }
        self
    }

    /// Returns the bits of one direction.
    #[inline]
    pub(crate) const fn bits(self, direction: Direction) -> u8 {
        match direction {
            Direction::Write => self.0 as u8,
            Direction::Read => (self.0 >> 8) as u8,
        }
    }
}

#[cfg(test)]
mod tests;
