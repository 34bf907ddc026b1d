use super::*;

fn ring(records: usize) -> Ring {
    Ring::new(records * size_of::<RingSlot>())
}

/// The causes of the records in a ring, the oldest first, without void ones.
fn causes(ring: &Ring) -> Vec<u64> {
    let mut causes: Vec<_> = ring.slots.iter().map(RingSlot::by).collect();
    causes.rotate_left(ring.position(ring.written.load(Ordering::Relaxed)));
    causes.retain(|by| *by != 0);
    if ring.records && ring.written.load(Ordering::Relaxed) <= LEAST as u64 {
        causes.remove(0); // the base of the first times
    }
    causes
}

#[test]
fn a_full_ring_keeps_the_last_records() {
    let ring = ring(LEAST);
    (1..=LEAST as u64 + 10).for_each(|number| ring.append(0, OTHER, number));
    assert_eq!(causes(&ring), (11..=LEAST as u64 + 10).collect::<Vec<_>>());
}

#[test]
fn a_block_that_does_not_fit_before_the_end_starts_at_the_beginning() {
    let ring = ring(LEAST);
    (1..LEAST as u64 - 1).for_each(|number| ring.append(0, OTHER, number));
    let block = ring.reserve(3, 7);
    assert_eq!(block.len(), 3);
    assert!(std::ptr::eq(&block[0], &ring.slots[0]));
    block.iter().for_each(|slot| slot.write(0, 1, 1000));
    // The one before the end was left out, and the block has taken the place of the base and the two oldest.
    let expected: Vec<_> = (3..LEAST as u64 - 1).chain([1000; 3]).collect();
    assert_eq!(causes(&ring), expected);
}

#[test]
fn without_memory_for_records_nothing_is_kept() {
    let ring = Ring::new(0);
    ring.append(0, OTHER, 1);
    assert_eq!(causes(&ring), []);
}

#[test]
fn another_thread_sees_the_poll_that_is_going_on() {
    let ring = ring(LEAST);
    assert_eq!(ring.poll(), None);
    let began = crate::observe::ticks::now();
    let block = ring.reserve(3, began);
    ring.begin(&block[0], short(crate::observe::ticks::now()), 5, BY_TIMER);
    let (index, since, number) = ring.poll().unwrap();
    assert_eq!((index, ring.polled()), (5, Some(5)));
    assert!(since + (1 << Backend::TICKS_SHIFT) >= began && since <= crate::observe::ticks::now());
    ring.begin(&block[1], short(crate::observe::ticks::now()), 6, BY_TIMER);
    let (index, again, next) = ring.poll().unwrap();
    assert!(index == 6 && again >= since && next > number);
    assert_eq!(ring.end(crate::observe::ticks::now()).map(<[_]>::len), Some(3));
    assert_eq!((ring.poll(), ring.polled()), (None, None));
}

#[test]
fn a_block_ends_with_its_last_poll_and_the_rest_of_it_is_void() {
    for polls in 0..4 {
        let ring = ring(LEAST);
        let block = ring.reserve(4, 7);
        block.iter().for_each(|slot| slot.write(0, 9, 1000)); // of the last lap
        block[..polls].iter().for_each(|slot| ring.begin(slot, 8, 1, BY_TIMER));
        let done = ring.end(1 << 40);
        assert_eq!(done.map(<[_]>::len), (polls > 0).then_some(polls + 1));
        let mut expected = vec![BY_TIMER; polls];
        expected.push(1 << 40);
        assert_eq!(causes(&ring), expected);
        assert_eq!((block[polls].index(), ring.polled()), (BLOCK_END, None));
        assert_eq!(ring.end(2 << 40).map(<[_]>::len), None);
        assert_eq!(causes(&ring), expected);
    }
}

#[test]
fn a_copy_leaves_out_the_record_that_is_being_written() {
    let ring = ring(LEAST);
    (1..=LEAST as u64 + 10).for_each(|number| ring.append(0, OTHER, number));
    ring.slots[ring.position(ring.written.load(Ordering::Relaxed))].write(9, WAIT, 1000);
    assert_eq!(ring.copy().causes(), (12..=LEAST as u64 + 10).collect::<Vec<_>>());
}

#[test]
fn a_time_of_32_bits_is_whole_again_with_a_base() {
    for base in [0, 12_345_678_901, u64::from(u32::MAX) << Backend::TICKS_SHIFT] {
        for later in [0, 64, 1 << 20, 1 << 37] {
            let at = base + later;
            let whole = after(base, short(at));
            assert!(at.abs_diff(whole) < 2 << Backend::TICKS_SHIFT, "{base} {later}");
        }
    }
}
