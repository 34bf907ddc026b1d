//! The rules of edge-triggered readiness, as pure functions.
//!
//! - [`Readiness`] is the cached state of a descriptor between edges. Events set it, outcomes of system calls clear
//!   it.
//! - Each clear must be safe: the kernel reports a change once. Readiness that is cleared while the kernel still holds
//!   data, with no edge to come, hangs the task. The rules (C1 to C5) and the measured facts behind them are in
//!   `docs/edge-triggered.md`.
//! - Each direction keeps its own copy of the bits, HUP and ERR included: the outcome of a system call in one
//!   direction proves nothing about the other.
//! - What is waited for by an [`Interest`] of its own is kept apart from both: a read that would block proves nothing
//!   about urgent data, or about the error queue.

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

/// The bits that events have set and system calls have not cleared, in three bytes: those of reading, those of writing,
/// and those that a transfer and its `EAGAIN` leave alone. As one number, in which an event is copied to all three by a
/// multiplication and merged by an OR.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Readiness(u32);

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

/// Events that are kept until [`Readiness::without`]; RDHUP for ever, as a stream that has ended does not go on.
const KEPT: u8 = PRI | RDHUP | ERR;

/// The events of a registration for everything.
pub(crate) const INTEREST: u32 = mask::IN | mask::OUT | mask::RDHUP | mask::PRI | mask::EDGE;

/// The events of a registration for `interest`. ERR and HUP are always reported.
pub(crate) const fn events_for(interest: Interest) -> u32 {
    let read = if interest.is_readable() { mask::IN | mask::RDHUP } else { 0 };
    let write = if interest.is_writable() { mask::OUT } else { 0 };
    let urgent = if interest.is_priority() { mask::PRI } else { 0 };
    read | write | urgent | mask::EDGE
}

impl Readiness {
    /// All events of both directions: the end of the registration.
    pub(crate) const ALL: Readiness = Readiness::of(READ, WRITE, 0);

    const fn of(read: u8, write: u8, kept: u8) -> Readiness {
        Readiness(u32::from_le_bytes([read, write, kept, 0]))
    }

    pub(crate) const fn at(start: Start) -> Readiness {
        match start {
            Start::Unknown => Readiness::of(UNTRIED, UNTRIED, 0),
            Start::Empty => Readiness(0),
        }
    }

    /// The readiness that an event reports.
    #[inline]
    pub(crate) const fn from_mask(mask: u32) -> Readiness {
        let bits = (mask & 0x1f) | ((mask >> RDHUP_SHIFT) & RDHUP as u32);
        Readiness((bits * Readiness::of(1, 1, 1).0) & Readiness::of(READ, WRITE, KEPT).0)
    }

    /// The same, when no event will come any more.
    pub(crate) const fn gone(self) -> Readiness {
        Readiness(self.0 | Readiness::of(GONE, GONE, 0).0)
    }

    /// Whether no event will come any more.
    pub(crate) const fn is_gone(self) -> bool {
        self.bits(Direction::Read) & GONE != 0
    }

    /// Whether the kernel has reported this direction as ready.
    pub(crate) const fn has_edge(self, direction: Direction) -> bool {
        self.bits(direction) & !(UNTRIED | GONE) != 0
    }

    /// Whether an event reported that writing may be over: HUP or ERR.
    pub(crate) const fn may_be_hung_up(self) -> bool {
        self.bits(Direction::Write) & (HUP | ERR) != 0
    }

    /// The same, with what an event adds.
    #[inline]
    pub(crate) const fn merged(self, event: Readiness) -> Readiness {
        Readiness(self.0 | event.0)
    }

