//! Who is to be woken when a descriptor becomes ready.
//!
//! One of these is in each source, for the loop's thread alone. An operation through `&mut self` has a
//! direction to itself by type and so a place of its own, with no list and no allocation. Operations through
//! `&self` (accept, datagrams, `AsyncFd`) may be many: they stand in a list and are all woken, for a source
//! that kept the last caller only would strand the others.
//!
//! Cloning and dropping wakers may run user code that comes back here: that is never done while the list is
//! out of its place.

use crate::readiness::Direction;
use crate::waker;
use std::cell::Cell;
use std::task::Waker;

/// Below this length a list grows without being searched for wakers of tasks that are gone.
const SMALL: usize = 8;

#[derive(Default)]
pub(crate) struct Waiters {
    alone: [Cell<Option<Waker>>; 2],
    shared: Cell<Option<Box<Shared>>>,
}

#[derive(Default)]
struct Shared {
    last_ticket: u64,
    waiting: [Vec<Waiting>; 2],
}

struct Waiting {
    /// Of a future that takes itself out when it is dropped; `poll_` functions have none.
    ticket: Option<u64>,
    waker: Waker,
}

/// Names a place in the list. A number is never used twice for one source, so a ticket whose place is
/// gone names no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket {
    direction: Direction,
    number: u64,
}

impl Waiters {
    /// Waits as the only one in its direction: a waker that was here before is replaced.
    #[inline]
    pub(crate) fn wait_alone(&self, direction: Direction, waker: &Waker) {
        let place = &self.alone[direction as usize];
        let before = place.take();
        let same = before.as_ref().is_some_and(|before| before.will_wake(waker));
        place.set(if same { before } else { Some(waker.clone()) });
    }

    /// Waits among others, once for each waker and direction.
    pub(crate) fn wait_shared(&self, direction: Direction, waker: &Waker) {
        let known = self.with_shared(|shared| {
            let mut waiting = shared.waiting[direction as usize].iter();
            waiting.any(|other| other.ticket.is_none() && other.waker.will_wake(waker))
        });
        if !known {
            self.push(direction, None, waker.clone());
        }
    }

    /// Waits among others, in the place that `ticket` names, or in a new one when that is gone.
    pub(crate) fn wait_with_ticket(&self, direction: Direction, waker: &Waker, ticket: &mut Option<Ticket>) {
        if let Some(Ticket { number, .. }) = *ticket {
            let same = self.with_shared(|shared| {
                let mut waiting = shared.waiting[direction as usize].iter();
                waiting.any(|other| other.ticket == Some(number) && other.waker.will_wake(waker))
            });
            if same {
                return;
            }
        }
        let waker = waker.clone();
        if let Some(old) = ticket.take() {
            self.leave(old);
        }
        let number = self.with_shared(|shared| {
            shared.last_ticket += 1;
            shared.last_ticket
        });
        *ticket = Some(Ticket { direction, number });
        self.push(direction, Some(number), waker);
    }

    /// Gives up the place that `ticket` names, if its waker has not been taken.
    pub(crate) fn leave(&self, ticket: Ticket) {
        let left = self.with_shared(|shared| {
            let waiting = &mut shared.waiting[ticket.direction as usize];
            let at = waiting.iter().position(|other| other.ticket == Some(ticket.number))?;
            Some(waiting.remove(at))
        });
        drop(left);
    }

    /// Moves those who wait in `direction` to `woken`.
    #[inline]
    pub(crate) fn take(&self, direction: Direction, woken: &mut Vec<Waker>) {
        if let Some(waker) = self.alone[direction as usize].take() {
            woken.push(waker);
        }
        if let Some(mut shared) = self.shared.take() {
            woken.extend(shared.waiting[direction as usize].drain(..).map(|waiting| waiting.waker));
            self.shared.set(Some(shared));
        }
    }

    /// How many wakers are here.
    #[cfg(test)]
    fn len(&self) -> usize {
        let alone = self.alone.iter().filter(|place| {
            let waker = place.take();
            let some = waker.is_some();
            place.set(waker);
            some
        });
        alone.count() + self.with_shared(|shared| shared.waiting.iter().map(Vec::len).sum::<usize>())
    }

