//! The heap compared with a sorted list.

mod buckets;

use super::near::ARITY;
use super::*;
use crate::sys::Backend;
use crate::wake::key::TaskKey;
use proptest::prelude::*;
use std::task::Waker;

/// 2^30 ms in nanoseconds: where millisecond wheels wrap.
const FAR: u64 = (1 << 30) * 1_000_000;

fn clock() -> Rc<Clock> {
    Rc::new(Clock::new(Backend::current()))
}

/// On a clock that has run for long: what these tests set is near.
fn timers() -> Rc<Timers> {
    Timers::new(clock())
}

/// A waker of an executor that does not exist, which `fire` hands back.
fn waker(number: u32) -> Waker {
    waker::new(TaskKey::new(50_000, 0, number))
}

/// Fires, and returns the woken timers in order.
fn fire(timers: &Timers, now: u64) -> Vec<u32> {
    let mut foreign = Vec::new();
    let fired = timers.fire(now, &RunQueue::new(50_001, 0), &mut foreign);
    assert_eq!(fired, foreign.len());
    foreign.iter().map(|waker| waker::key_of(waker).unwrap().index()).collect()
}

#[test]
fn timers_of_one_deadline_fire_in_the_order_in_which_they_were_set() {
    // T9
    let timers = timers();
    let set: Vec<_> = (0..100).map(|number| timers.clone().set(7, &waker(number), Site::caller())).collect();
    assert_eq!(fire(&timers, 6), []);
    assert_eq!(fire(&timers, 7), (0..100).collect::<Vec<_>>());
    assert!(set.iter().all(HeapTimer::has_fired));
}

#[test]
fn a_timer_that_is_reset_to_its_own_deadline_keeps_its_turn_and_one_that_comes_from_later_does_not() {
    let timers = timers();
    let set: Vec<_> = (0..4).map(|number| timers.clone().set(7, &waker(number), Site::caller())).collect();
    let later = timers.clone().set(8, &waker(4), Site::caller());
    set[0].reset(7);
    later.reset(7);
    assert_eq!(fire(&timers, 7), [0, 1, 2, 3, 4]);
}

#[test]
fn the_next_deadline_is_the_earliest_and_not_the_last_or_the_first_set() {
    // T8, L17
    let timers = timers();
    let _a = timers.clone().set(10_000, &waker(0), Site::caller());
    assert_eq!(timers.next(), Some(10_000));
    let _b = timers.clone().set(1_000, &waker(1), Site::caller());
    let _c = timers.clone().set(5_000, &waker(2), Site::caller());
    assert_eq!(timers.next(), Some(1_000));
}

#[test]
fn the_node_that_takes_the_place_of_a_removed_one_moves_up_where_it_is_before_its_parent() {
    let timers = timers();
    // As they lie in the heap: the children of 10 are 11 to 14, those of 2 are 3 to 6.
    let deadlines = [1, 10, 2, 20, 30, 11, 12, 13, 14, 3, 4, 5, 6];
    let all: Vec<_> = (0..)
        .zip(deadlines)
        .map(|(number, at)| timers.clone().set(at * 1_000, &waker(number), Site::caller()))
        .collect();
    all[5].reset(500); // 6, which is the last, takes its place below 10
    assert_eq!(fire(&timers, 100_000), [5, 0, 2, 9, 10, 11, 12, 1, 6, 7, 8, 3, 4]);
}

#[test]
fn no_deadline_is_special() {
    // T2
    let timers = timers();
    let set: Vec<_> = [u64::MAX, u64::MAX - 1, u64::MAX - 2]
        .map(|deadline| timers.clone().set(deadline, &waker(0), Site::caller()))
        .into();
    assert_eq!(fire(&timers, u64::MAX - 3), []);
    assert_eq!(timers.next(), Some(u64::MAX - 2));
    set[0].reset(u64::MAX - 3);
    set[1].reset(u64::MAX);
    assert_eq!(fire(&timers, u64::MAX - 3).len(), 1);
    assert_eq!(fire(&timers, u64::MAX).len(), 2);
    assert_eq!(timers.next(), None);
}

#[test]
fn a_timer_that_is_moved_to_a_later_time_stays_where_it_is_in_the_heap() {
    let timers = timers();
    let set: Vec<_> = (0..50)
        .map(|number| timers.clone().set(1_000 + u64::from(number), &waker(number), Site::caller()))
        .collect();
    let sequence = timers.inner.borrow().sequence;
    let rounds = if cfg!(miri) { 10 } else { 1_000 };
    for later in 1..=rounds {
        for timer in &set {
            timer.reset(10_000 + later);
        }
    }
    assert_eq!(timers.inner.borrow().sequence, sequence, "no node was made");
    assert_eq!(timers.next(), Some(10_000 + rounds));
    assert_eq!(fire(&timers, 9_999 + rounds), []);
    assert_eq!(fire(&timers, 10_000 + rounds).len(), 50);
}

