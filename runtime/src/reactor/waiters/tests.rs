use super::*;
use crate::wake::queue::RunQueue;

/// The executor of [`task`], which does not exist.
const EXECUTOR: u16 = 60_001;

/// A waker of a task; equal to others of the same number.
fn task(number: u32) -> Waker {
    waker::new(TaskKey::new(EXECUTOR, 0, number))
}

/// An event of one direction.
fn mask(direction: Direction) -> Readiness {
    Readiness::from_mask(match direction {
        Direction::Read => crate::sys::mask::IN,
        Direction::Write => crate::sys::mask::OUT,
    })
}

/// The numbers of the tasks that are woken, in order.
fn woken(waiters: &Waiters, direction: Direction) -> Vec<u32> {
    let mut others = Vec::new();
    waiters.wake(mask(direction), &mut RunQueue::new(60_002, 0).batch(), &mut others);
    others.iter().map(|waker| waker::key_of(waker).map_or(u32::MAX, TaskKey::index)).collect()
}

#[test]
fn a_lone_waiter_that_comes_again_has_one_place_in_its_direction() {
    let waiters = Waiters::default();
    for _ in 0..3 {
        let _ = waiters.wait_alone(Direction::Read, &task(1), Site::caller());
        let _ = waiters.wait_alone(Direction::Write, &task(2), Site::caller());
    }
    assert_eq!(waiters.len(), 2);
    assert_eq!(woken(&waiters, Direction::Read), [1]);
    assert_eq!(woken(&waiters, Direction::Read), []);
    assert_eq!(woken(&waiters, Direction::Write), [2]);
}

#[test]
fn whoever_had_the_lone_place_is_woken_with_the_one_that_took_it_once() {
    // The first by `readable` of a stream, the others by the half that reads.
    let waiters = Waiters::default();
    let mut ticket = None;
    assert_eq!(
        waiters.wait_with_ticket(Direction::Read, &task(1), &mut ticket, Site::caller()),
        Waiting::Certain
    );
    for number in [2, 2, 3] {
        let _ = waiters.wait_alone(Direction::Read, &task(number), Site::caller());
    }
    assert_eq!(waiters.len(), 3);
    assert_eq!(woken(&waiters, Direction::Read), [3, 1, 2]);
    assert_eq!(woken(&waiters, Direction::Read), []);
}

#[test]
fn a_foreign_lone_waiter_takes_the_place_of_a_task_and_both_are_woken_once() {
    let waiters = Waiters::default();
    let _ = waiters.wait_alone(Direction::Read, &task(1), Site::caller());
    let _ = waiters.wait_alone(Direction::Read, Waker::noop(), Site::caller());
    let _ = waiters.wait_alone(Direction::Write, &task(2), Site::caller());
    assert_eq!(waiters.len(), 3);
    assert_eq!(woken(&waiters, Direction::Read), [u32::MAX, 1]);
    assert_eq!(woken(&waiters, Direction::Read), []);
    assert_eq!(woken(&waiters, Direction::Write), [2]);
}

#[test]
fn a_task_of_the_queue_is_put_in_it_and_not_handed_out() {
    let queue = RunQueue::new(60_003, 0);
    let key = queue.claim(5);
    queue.pop(|_| 0);
    let waiters = Waiters::default();
    let _ = waiters.wait_alone(Direction::Read, &waker::new(key), Site::caller());
    let mut others = Vec::new();
    waiters.wake(mask(Direction::Write), &mut queue.batch(), &mut others);
    assert_eq!(queue.len(), 0);
    waiters.wake(mask(Direction::Read), &mut queue.batch(), &mut others);
    assert_eq!((queue.len(), others.len()), (1, 0));
}

#[test]
fn a_task_of_the_queue_is_woken_first_and_every_other_waiter_is_left_to_be_set_aside() {
    let queue = RunQueue::new(60_004, 0);
    let key = queue.claim(5);
    queue.pop(|_| 0);
    let (ended, elsewhere) = (TaskKey::new(60_004, 1, 5), TaskKey::new(60_005, 0, 5));
    let waiters = Waiters::default();
    let wake_tasks = || waiters.wake_tasks(mask(Direction::Read), &mut queue.batch(), |by| by);
    let wake = || {
        let mut others = Vec::new();
        waiters.wake(mask(Direction::Read), &mut queue.batch(), &mut others);
        others.iter().map(waker::key_of).collect::<Vec<_>>()
    };
    assert!(wake_tasks());
    let _ = waiters.wait_alone(Direction::Read, &waker::new(key), Site::caller());
    assert!(wake_tasks());
    assert_eq!(queue.pop(|_| 0), Some(key));
    for (key, set_aside) in [(ended, vec![]), (elsewhere, vec![Some(elsewhere)])] {
        let _ = waiters.wait_alone(Direction::Read, &waker::new(key), Site::caller());
        assert!(!wake_tasks());
        assert_eq!((wake(), waiters.len(), queue.len()), (set_aside, 0, 0));
    }
    let _ = waiters.wait_alone(Direction::Read, Waker::noop(), Site::caller());
    let _ = waiters.wait_alone(Direction::Read, &waker::new(key), Site::caller());
    assert!(!wake_tasks());
    assert_eq!(queue.pop(|_| 0), Some(key));
    assert_eq!((wake(), queue.len()), (vec![None], 0));
}