    fn push(&self, direction: Direction, ticket: Option<u64>, waker: Waker) {
        // A task that ended while a `poll_` function of its was pending left its waker here. They are looked
        // for only when the list would grow, so that many live waiters are not searched each time.
        let (stale, kept): (Vec<_>, Vec<_>) = self
            .with_shared(|shared| {
                let waiting = &mut shared.waiting[direction as usize];
                let full = waiting.len() >= SMALL && waiting.len() == waiting.capacity();
                if full { std::mem::take(waiting) } else { Vec::new() }
            })
            .into_iter()
            .partition(|waiting| waker::is_stale(&waiting.waker));
        self.with_shared(|shared| {
            let waiting = &mut shared.waiting[direction as usize];
            if !kept.is_empty() {
                *waiting = kept;
            }
            waiting.push(Waiting { ticket, waker });
        });
        drop(stale);
    }

    /// `f` must not run user code: the list is out of its place meanwhile.
    fn with_shared<R>(&self, f: impl FnOnce(&mut Shared) -> R) -> R {
        let mut shared = self.shared.take().unwrap_or_default();
        let result = f(&mut shared);
        self.shared.set(Some(shared));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::Wake;

    struct Foreign;

    impl Wake for Foreign {
        fn wake(self: Arc<Self>) {}
    }

    fn foreign() -> Waker {
        Arc::new(Foreign).into()
    }

    fn taken(waiters: &Waiters, direction: Direction) -> usize {
        let mut woken = Vec::new();
        waiters.take(direction, &mut woken);
        woken.len()
    }

    #[test]
    fn a_lone_waiter_replaces_the_one_before_it_in_its_direction_only() {
        let waiters = Waiters::default();
        for _ in 0..3 {
            waiters.wait_alone(Direction::Read, &foreign());
            waiters.wait_alone(Direction::Write, &foreign());
        }
        assert_eq!(taken(&waiters, Direction::Read), 1);
        assert_eq!(taken(&waiters, Direction::Read), 0);
        assert_eq!(taken(&waiters, Direction::Write), 1);
    }

    #[test]
    fn shared_waiters_are_all_woken_and_the_same_one_once() {
        let waiters = Waiters::default();
        let (a, b) = (foreign(), foreign());
        for waker in [&a, &b, &a] {
            waiters.wait_shared(Direction::Read, waker);
        }
        waiters.wait_shared(Direction::Write, &a);
        assert_eq!(taken(&waiters, Direction::Read), 2);
        assert_eq!(taken(&waiters, Direction::Write), 1);
    }

    #[test]
    fn a_ticket_keeps_its_place_and_gives_up_no_other() {
        let waiters = Waiters::default();
        let (a, b) = (foreign(), foreign());
        let (mut first, mut second) = (None, None);
        waiters.wait_with_ticket(Direction::Read, &a, &mut first);
        let kept = first;
        waiters.wait_with_ticket(Direction::Read, &a, &mut first);
        assert_eq!(first, kept);
        // Two futures of one task have two places.
        waiters.wait_with_ticket(Direction::Read, &a, &mut second);
        assert_eq!(waiters.len(), 2);
        waiters.wait_with_ticket(Direction::Read, &b, &mut first);
        assert_ne!(first, kept);
        assert_eq!(waiters.len(), 2);
        waiters.leave(kept.unwrap()); // out of date
        assert_eq!(waiters.len(), 2);
        waiters.leave(first.unwrap());
        assert_eq!(taken(&waiters, Direction::Read), 1);
        waiters.leave(second.unwrap());
    }

    #[test]
    fn a_million_waits_that_are_given_up_leave_nothing_behind() {
        // W14
        let waiters = Waiters::default();
        let waker = foreign();
        for _ in 0..if cfg!(miri) { 100 } else { 1_000_000 } {
            let mut ticket = None;
            waiters.wait_with_ticket(Direction::Read, &waker, &mut ticket);
            waiters.leave(ticket.unwrap());
        }
        assert_eq!(waiters.len(), 0);
        let capacity = waiters.with_shared(|shared| shared.waiting[0].capacity());
        assert!(capacity <= SMALL, "{capacity}");
    }

    #[test]
    fn wakers_of_tasks_that_are_over_do_not_pile_up() {
        use crate::key::TaskKey;
        use crate::queue::RunQueue;
        let queue = std::rc::Rc::new(RunQueue::new(60_000, 0));
        let _entered = waker::enter(queue.clone());
        let waiters = Waiters::default();
        for _ in 0..10_000 {
            let generation = queue.claim(3);
            waiters.wait_shared(Direction::Read, &waker::new(TaskKey::new(60_000, generation, 3)));
            queue.retire(3);
        }
        assert!(waiters.len() <= SMALL + 1, "{}", waiters.len());
    }
}