    /// Whether reading, and whether writing, has become ready since `before`.
    pub(crate) fn becomes_ready(self, before: Readiness) -> (bool, bool) {
        let becomes = |direction| self.is_ready(direction) && !before.is_ready(direction);
        (becomes(Direction::Read), becomes(Direction::Write))
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
        let cleared = match direction {
            Direction::Read => Readiness::of(!GONE, 0, 0),
            Direction::Write => Readiness::of(0, !GONE, 0),
        };
        Readiness(self.0 & !cleared.0)
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

    /// What the kernel has reported, as the set of [`Interest`]s sees it.
    ///
    /// READABLE is an event that a read would answer: bytes, an urgent mark, or an error. An end alone is READ_CLOSED.
    pub(crate) fn reported(self) -> Ready {
        let [read, write, kept, _] = self.0.to_le_bytes();
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

    /// Whether an operation for `interest` is worth a system call: before the first event only where the operation is
    /// a transfer, whose `EAGAIN` corrects the assumption.
    pub(crate) fn is_worth_a_call(self, interest: Interest) -> bool {
        interest.directions().any(|direction| self.is_ready(direction))
            || !(self.reported() & interest.answers()).is_empty()
    }

    /// After an operation for `interest` that would have blocked. Each of the set is cleared on its own. An urgent
    /// mark or an error that was taken is still cached for reading: the next short read proves nothing.
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

    /// The bits of one direction.
    #[inline]
    pub(crate) const fn bits(self, direction: Direction) -> u8 {
        match direction {
            Direction::Read => self.0 as u8,
            Direction::Write => (self.0 >> 8) as u8,
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

    fn read_bits(state: Readiness) -> u8 {
        state.bits(Direction::Read)
    }

    fn write_bits(state: Readiness) -> u8 {
        state.bits(Direction::Write)
    }

    fn kept(state: Readiness) -> u8 {
        state.0.to_le_bytes()[2]
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
            assert_eq!((write_bits(read), kept(read)), (write_bits(state), kept(state)));
            let write = state.after_would_block(Direction::Write);
            assert!(!write.is_ready(Direction::Write), "{mask:#x}");
            assert_eq!((read_bits(write), kept(write)), (read_bits(state), kept(state)));
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
            assert_eq!((write_bits(after), kept(after)), (write_bits(state), kept(state)));
        }
    }

    #[test]
    fn c3_a_short_write_clears_a_tcp_stream_only_without_hup_and_err() {
        for (mask, state) in every_state() {
            let after = state.after_transfer(Direction::Write, 1, Clears::ShortOf(2));
            let unusual = mask & (mask::HUP | mask::ERR) != 0;
            assert_eq!(after.is_ready(Direction::Write), unusual, "{mask:#x}");
            assert_eq!((read_bits(after), kept(after)), (read_bits(state), kept(state)));
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

    /// Every set but the empty one.
    fn every_interest() -> impl Iterator<Item = Interest> {
        let all = [Interest::READABLE, Interest::WRITABLE, Interest::PRIORITY, Interest::ERROR];
        (1..16u8).map(move |chosen| {
            let of = all.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1).map(|(_, one)| *one);
            of.reduce(Interest::add).unwrap()
        })
    }

    #[test]
    fn an_event_is_reported_by_the_table() {
        for (mask, state) in every_state() {
            let has = |bits| mask & bits != 0;
            let reported = state.reported();
            let readable = has(mask::IN | mask::PRI | mask::ERR);
            assert_eq!(!(reported & Ready::READABLE).is_empty(), readable, "{mask:#x}");
            assert_eq!(reported.is_read_closed(), has(mask::RDHUP | mask::HUP), "{mask:#x}");
            assert_eq!(!(reported & Ready::WRITABLE).is_empty(), has(mask::OUT), "{mask:#x}");
            assert_eq!(reported.is_write_closed(), has(mask::ERR | mask::HUP), "{mask:#x}");
            assert_eq!(reported.is_priority(), has(mask::PRI), "{mask:#x}");
            assert_eq!(reported.is_error(), has(mask::ERR), "{mask:#x}");
            // A wait for a direction and one for its set end by the same events.
            for (direction, interest) in
                [(Direction::Read, Interest::READABLE), (Direction::Write, Interest::WRITABLE)]
            {
                let by_set = !(reported & interest.answers()).is_empty();
                assert_eq!(state.has_edge(direction), by_set, "{mask:#x}");
            }
        }
    }

    #[test]
    fn an_operation_that_would_block_clears_what_it_was_for_and_nothing_else() {
        for (mask, state) in every_state() {
            for interest in every_interest() {
                let after = state.without(interest);
                let cleared = |of: Interest| interest.remove(of) != Some(interest);
                for (direction, of) in
                    [(Direction::Read, Interest::READABLE), (Direction::Write, Interest::WRITABLE)]
                {
                    let expected = if cleared(of) { 0 } else { state.bits(direction) };
                    assert_eq!(after.bits(direction), expected, "{mask:#x} {interest:?}");
                }
                let (before, after) = (state.reported(), after.reported());
                assert_eq!(after.is_priority(), before.is_priority() && !interest.is_priority());
                assert_eq!(after.is_error(), before.is_error() && !interest.is_error());
                // The end of the stream stays reported.
                assert!(after.is_read_closed() || mask & mask::RDHUP == 0, "{mask:#x} {interest:?}");
            }
        }
    }

    #[test]
    fn an_urgent_mark_that_was_taken_keeps_a_short_read_from_clearing() {
        let state = Readiness::from_mask(mask::IN | mask::PRI).without(Interest::PRIORITY);
        let after = state.after_transfer(Direction::Read, 1, Clears::ShortOf(2));
        assert!(after.is_ready(Direction::Read) && !after.reported().is_priority());
    }

    #[test]
    fn before_the_first_event_only_a_transfer_is_tried() {
        for interest in every_interest() {
            let transfers = interest.is_readable() || interest.is_writable();
            assert_eq!(Readiness::at(Start::Unknown).is_worth_a_call(interest), transfers);
            assert!(!Readiness::at(Start::Empty).is_worth_a_call(interest));
            assert_eq!(Readiness::at(Start::Unknown).reported(), Ready::EMPTY);
        }
    }

    #[test]
    fn the_events_of_a_registration_are_those_of_its_interest() {
        let all = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        assert_eq!(events_for(all), INTEREST);
        assert_eq!(events_for(Interest::READABLE), mask::IN | mask::RDHUP | mask::EDGE);
        assert_eq!(events_for(Interest::WRITABLE), mask::OUT | mask::EDGE);
        assert_eq!(events_for(Interest::PRIORITY), mask::PRI | mask::EDGE);
        assert_eq!(events_for(Interest::ERROR), mask::EDGE);
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