#[test]
fn tasks_that_poll_are_all_woken_and_the_same_one_once() {
    let waiters = Waiters::default();
    for number in [1, 2, 1] {
        assert_eq!(
            waiters.wait_polled(Direction::Read, &task(number), EXECUTOR, Site::caller()),
            Waiting::Certain
        );
    }
    let _ = waiters.wait_polled(Direction::Write, &task(1), EXECUTOR, Site::caller());
    assert_eq!(woken(&waiters, Direction::Read), [1, 2]);
    assert_eq!(woken(&waiters, Direction::Write), [1]);
}

#[test]
fn of_other_wakers_that_poll_the_last_is_woken_besides_the_tasks_and_the_futures() {
    let waiters = Waiters::default();
    let (mut first, mut second) = (None, None);
    let _ = waiters.wait_with_ticket(Direction::Read, &task(1), &mut first, Site::caller());
    let _ = waiters.wait_with_ticket(Direction::Read, Waker::noop(), &mut second, Site::caller());
    let _ = waiters.wait_polled(Direction::Read, &task(2), EXECUTOR, Site::caller());
    let _ = waiters.wait_alone(Direction::Read, Waker::noop(), Site::caller());
    // Tasks of another executor, of any number.
    for number in [3, 4] {
        let other = waker::new(TaskKey::new(EXECUTOR + 1, 0, number));
        assert_eq!(
            waiters.wait_polled(Direction::Read, &other, EXECUTOR, Site::caller()),
            Waiting::LookAgain
        );
    }
    let _ = waiters.wait_polled(Direction::Write, Waker::noop(), EXECUTOR, Site::caller());
    assert_eq!(woken(&waiters, Direction::Read), [u32::MAX, 4, u32::MAX, 2, 1]);
    assert_eq!(woken(&waiters, Direction::Read), []);
    assert_eq!(woken(&waiters, Direction::Write), [u32::MAX]);
}

#[test]
fn a_million_polls_with_new_wakers_keep_the_last_in_each_direction() {
    struct Foreign;
    impl std::task::Wake for Foreign {
        fn wake(self: std::sync::Arc<Self>) {}
    }
    let waiters = Waiters::default();
    let mut alive = std::collections::VecDeque::new();
    for poll in 0..if cfg!(miri) { 100 } else { 1_000_000 } {
        let foreign = std::sync::Arc::new(Foreign);
        let direction = [Direction::Read, Direction::Write][poll % 2];
        let _ = waiters.wait_polled(direction, &Waker::from(foreign.clone()), EXECUTOR, Site::caller());
        alive.push_back(std::sync::Arc::downgrade(&foreign));
        if alive.len() > 2 {
            assert_eq!(alive.pop_front().unwrap().strong_count(), 0, "at poll {poll}");
        }
    }
    assert_eq!(alive.iter().map(std::sync::Weak::strong_count).sum::<usize>(), 2);
    assert_eq!(waiters.len(), 2);
}

#[test]
fn the_first_of_many_needs_no_list_and_the_second_does_not_take_its_place() {
    let waiters = Waiters::default();
    let (mut first, mut again, mut second) = (None, None, None);
    assert_eq!(
        waiters.wait_with_ticket(Direction::Read, &task(1), &mut first, Site::caller()),
        Waiting::Certain
    );
    assert_eq!(
        waiters.wait_with_ticket(Direction::Read, &task(1), &mut again, Site::caller()),
        Waiting::Certain
    );
    assert_eq!((first, again), (None, None));
    assert!(waiters.shared.get().is_none());
    let _ = waiters.wait_with_ticket(Direction::Read, &task(2), &mut second, Site::caller());
    assert!(second.is_some());
    let mut other = None;
    let _ = waiters.wait_with_ticket(Direction::Write, &task(3), &mut other, Site::caller());
    assert_eq!(woken(&waiters, Direction::Read), [1, 2]);
    assert_eq!(woken(&waiters, Direction::Write), [3]);
    // A foreign waker never goes there.
    let mut foreign = None;
    let _ = waiters.wait_with_ticket(Direction::Read, Waker::noop(), &mut foreign, Site::caller());
    assert!(foreign.is_some());
}

#[test]
fn a_ticket_keeps_its_place_and_gives_up_no_other() {
    let waiters = Waiters::default();
    let _ = waiters.wait_alone(Direction::Read, &task(7), Site::caller()); // so that there is a list
    let (mut first, mut second) = (None, None);
    let _ = waiters.wait_with_ticket(Direction::Read, &task(1), &mut first, Site::caller());
    let kept = first;
    let _ = waiters.wait_with_ticket(Direction::Read, &task(1), &mut first, Site::caller());
    assert_eq!(first, kept);
    // Two futures of one task have two places.
    let _ = waiters.wait_with_ticket(Direction::Read, &task(1), &mut second, Site::caller());
    assert_eq!(waiters.len(), 3);
    let _ = waiters.wait_with_ticket(Direction::Read, &task(2), &mut first, Site::caller());
    assert_ne!(first, kept);
    assert_eq!(waiters.len(), 3);
    waiters.leave(Direction::Read, kept.unwrap()); // out of date
    assert_eq!(waiters.len(), 3);
    waiters.leave(Direction::Read, first.unwrap());
    assert_eq!(woken(&waiters, Direction::Read), [7, 1]);
    waiters.leave(Direction::Read, second.unwrap());
}

