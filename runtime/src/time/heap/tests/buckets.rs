//! The buckets of the deadlines that are more than a moment away.

use super::*;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const TEN_MINUTES: u64 = 10 * MINUTE;
/// After so long a bucket has its turn again.
const LAP: u64 = 256 * far::AHEAD;

fn timers() -> Rc<Timers> {
    Timers::since(0, clock())
}

fn set(timers: &Rc<Timers>, deadline: u64, number: u32) -> HeapTimer {
    timers.clone().set(deadline, &waker(number), Site::caller())
}

#[test]
fn a_far_deadline_is_near_before_it_is_due_and_costs_the_heap_nothing_until_then() {
    let timers = timers();
    let set: Vec<_> = (0..50).map(|n| set(&timers, MINUTE + n, n as u32)).collect();
    assert_eq!((timers.inner.borrow().heap.len(), timers.not_after_next()), (0, Some(MINUTE)));
    assert!(timers.work_is_due_at() < MINUTE);
    assert_eq!(fire(&timers, MINUTE - 3 * far::AHEAD), []);
    assert_eq!(timers.inner.borrow().heap.len(), 0);
    assert_eq!(fire(&timers, timers.work_is_due_at()), []);
    assert_eq!(timers.inner.borrow().heap.len(), 50);
    assert_eq!(timers.work_is_due_at(), MINUTE);
    assert_eq!(fire(&timers, MINUTE + 48), (0..49).collect::<Vec<_>>());
    assert!(!set[49].has_fired());
    drop(set);
    assert_eq!(timers.not_after_next(), None);
}

#[test]
fn the_only_far_deadline_is_none_any_more_when_it_is_dropped() {
    let timers = timers();
    drop(set(&timers, MINUTE, 0));
    assert_eq!(timers.not_after_next(), None);
}

#[test]
fn the_last_deadline_that_there_is_is_found_too() {
    let timers = timers();
    let _last = set(&timers, u64::MAX, 0);
    assert_eq!(timers.next(), Some(u64::MAX));
}

#[test]
fn a_deadline_that_is_laps_of_the_buckets_away_is_looked_at_once_a_lap_and_in_the_heap_in_the_last_one_only()
{
    let timers = timers();
    let _timer = set(&timers, TEN_MINUTES, 0);
    // Once a sooner one has gone, the bound is that of the bucket.
    let _sooner = set(&timers, SECOND, 1);
    assert_eq!(fire(&timers, SECOND), [1]);
    let (mut looks, mut last) = (0, SECOND);
    while let Some(due) = timers.not_after_next().filter(|due| *due < TEN_MINUTES - SECOND) {
        assert!(due > last && due <= last + LAP + far::AHEAD);
        assert_eq!((fire(&timers, due), timers.inner.borrow().heap.len()), (vec![], 0));
        (looks, last) = (looks + 1, due);
    }
    assert_eq!(looks, TEN_MINUTES / LAP);
    assert_eq!(fire(&timers, TEN_MINUTES - 1), []);
    assert_eq!(fire(&timers, TEN_MINUTES), [0]);
}

#[test]
fn a_bucket_of_many_that_are_a_lap_away_keeps_them_when_one_of_its_own_is_near() {
    let timers = timers();
    let many: Vec<_> = (0..100).map(|n| set(&timers, MINUTE + LAP + u64::from(n), n)).collect();
    let _soon = set(&timers, MINUTE, 100);
    assert_eq!(fire(&timers, MINUTE), [100]);
    timers.inner.borrow().check();
    assert_eq!((timers.len(), timers.inner.borrow().heap.len()), (100, 0));
    assert_eq!(fire(&timers, MINUTE + LAP + 100), (0..100).collect::<Vec<_>>());
    assert!(many.iter().all(HeapTimer::has_fired));
}

#[test]
fn a_bucket_that_is_emptied_keeps_memory_for_some() {
    let timers = timers();
    for (count, is_kept) in [(10, true), (100, false)] {
        let _many: Vec<_> = (0..count).map(|n| set(&timers, MINUTE, n)).collect();
        assert!(timers.inner.borrow().far.capacity() >= count as usize);
        timers.inner.borrow_mut().gather();
        assert_eq!(timers.inner.borrow().far.capacity() > 0, is_kept);
    }
}

#[test]
fn a_far_timer_is_an_orphan_too_when_the_runtime_ends() {
    let timers = timers();
    let timer = set(&timers, TEN_MINUTES, 0);
    timers.close();
    assert!(timer.is_orphan() && !timer.has_fired());
    assert_eq!((timers.len(), timers.not_after_next()), (0, None));
    drop(timer);
    assert_eq!((timers.len(), timers.inner.borrow().entries_alive()), (0, 0));
}
