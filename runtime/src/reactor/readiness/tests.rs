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
