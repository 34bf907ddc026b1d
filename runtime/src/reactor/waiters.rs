//! The wakers that wait for a descriptor.
//!
//! - Each source has one, for the loop's thread alone. Cloning and dropping wakers may run user code that calls back:
//!   the list is never borrowed meanwhile.
//! - An operation through `&mut self` has its direction to itself by type, and a place of its own: a task of egret
//!   leaves the number of its waker there, without a list or an allocation.
//! - Operations through `&self` (accept, datagrams, `AsyncFd`) may be many: all are in a list and all are woken. With
//!   only the last caller kept, the others would hang.
//! - The first of the many takes the lone place if it is free: most often it is the only one, and a hundred thousand
//!   connections then need no list. A lone waiter that comes later, by a half of a stream, moves it to the list. A
//!   lone waiter that gave up looks the same when another task uses its stream: it is woken once without need.
//!
//! Foreign wakers have places of their own: `SharedWaiters::alone` (`&mut self`, the last), `polled` (`poll_`
//! functions through `&self`, the last: each poll may bring a new waker that is never taken back, so a list would grow
//! until the next event) and `waiting` (a future, which takes its waker out by its ticket on drop).

use crate::observe::woken::Woken;
use crate::reactor::readiness::{Direction, Readiness};
use crate::wake::key::TaskKey;
use crate::wake::queue::Batch;
use crate::wake::waker;
use std::cell::{Cell, OnceCell, RefCell};
use std::num::NonZeroU64;
use std::task::Waker;

/// Below this length the list grows without a search for wakers of tasks that have ended.
const SMALL: usize = 8;

#[derive(Default)]
pub(crate) struct Waiters {
    alone: [Cell<Option<TaskKey>>; 2],
    shared: OnceCell<Box<RefCell<SharedWaiters>>>,
}

struct SharedWaiters {
    /// Foreign wakers that wait as the only one of their direction.
    alone: [Option<Waker>; 2],
    /// The last waker from a `poll_` function through `&self` that is not a task of this executor.
    polled: [Option<Waker>; 2],
    last_number: NonZeroU64,
    waiting: [Vec<WaiterPlace>; 2],
}

struct WaiterPlace {
    /// Greater than those before it in the list.
    number: NonZeroU64,
    /// Whether a future has the number, and takes itself out when it is dropped; `poll_` functions do not.
    ticket: bool,
    waker: Waker,
}

/// Whether an event may have come during the registration of a waiter, and missed it.
#[must_use = "an event that came meanwhile is not reported again"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waiting {
    /// No.
    Certain,
    /// A waker was cloned, which may be user code that turned the loop: check the readiness again.
    LookAgain,
}

/// Names a place in the list of a direction. A source never uses a number twice, so an old ticket names no other
/// place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket(NonZeroU64);

impl Ticket {
    /// Its number: not 0, and less than 2^63, which no source reaches in practice.
    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }

    /// The ticket with this number. No ticket has 0.
    pub(crate) fn from_number(number: u64) -> Option<Ticket> {
        NonZeroU64::new(number).map(Ticket)
    }
}

impl Waiters {
    /// Waits as the only one in its direction: an earlier waiter is replaced.
    #[inline]
    pub(crate) fn wait_alone(&self, direction: Direction, waker: &Waker) -> Waiting {
        match waker::key_of(waker) {
            Some(key) => {
                let before = self.alone[direction as usize].replace(Some(key));
                if before.is_some_and(|before| before != key) {
                    self.displaced(direction, before);
                }
                Waiting::Certain
            }
            None => {
                self.wait_alone_foreign(direction, waker);
                Waiting::LookAgain
            }
        }
    }

    #[cold]
    fn wait_alone_foreign(&self, direction: Direction, waker: &Waker) {
        let waker = waker.clone();
        let before = self.with_shared(|shared| shared.alone[direction as usize].replace(waker));
        drop(before);
        self.displaced(direction, self.alone[direction as usize].take());
    }

    /// Moves to the list a task that had the lone place and may still be waiting.
    #[cold]
    fn displaced(&self, direction: Direction, before: Option<TaskKey>) {
        let Some(waker) = before.map(waker::new).filter(|waker| !waker::is_stale(waker)) else { return };
        self.wait_shared(direction, &waker); // a waker of egret: cloning it runs no user code
    }