#[test]
fn a_million_waits_that_are_given_up_leave_nothing_behind() {
    // W14
    let waiters = Waiters::default();
    let _ = waiters.wait_alone(Direction::Read, &task(7), Site::caller()); // so that there is a list
    let waker = task(1);
    for _ in 0..if cfg!(miri) { 100 } else { 1_000_000 } {
        let mut ticket = None;
        let _ = waiters.wait_with_ticket(Direction::Read, &waker, &mut ticket, Site::caller());
        waiters.leave(Direction::Read, ticket.unwrap());
    }
    assert_eq!(waiters.len(), 1);
    let capacity = waiters.with_shared(|shared| shared.waiting[0].capacity());
    assert!(capacity <= SMALL, "{capacity}");
}

#[test]
fn wakers_of_tasks_that_are_over_do_not_pile_up() {
    let queue = std::rc::Rc::new(RunQueue::new(60_000, 0));
    let _entered = waker::enter(queue.clone());
    let waiters = Waiters::default();
    for _ in 0..if cfg!(miri) { 200 } else { 10_000 } {
        let key = queue.claim(3);
        let _ = waiters.wait_polled(Direction::Read, &waker::new(key), 60_000, Site::caller());
        queue.retire(3);
    }
    assert!(waiters.len() <= SMALL + 1, "{}", waiters.len());
}

#[test]
fn wakers_of_tasks_that_are_over_are_looked_for_when_a_list_of_eight_or_more_is_to_grow() {
    let queue = std::rc::Rc::new(RunQueue::new(60_000, 0));
    let _entered = waker::enter(queue.clone());
    let waiters = Waiters::default();
    // One that is alive keeps its place whenever the list is searched.
    let alive = waker::new(queue.claim(4));
    waiters.push(Direction::Read, true, Noted::new(alive, Site::caller()));
    let lens: Vec<_> = (0..20)
        .map(|_| {
            let key = queue.claim(3);
            waiters.push(Direction::Read, true, Noted::new(waker::new(key), Site::caller()));
            queue.retire(3);
            waiters.len()
        })
        .collect();
    assert_eq!(lens[..7], [2, 3, 4, 5, 6, 7, 8]);
    let (searched, rest) = (lens[7], &lens[8..]);
    assert_eq!(searched, 2, "the one that is alive and the new one");
    assert!(rest.windows(2).all(|two| two[1] == two[0] + 1 || (two[0] >= SMALL && two[1] == 2)), "{lens:?}");
    assert!(rest.contains(&SMALL), "not searched below that: {lens:?}");
}

#[cfg(feature = "sim")]
#[test]
fn the_simulation_sees_each_kind_of_waiter_alone_and_all_together() {
    let foreign = Waker::noop();
    for direction in [Direction::Read, Direction::Write] {
        let other = if direction == Direction::Read { Direction::Write } else { Direction::Read };
        type Wait = (fn(&Waiters, Direction), Option<u32>);
        let kinds: [Wait; 5] = [
            (|waiters, direction| _ = waiters.wait_alone(direction, &task(1), Site::caller()), Some(1)),
            (|waiters, direction| _ = waiters.wait_alone(direction, Waker::noop(), Site::caller()), None),
            (
                |waiters, direction| waiters.wait_shared(direction, &task(2), |_| Note::now(Site::caller())),
                Some(2),
            ),
            (
                |waiters, direction| {
                    waiters.wait_shared(direction, Waker::noop(), |_| Note::now(Site::caller()))
                },
                None,
            ),
            (
                |waiters, direction| {
                    _ = waiters.wait_with_ticket(direction, Waker::noop(), &mut None, Site::caller())
                },
                None,
            ),
        ];
        let name = |key: Option<TaskKey>| key.map(TaskKey::index);
        for (wait, expected) in kinds {
            let waiters = Waiters::default();
            assert!(!waiters.is_waited_for(direction));
            wait(&waiters, direction);
            assert!(waiters.is_waited_for(direction) && !waiters.is_waited_for(other));
            let seen: Vec<_> = waiters.waiting(direction).into_iter().map(name).collect();
            assert_eq!((seen, waiters.waiting(other)), (vec![expected], vec![]));
        }
        let waiters = Waiters::default();
        let _ = waiters.wait_alone(direction, &task(1), Site::caller());
        let _ = waiters.wait_with_ticket(direction, &task(2), &mut None, Site::caller());
        let _ = waiters.wait_with_ticket(direction, foreign, &mut None, Site::caller());
        let seen: Vec<_> = waiters.waiting(direction).into_iter().map(name).collect();
        assert_eq!(seen, [Some(1), Some(2), None]);
    }
}