#[test]
fn a_loop_that_looks_between_moves_puts_nothing_right_until_something_may_be_due() {
    let timers = timers();
    let set: Vec<_> = (0..50)
        .map(|number| timers.clone().set(1_000 + u64::from(number), &waker(number), Site::caller()))
        .collect();
    let sequence = timers.inner.borrow().sequence;
    for later in 1..=10 {
        for timer in &set {
            timer.reset(10_000 + later);
        }
        assert_eq!((timers.not_after_next(), fire(&timers, 999)), (Some(1_000), vec![]));
    }
    assert_eq!(timers.inner.borrow().sequence, sequence, "no node was made");
    // The wait that ends too early corrects the heap, so the next one does not end early.
    assert_eq!(fire(&timers, 1_000), []);
    assert_eq!(timers.not_after_next(), Some(10_010));
}

#[test]
fn a_timer_that_has_fired_is_left_alone_by_a_reset() {
    // T20
    let timers = timers();
    let timer = timers.clone().set(1, &waker(0), Site::caller());
    assert_eq!(fire(&timers, 1), [0]);
    timer.reset(2);
    assert_eq!(timers.next(), None);
    assert!(timer.has_fired());
}

#[test]
fn what_is_dropped_leaves_nothing_behind() {
    let timers = timers();
    for _ in 0..3 {
        let many = if cfg!(miri) { 50 } else { 1_000 };
        let mut set: Vec<_> =
            (0..many).map(|n| timers.clone().set(n * 7919 % 1_000, &waker(0), Site::caller())).collect();
        while !set.is_empty() {
            set.swap_remove(set.len() / 3);
        }
        assert_eq!((timers.len(), timers.inner.borrow().entries_alive()), (0, 0));
    }
}

#[test]
fn what_has_not_fired_when_the_runtime_ends_is_an_orphan_and_may_be_reset_and_dropped() {
    let timers = timers();
    let set: Vec<_> = (0..9).map(|n| timers.clone().set(5 + n, &waker(0), Site::caller())).collect();
    timers.close();
    for timer in &set {
        assert!(timer.is_orphan() && !timer.has_fired());
        timer.reset(1);
    }
    let late = timers.clone().set(5, &waker(0), Site::caller());
    assert!(!late.has_fired());
    drop((set, late));
    assert_eq!((timers.len(), timers.inner.borrow().entries_alive()), (0, 0));
}

#[test]
fn a_timer_that_a_task_drops_and_sets_again_for_later_makes_no_node_and_fires_at_its_own_deadline() {
    let timers = timers();
    let mut timer = timers.clone().set(1_000, &waker(0), Site::caller());
    let sequence = timers.inner.borrow().sequence;
    for later in 1..=100 {
        drop(timer);
        timer = timers.clone().set(1_000 + later, &waker(0), Site::caller());
        assert_eq!((timers.len(), timers.inner.borrow().entries_alive()), (1, 1));
    }
    assert_eq!(timers.inner.borrow().sequence, sequence, "no node was made");
    assert_eq!((fire(&timers, 1_099), timer.has_fired()), (vec![], false));
    assert_eq!((fire(&timers, 1_100), timer.has_fired()), (vec![0], true));
}

#[test]
fn a_timer_takes_the_entry_of_one_of_another_task_or_of_a_later_deadline_for_nothing() {
    let timers = timers();
    for (next, deadline) in [(0, 999), (1, 1_000), (1, 2_000)] {
        drop(timers.clone().set(1_000, &waker(0), Site::caller()));
        let timer = timers.clone().set(deadline, &waker(next), Site::caller());
        assert_eq!((fire(&timers, deadline - 1), timers.len()), (vec![], 1));
        assert_eq!(fire(&timers, deadline), [next]);
        assert!(timer.has_fired());
    }
}

#[test]
fn a_timer_that_was_dropped_does_not_fire_and_is_no_deadline() {
    let timers = timers();
    let drop_one = || drop(timers.clone().set(1_000, &waker(0), Site::caller()));
    drop_one();
    assert_eq!(timers.not_after_next(), None);
    drop_one();
    assert_eq!(timers.next(), None);
    drop_one();
    assert_eq!(timers.work_is_due_at(), u64::MAX - far::AHEAD);
    drop_one();
    assert_eq!(fire(&timers, 1_000), []);
    assert!(timers.is_empty());
    drop_one();
    timers.close();
    assert_eq!((timers.len(), timers.inner.borrow().entries_alive()), (0, 0));
}

#[test]
fn a_foreign_waker_is_dropped_with_its_timer_also_where_it_replaced_a_task() {
    struct Foreign;
    impl std::task::Wake for Foreign {
        fn wake(self: std::sync::Arc<Self>) {}
    }
    let timers = timers();
    let alive = std::sync::Arc::new(Foreign);
    let foreign = Waker::from(alive.clone());
    drop(timers.clone().set(1_000, &foreign, Site::caller()));
    assert_eq!(std::sync::Arc::strong_count(&alive), 2);
    let timer = timers.clone().set(1_000, &waker(0), Site::caller());
    timer.set_waker(&foreign, Site::caller());
    assert_eq!(std::sync::Arc::strong_count(&alive), 3);
    drop(timer);
    assert_eq!(std::sync::Arc::strong_count(&alive), 2);
}