    /// Waits as one of many by a `poll_` function: a task of `executor` in a place of its own, any other waker in the
    /// place of the one before it.
    pub(crate) fn wait_polled(&self, direction: Direction, waker: &Waker, executor: u16) -> Waiting {
        if waker::key_of(waker).is_some_and(|key| key.executor() == executor) {
            self.wait_shared(direction, waker);
            return Waiting::Certain;
        }
        let place = direction as usize;
        let known = |shared: &mut SharedWaiters| {
            shared.polled[place].as_ref().is_some_and(|last| last.will_wake(waker))
        };
        if !self.with_shared(known) {
            let waker = waker.clone();
            drop(self.with_shared(|shared| shared.polled[place].replace(waker)));
        }
        Waiting::LookAgain
    }

    /// Puts a task in the list, once for each direction.
    fn wait_shared(&self, direction: Direction, task: &Waker) {
        let known = self.with_shared(|shared| {
            let mut waiting = shared.waiting[direction as usize].iter();
            waiting.any(|other| !other.ticket && other.waker.will_wake(task))
        });
        if !known {
            self.push(direction, false, task.clone());
        }
    }

    /// Waits as one of many, in the place that `ticket` names, or in a new one when that is gone. The first to come
    /// needs no ticket; if it gives up, the place it leaves costs one wake without need.
    pub(crate) fn wait_with_ticket(
        &self,
        direction: Direction,
        waker: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Waiting {
        let lone = &self.alone[direction as usize];
        match (*ticket, waker::key_of(waker)) {
            (None, Some(key)) if lone.get().is_none_or(|other| other == key) => {
                lone.set(Some(key));
                return Waiting::Certain;
            }
            _ => {}
        }
        if let Some(ticket) = *ticket {
            let same = self.with_shared(|shared| {
                shared.find(direction, ticket).is_some_and(|at| {
                    let place = &shared.waiting[direction as usize][at];
                    place.waker.will_wake(waker)
                })
            });
            if same {
                return Waiting::LookAgain;
            }
        }
        let waker = waker.clone();
        if let Some(old) = ticket.take() {
            self.leave(direction, old);
        }
        *ticket = Some(self.push(direction, true, waker));
        Waiting::LookAgain
    }

    /// Leaves the place that `ticket` names, if its waker has not been taken.
    pub(crate) fn leave(&self, direction: Direction, ticket: Ticket) {
        let left = self.with_shared(|shared| {
            let at = shared.find(direction, ticket)?;
            Some(shared.waiting[direction as usize].remove(at))
        });
        drop(left);
    }

    /// Whether a waiter is registered in this direction.
    #[cfg(feature = "sim")]
    pub(crate) fn is_waited_for(&self, direction: Direction) -> bool {
        let place = direction as usize;
        self.alone[place].get().is_some()
            || self.shared.get().is_some_and(|shared| {
                let shared = shared.borrow();
                shared.alone[place].is_some()
                    || shared.polled[place].is_some()
                    || !shared.waiting[place].is_empty()
            })
    }

    /// The waiters in this direction: tasks of egret by their key, other wakers as `None`.
    #[cfg(feature = "sim")]
    pub(crate) fn waiting(&self, direction: Direction) -> Vec<Option<TaskKey>> {
        let mut waiting: Vec<_> = self.alone[direction as usize].get().into_iter().map(Some).collect();
        if let Some(shared) = self.shared.get() {
            let shared = shared.borrow();
            waiting.extend(shared.alone[direction as usize].iter().map(waker::key_of));
            waiting.extend(shared.polled[direction as usize].iter().map(waker::key_of));
            waiting
                .extend(shared.waiting[direction as usize].iter().map(|place| waker::key_of(&place.waker)));
        }
        waiting
    }

    /// Wakes the tasks of `queue` that wait in the directions of `ready`, and moves all other wakers to `others`.
    ///
    /// No user code runs: the caller wakes `others` when it holds no borrow.
    #[inline(always)] // into the one place that handles every event
    pub(crate) fn wake(&self, ready: Readiness, queue: &mut Batch<'_>, others: &mut Vec<Waker>) {
        for direction in [Direction::Read, Direction::Write] {
            if !ready.is_ready(direction) {
                continue;
            }
            let place = &self.alone[direction as usize];
            let Some(key) = place.get() else { continue };
            place.set(None);
            if queue.wake(key) == Woken::Elsewhere {
                set_aside(others, key);
            }
        }
        if let Some(shared) = self.shared.get() {
            shared.borrow_mut().wake(ready, others);
        }
    }

    /// How many wakers are here.
    #[cfg(test)]
    fn len(&self) -> usize {
        let alone = self.alone.iter().filter(|place| place.get().is_some()).count();
        let shared = |shared: &mut SharedWaiters| {
            let waiting = shared.waiting.iter().map(Vec::len).sum::<usize>();
            waiting + shared.alone.iter().chain(&shared.polled).flatten().count()
        };
        alone + self.with_shared(shared)
    }

    fn push(&self, direction: Direction, ticket: bool, waker: Waker) -> Ticket {
        // A task that ended while its `poll_` function was pending left its waker here. Such wakers are searched only
        // when the list would grow, so that many live waiters are not searched each time.
        let (stale, kept): (Vec<_>, Vec<_>) = self
            .with_shared(|shared| {
                let waiting = &mut shared.waiting[direction as usize];
                let full = waiting.len() >= SMALL && waiting.len() == waiting.capacity();
                if full { std::mem::take(waiting) } else { Vec::new() }
            })
            .into_iter()
            .partition(|waiting| waker::is_stale(&waiting.waker));
        let number = self.with_shared(|shared| {
            let number = shared.last_number.saturating_add(1);
            shared.last_number = number;
            let waiting = &mut shared.waiting[direction as usize];
            if !kept.is_empty() {
                *waiting = kept;
            }
            waiting.push(WaiterPlace { number, ticket, waker });
            number
        });
        drop(stale);
        Ticket(number)
    }

    /// `f` must not run user code: the list is borrowed meanwhile.
    fn with_shared<R>(&self, f: impl FnOnce(&mut SharedWaiters) -> R) -> R {
        let new = || {
            let (alone, polled, waiting) = Default::default();
            Box::new(RefCell::new(SharedWaiters { alone, polled, last_number: NonZeroU64::MIN, waiting }))
        };
        f(&mut self.shared.get_or_init(new).borrow_mut())
    }
}

/// Out of line: tasks of other executors are few, and the walk over the events needs its registers.
#[cold]
fn set_aside(others: &mut Vec<Waker>, key: TaskKey) {
    others.push(waker::new(key));
}

impl SharedWaiters {
    /// The position of the place that `ticket` names. The list is in the order of the numbers.
    fn find(&self, direction: Direction, ticket: Ticket) -> Option<usize> {
        self.waiting[direction as usize].binary_search_by_key(&ticket.0, |place| place.number).ok()
    }

