//! The run queue by itself.

use super::*;

fn drain(queue: &RunQueue) -> Vec<u32> {
    std::iter::from_fn(|| Some(queue.pop(|_| 0)?.index())).collect()
}

#[test]
fn a_claimed_index_is_queued_and_the_order_is_first_in_first_out() {
    let queue = RunQueue::new(1, 0);
    for index in [2, 0, 1] {
        queue.claim(index);
    }
    assert_eq!(queue.len(), 3);
    assert_eq!(drain(&queue), [2, 0, 1]);
}

#[test]
fn a_second_wake_before_the_poll_is_coalesced_and_one_after_the_pop_is_not() {
    let queue = RunQueue::new(1, 0);
    let key = queue.claim(0);
    assert_eq!(queue.wake(key), Woken::Coalesced);
    assert_eq!(drain(&queue), [0]);
    assert_eq!(queue.wake(key), Woken::Queued);
    assert_eq!(queue.wake(key), Woken::Coalesced);
    assert_eq!(drain(&queue), [0]);
    assert_eq!(queue.coalesced.get(), 2);
}

#[test]
fn a_key_of_a_task_that_is_over_wakes_nothing() {
    let queue = RunQueue::new(1, u16::MAX);
    let old = queue.claim(0);
    assert_eq!(old, TaskKey::new(1, u16::MAX, 0));
    drain(&queue);
    queue.retire(0);
    assert_eq!(queue.wake(old), Woken::Stale);
    let new = queue.claim(0);
    assert_eq!(new, TaskKey::new(1, 0, 0)); // the generation wraps, and does not run into the executor's number
    drain(&queue);
    assert_eq!(queue.wake(old), Woken::Stale);
    assert_eq!(queue.wake(new), Woken::Queued);
    assert_eq!(queue.wake(TaskKey::new(1, 0, 9)), Woken::Stale); // an index that no task has had
    assert_eq!(queue.stale.get(), 3);
    assert!(queue.is_stale(old) && !queue.is_stale(new) && queue.is_stale(TaskKey::new(1, 0, 9)));
}

#[test]
fn a_key_of_another_executor_wakes_nothing_and_is_not_stale() {
    let queue = RunQueue::new(1, 7);
    queue.claim(0);
    drain(&queue);
    for key in [TaskKey::new(2, 7, 0), TaskKey::new(2, 7, 9)] {
        assert_eq!(queue.wake(key), Woken::Elsewhere);
        assert!(!queue.is_stale(key));
    }
    assert_eq!((queue.len(), queue.stale.get()), (0, 0));
}

#[test]
fn an_index_that_is_queued_when_its_task_goes_stays_in_the_ring_once() {
    let queue = RunQueue::new(1, 0);
    queue.claim(0);
    queue.retire(0);
    queue.claim(0);
    assert_eq!(drain(&queue), [0]);
}

#[test]
#[cfg(feature = "inspect")]
fn the_keys_in_the_list_are_those_that_are_taken_out_of_it() {
    let queue = RunQueue::new(1, 0);
    assert_eq!(queue.keys(), []);
    let claimed = [2, 0, 1].map(|index| queue.claim(index));
    assert_eq!(queue.keys(), claimed);
    assert_eq!(queue.pop(|_| 1), Some(claimed[1]));
    assert_eq!(queue.keys(), [claimed[0], claimed[2]]);
    assert_eq!((queue.key_at(0), queue.key_at(9)), (Some(claimed[1]), None));
    assert_eq!(drain(&queue), [2, 1]);
    assert_eq!(queue.keys(), []);
}

#[test]
fn pick_chooses_the_position() {
    let queue = RunQueue::new(1, 0);
    for index in 0..4 {
        queue.claim(index);
    }
    assert_eq!(queue.pop(|len| len - 1), Some(TaskKey::new(1, 0, 3)));
    queue.claim(4);
    assert_eq!(queue.pop(|_| 1), Some(TaskKey::new(1, 0, 1)));
    assert_eq!(drain(&queue), [0, 2, 4]);
    queue.claim(1);
    assert_eq!(drain(&queue), [1]);
}