#[derive(Clone, Debug)]
enum Step {
    Set(u64),
    Reset(usize, u64),
    Cancel(usize),
    /// Drops one and sets one with the same waker.
    Rearm(usize, u64),
    Fire(u64),
}

/// Distances that matter: zero, neighbours, ordinary ones, the wrap of a wheel, the end of the range.
fn distance() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 0..4u64,
        6 => 0..10_000u64,
        6 => 0..100_000_000_000u64, // the buckets, and a lap of them and a half
        2 => (0..5u64).prop_map(|n| n * FAR),
        1 => FAR - 2..FAR + 2,
        1 => u64::MAX - 3..=u64::MAX,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => distance().prop_map(Step::Set),
        3 => (any::<usize>(), distance()).prop_map(|(which, distance)| Step::Reset(which, distance)),
        2 => any::<usize>().prop_map(Step::Cancel),
        3 => (any::<usize>(), distance()).prop_map(|(which, distance)| Step::Rearm(which, distance)),
        2 => distance().prop_map(Step::Fire),
    ]
}

/// One timer of the model.
struct Modelled {
    number: u32,
    deadline: u64,
    timer: HeapTimer,
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 512 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Within one deadline the order is that of setting. A timer that a reset moved there has no promised place, so
    /// these are compared as a set.
    #[test]
    fn the_heap_does_what_a_sorted_list_does(exact: bool, steps in prop::collection::vec(step(), 1..if cfg!(miri) { 40 } else { 300 })) {
        let timers = Timers::since(0, clock());
        let mut model: Vec<Modelled> = Vec::new();
        let (mut now, mut number) = (0u64, 0u32);
        for step in steps {
            match step {
                Step::Set(distance) => {
                    let deadline = now.saturating_add(distance);
                    model.push(Modelled { number, deadline, timer: timers.clone().set(deadline, &waker(number), Site::caller()) });
                    number += 1;
                }
                Step::Reset(which, distance) if !model.is_empty() => {
                    let which = which % model.len();
                    let modelled = &mut model[which];
                    modelled.deadline = now.saturating_add(distance);
                    modelled.timer.reset(modelled.deadline);
                }
                Step::Cancel(which) if !model.is_empty() => {
                    model.swap_remove(which % model.len());
                }
                Step::Rearm(which, distance) if !model.is_empty() => {
                    let which = which % model.len();
                    let Modelled { number, timer, .. } = model.swap_remove(which);
                    drop(timer);
                    let deadline = now.saturating_add(distance);
                    model.push(Modelled { number, deadline, timer: timers.clone().set(deadline, &waker(number), Site::caller()) });
                }
                Step::Reset(..) | Step::Cancel(_) | Step::Rearm(..) => {}
                Step::Fire(distance) => {
                    now = now.saturating_add(distance);
                    let fired = fire(&timers, now);
                    let mut expected: Vec<(u64, u32)> = Vec::new();
                    model.retain(|modelled| {
                        let due = modelled.deadline <= now;
                        if due {
                            assert!(modelled.timer.has_fired());
                            expected.push((modelled.deadline, modelled.number));
                        } else {
                            assert!(!modelled.timer.has_fired());
                        }
                        !due
                    });
                    expected.sort_unstable();
                    let deadline_of = |number: u32| expected.iter().find(|e| e.1 == number).map(|e| e.0);
                    let deadlines: Vec<_> = fired.iter().map(|&number| deadline_of(number)).collect();
                    prop_assert!(deadlines.is_sorted(), "{deadlines:?}");
                    let mut fired = fired;
                    fired.sort_unstable();
                    let mut numbers: Vec<_> = expected.iter().map(|e| e.1).collect();
                    numbers.sort_unstable();
                    prop_assert_eq!(fired, numbers);
                }
            }
            let next = model.iter().map(|modelled| modelled.deadline).min();
            prop_assert_eq!(timers.not_after_next().is_some(), next.is_some());
            prop_assert!(timers.not_after_next() <= next);
            timers.inner.borrow().check();
            if exact {
                prop_assert_eq!(timers.next(), next);
            }
            prop_assert_eq!(timers.len(), model.len());
            timers.inner.borrow().check();
        }
    }
}

impl TimersInner {
    /// Each node is not before its parent, and each entry knows where its node is.
    fn check(&self) {
        for (position, node) in self.heap.iter().enumerate() {
            if position > 0 {
                assert!(!node.before(&self.heap[(position - 1) / ARITY]));
            }
            assert_eq!(self.entries[node.entry as usize].place, NodePlace::Heap(position as u32));
        }
        self.far.check(|entry| self.entries[entry as usize].place);
        assert_eq!(
            self.heap.len() + self.far.len(),
            self.entries.iter().filter(|entry| entry.waker.is_some()).count()
        );
    }

    fn entries_alive(&self) -> usize {
        self.entries.iter().filter(|entry| !matches!(entry.place, NodePlace::Free(_))).count()
    }
}