    #[inline(never)]
    fn wake(&mut self, ready: Readiness, others: &mut Vec<Waker>) {
        for direction in [Direction::Read, Direction::Write] {
            if ready.is_ready(direction) {
                others.extend(self.alone[direction as usize].take());
                others.extend(self.polled[direction as usize].take());
                others.extend(self.waiting[direction as usize].drain(..).map(|waiting| waiting.waker));
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
            let _ = waiters.wait_alone(Direction::Read, &task(1));
            let _ = waiters.wait_alone(Direction::Write, &task(2));
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
        assert_eq!(waiters.wait_with_ticket(Direction::Read, &task(1), &mut ticket), Waiting::Certain);
        for number in [2, 2, 3] {
            let _ = waiters.wait_alone(Direction::Read, &task(number));
        }
        assert_eq!(waiters.len(), 3);
        assert_eq!(woken(&waiters, Direction::Read), [3, 1, 2]);
        assert_eq!(woken(&waiters, Direction::Read), []);
    }

    #[test]
    fn a_foreign_lone_waiter_takes_the_place_of_a_task_and_both_are_woken_once() {
        let waiters = Waiters::default();
        let _ = waiters.wait_alone(Direction::Read, &task(1));
        let _ = waiters.wait_alone(Direction::Read, Waker::noop());
        let _ = waiters.wait_alone(Direction::Write, &task(2));
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
        let _ = waiters.wait_alone(Direction::Read, &waker::new(key));
        let mut others = Vec::new();
        waiters.wake(mask(Direction::Write), &mut queue.batch(), &mut others);
        assert_eq!(queue.len(), 0);
        waiters.wake(mask(Direction::Read), &mut queue.batch(), &mut others);
        assert_eq!((queue.len(), others.len()), (1, 0));
    }

    #[test]
    fn tasks_that_poll_are_all_woken_and_the_same_one_once() {
        let waiters = Waiters::default();
        for number in [1, 2, 1] {
            assert_eq!(waiters.wait_polled(Direction::Read, &task(number), EXECUTOR), Waiting::Certain);
        }
        let _ = waiters.wait_polled(Direction::Write, &task(1), EXECUTOR);
        assert_eq!(woken(&waiters, Direction::Read), [1, 2]);
        assert_eq!(woken(&waiters, Direction::Write), [1]);
    }

    #[test]
    fn of_other_wakers_that_poll_the_last_is_woken_besides_the_tasks_and_the_futures() {
        let waiters = Waiters::default();
        let (mut first, mut second) = (None, None);
        let _ = waiters.wait_with_ticket(Direction::Read, &task(1), &mut first);
        let _ = waiters.wait_with_ticket(Direction::Read, Waker::noop(), &mut second);
        let _ = waiters.wait_polled(Direction::Read, &task(2), EXECUTOR);
        let _ = waiters.wait_alone(Direction::Read, Waker::noop());
        // Tasks of another executor, of any number.
        for number in [3, 4] {
            let other = waker::new(TaskKey::new(EXECUTOR + 1, 0, number));
            assert_eq!(waiters.wait_polled(Direction::Read, &other, EXECUTOR), Waiting::LookAgain);
        }
        let _ = waiters.wait_polled(Direction::Write, Waker::noop(), EXECUTOR);
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
            let _ = waiters.wait_polled(direction, &Waker::from(foreign.clone()), EXECUTOR);
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
        assert_eq!(waiters.wait_with_ticket(Direction::Read, &task(1), &mut first), Waiting::Certain);
        assert_eq!(waiters.wait_with_ticket(Direction::Read, &task(1), &mut again), Waiting::Certain);
        assert_eq!((first, again), (None, None));
        assert!(waiters.shared.get().is_none());
        let _ = waiters.wait_with_ticket(Direction::Read, &task(2), &mut second);
        assert!(second.is_some());
        let mut other = None;
        let _ = waiters.wait_with_ticket(Direction::Write, &task(3), &mut other);
        assert_eq!(woken(&waiters, Direction::Read), [1, 2]);
        assert_eq!(woken(&waiters, Direction::Write), [3]);
        // A foreign waker never goes there.
        let mut foreign = None;
        let _ = waiters.wait_with_ticket(Direction::Read, Waker::noop(), &mut foreign);
        assert!(foreign.is_some());
    }

    #[test]
    fn a_ticket_keeps_its_place_and_gives_up_no_other() {
        let waiters = Waiters::default();
        let _ = waiters.wait_alone(Direction::Read, &task(7)); // so that there is a list
        let (mut first, mut second) = (None, None);
        let _ = waiters.wait_with_ticket(Direction::Read, &task(1), &mut first);
        let kept = first;
        let _ = waiters.wait_with_ticket(Direction::Read, &task(1), &mut first);
        assert_eq!(first, kept);
        // Two futures of one task have two places.
        let _ = waiters.wait_with_ticket(Direction::Read, &task(1), &mut second);
        assert_eq!(waiters.len(), 3);
        let _ = waiters.wait_with_ticket(Direction::Read, &task(2), &mut first);
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
        let _ = waiters.wait_alone(Direction::Read, &task(7)); // so that there is a list
        let waker = task(1);
        for _ in 0..if cfg!(miri) { 100 } else { 1_000_000 } {
            let mut ticket = None;
            let _ = waiters.wait_with_ticket(Direction::Read, &waker, &mut ticket);
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
            let _ = waiters.wait_polled(Direction::Read, &waker::new(key), 60_000);
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
        waiters.push(Direction::Read, true, alive);
        let lens: Vec<_> = (0..20)
            .map(|_| {
                let key = queue.claim(3);
                waiters.push(Direction::Read, true, waker::new(key));
                queue.retire(3);
                waiters.len()
            })
            .collect();
        assert_eq!(lens[..7], [2, 3, 4, 5, 6, 7, 8]);
        let (searched, rest) = (lens[7], &lens[8..]);
        assert_eq!(searched, 2, "the one that is alive and the new one");
        assert!(
            rest.windows(2).all(|two| two[1] == two[0] + 1 || (two[0] >= SMALL && two[1] == 2)),
            "{lens:?}"
        );
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
                (|waiters, direction| _ = waiters.wait_alone(direction, &task(1)), Some(1)),
                (|waiters, direction| _ = waiters.wait_alone(direction, Waker::noop()), None),
                (|waiters, direction| waiters.wait_shared(direction, &task(2)), Some(2)),
                (|waiters, direction| waiters.wait_shared(direction, Waker::noop()), None),
                (
                    |waiters, direction| _ = waiters.wait_with_ticket(direction, Waker::noop(), &mut None),
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
            let _ = waiters.wait_alone(direction, &task(1));
            let _ = waiters.wait_with_ticket(direction, &task(2), &mut None);
            let _ = waiters.wait_with_ticket(direction, foreign, &mut None);
            let seen: Vec<_> = waiters.waiting(direction).into_iter().map(name).collect();
            assert_eq!(seen, [Some(1), Some(2), None]);
        }
    }
}
