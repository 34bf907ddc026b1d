//! The rules of edge-triggered readiness, as pure functions.
//!
//! - [`Readiness`] is the cached state of a descriptor between edges. Events set it, outcomes of system calls clear
//!   it.
//! - Each clear must be safe: the kernel reports a change once. Readiness that is cleared while the kernel still holds
//!   data, with no edge to come, hangs the task. The rules (C1 to C5) and the measured facts behind them are in
//!   `docs/edge-triggered.md`.
//! - Each direction keeps its own copy of the bits, HUP and ERR included: the outcome of a system call in one
//!   direction proves nothing about the other.

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
    /// `EAGAIN`, and a transfer of fewer bytes than these while nothing unusual was reported: TCP streams
    /// (rules C2 and C3).
    ShortOf(usize),
    /// `EAGAIN` and nothing else: every other descriptor (rules C4 and C5). A Unix stream stops at
    /// descriptors in flight, a datagram socket at the end of a datagram, with more behind and no new edge.
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

/// The bits that events have set and system calls have not cleared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Readiness {
    read: u8,
    write: u8,
}

// The five low bits are those of the event mask; RDHUP, bit 13 there, is moved to the sixth.
const IN: u8 = mask::IN as u8;
const PRI: u8 = mask::PRI as u8;
const OUT: u8 = mask::OUT as u8;
const ERR: u8 = mask::ERR as u8;
const HUP: u8 = mask::HUP as u8;
const RDHUP: u8 = (mask::RDHUP >> RDHUP_SHIFT) as u8;
const RDHUP_SHIFT: u32 = 8;
const _: () = assert!(IN | PRI | OUT | ERR | HUP == 0x1f && RDHUP == 0x20);

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

/// The interest of every registration.
pub(crate) const INTEREST: u32 = mask::IN | mask::OUT | mask::RDHUP | mask::PRI | mask::EDGE;

impl Readiness {
    /// All events of both directions: the end of the registration.
    pub(crate) const ALL: Readiness = Readiness { read: READ, write: WRITE };

    pub(crate) const fn at(start: Start) -> Readiness {
        match start {
            Start::Unknown => Readiness { read: UNTRIED, write: UNTRIED },
            Start::Empty => Readiness { read: 0, write: 0 },
        }
    }

    /// The readiness that an event reports.
    #[inline]
    pub(crate) const fn from_mask(mask: u32) -> Readiness {
        let bits = (mask as u8 & 0x1f) | ((mask >> RDHUP_SHIFT) as u8 & RDHUP);
        Readiness { read: bits & READ, write: bits & WRITE }
    }

    /// The same, when no event will come any more.
    pub(crate) const fn gone(self) -> Readiness {
        Readiness { read: self.read | GONE, write: self.write | GONE }
    }

    /// Whether no event will come any more.
    pub(crate) const fn is_gone(self) -> bool {
        self.read & GONE != 0
    }

    /// Whether the kernel has reported this direction as ready.
    pub(crate) const fn has_edge(self, direction: Direction) -> bool {
        self.bits(direction) & !(UNTRIED | GONE) != 0
    }

    /// Whether an event reported that writing may be over: HUP or ERR.
    pub(crate) const fn may_be_hung_up(self) -> bool {
        self.write & (HUP | ERR) != 0
    }

    /// The same, with what an event adds.
    #[inline]
    pub(crate) const fn merged(self, event: Readiness) -> Readiness {
        Readiness { read: self.read | event.read, write: self.write | event.write }
    }

    /// Whether reading, and whether writing, has become ready since `before`.
    pub(crate) const fn becomes_ready(self, before: Readiness) -> (bool, bool) {
        (self.read != 0 && before.read == 0, self.write != 0 && before.write == 0)
    }

    /// Whether an operation in this direction is worth a system call.
    #[inline]
    pub(crate) const fn is_ready(self, direction: Direction) -> bool {
        self.bits(direction) != 0
    }

    /// After `EAGAIN`: nothing is left, HUP and ERR included. (C1)
    ///
    /// A HUP that survived this would make the operation retry for ever.
    #[inline]
    pub(crate) const fn after_would_block(self, direction: Direction) -> Readiness {
        match direction {
            Direction::Read => Readiness { read: self.read & GONE, ..self },
            Direction::Write => Readiness { write: self.write & GONE, ..self },
        }
    }

    /// After a transfer of `moved` bytes. (C2, C3, C4)
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

    #[inline]
    const fn bits(self, direction: Direction) -> u8 {
        match direction {
            Direction::Read => self.read,
            Direction::Write => self.write,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASKS: [u32; 6] = [mask::IN, mask::PRI, mask::OUT, mask::ERR, mask::HUP, mask::RDHUP];

    /// Every event mask, the bits that egret does not ask for (EPOLLRDNORM and others) among them.
    fn every_mask() -> impl Iterator<Item = u32> {
        (0..64u32).flat_map(|chosen| {
            let bits = (0..6).filter(|i| chosen >> i & 1 == 1).map(|i| MASKS[i]).sum::<u32>();
            [bits, bits | mask::EDGE | 0x40 | 0x400]
        })
    }

    fn every_state() -> impl Iterator<Item = (u32, Readiness)> {
        every_mask().map(|mask| (mask, Readiness::from_mask(mask)))
    }

    #[test]
    fn an_event_is_ready_for_reading_and_for_writing_exactly_by_the_table() {
        for (mask, state) in every_state() {
            let read = mask & (mask::IN | mask::PRI | mask::RDHUP | mask::HUP | mask::ERR) != 0;
            let write = mask & (mask::OUT | mask::HUP | mask::ERR) != 0;
            assert_eq!(state.is_ready(Direction::Read), read, "{mask:#x}");
            assert_eq!(state.is_ready(Direction::Write), write, "{mask:#x}");
            assert_eq!(state.may_be_hung_up(), mask & (mask::HUP | mask::ERR) != 0, "{mask:#x}");
        }
    }

    #[test]
    fn c1_would_block_clears_its_direction_whole_and_leaves_the_other_alone() {
        // L4: a read that would block must not touch write readiness.
        for (mask, state) in every_state() {
            let read = state.after_would_block(Direction::Read);
            assert!(!read.is_ready(Direction::Read), "{mask:#x}");
            assert_eq!(read.write, state.write);
            let write = state.after_would_block(Direction::Write);
            assert!(!write.is_ready(Direction::Write), "{mask:#x}");
            assert_eq!(write.read, state.read);
        }
    }

    #[test]
    fn c2_a_short_read_clears_a_tcp_stream_only_with_nothing_unusual_cached() {
        for (mask, state) in every_state() {
            let after = state.after_transfer(Direction::Read, 1, Clears::ShortOf(2));
            let unusual = mask & (mask::RDHUP | mask::HUP | mask::ERR | mask::PRI) != 0;
            assert_eq!(after.is_ready(Direction::Read), unusual, "{mask:#x}");
            if unusual {
                assert_eq!(after, state);
            }
            assert_eq!(after.write, state.write);
        }
    }

    #[test]
    fn c3_a_short_write_clears_a_tcp_stream_only_without_hup_and_err() {
        for (mask, state) in every_state() {
            let after = state.after_transfer(Direction::Write, 1, Clears::ShortOf(2));
            let unusual = mask & (mask::HUP | mask::ERR) != 0;
            assert_eq!(after.is_ready(Direction::Write), unusual, "{mask:#x}");
            assert_eq!(after.read, state.read);
        }
    }

    #[test]
    fn c4_a_short_transfer_clears_nothing_of_any_other_descriptor() {
        for (_, state) in every_state() {
            for direction in [Direction::Read, Direction::Write] {
                assert_eq!(state.after_transfer(direction, 1, Clears::WouldBlock), state);
            }
        }
    }

    #[test]
    fn a_full_transfer_and_the_end_of_the_stream_clear_nothing() {
        for (_, state) in every_state() {
            for direction in [Direction::Read, Direction::Write] {
                assert_eq!(state.after_transfer(direction, 2, Clears::ShortOf(2)), state);
                assert_eq!(state.after_transfer(direction, 0, Clears::ShortOf(2)), state);
            }
        }
    }

    #[test]
    fn a_descriptor_whose_runtime_is_gone_is_never_waited_for() {
        for (_, state) in every_state() {
            assert!(!state.is_gone());
            let mut gone = state.gone();
            assert_eq!(gone.gone(), gone);
            for direction in [Direction::Read, Direction::Write] {
                gone = gone.after_transfer(direction, 1, Clears::ShortOf(2));
                gone = gone.after_would_block(direction);
                assert!(gone.is_gone() && gone.is_ready(direction));
            }
        }
    }

    #[test]
    fn an_event_only_ever_adds() {
        // Under Miri a part of the four million pairs, chosen without a common divisor.
        let step = if cfg!(miri) { 37 } else { 1 };
        for (_, state) in every_state().step_by(step) {
            for (_, event) in every_state().step_by(step) {
                let merged = state.merged(event);
                for direction in [Direction::Read, Direction::Write] {
                    assert_eq!(merged.bits(direction), state.bits(direction) | event.bits(direction));
                }
            }
        }
    }

    #[test]
    fn before_the_first_event_an_operation_may_be_worth_a_call_and_no_direction_is_ready() {
        for direction in [Direction::Read, Direction::Write] {
            let (unknown, empty) = (Readiness::at(Start::Unknown), Readiness::at(Start::Empty));
            assert!(unknown.is_ready(direction) && !empty.is_ready(direction));
            assert!(!unknown.has_edge(direction) && !empty.has_edge(direction));
            assert_eq!(unknown.after_would_block(direction).bits(direction), 0);
            assert_eq!(unknown.after_transfer(direction, 1, Clears::ShortOf(2)).bits(direction), 0);
            for (mask, event) in every_state() {
                let merged = unknown.merged(event);
                assert_eq!(merged.has_edge(direction), event.is_ready(direction), "{mask:#x}");
                let after = |state: Readiness| state.after_transfer(direction, 1, Clears::ShortOf(2));
                assert_eq!(after(merged).has_edge(direction), after(event).is_ready(direction), "{mask:#x}");
            }
        }
    }
}
