//! The wakers that wait for a descriptor.
//!
//! - Each source has one, for the loop's thread alone. Cloning and dropping wakers may run user code that calls back:
//!   the list is never borrowed meanwhile.
//! - An operation through `&mut self` has its direction, and a place, to itself: a task of egret leaves the number of
//!   its waker there, without a list or an allocation.
//! - Operations through `&self` (accept, datagrams, `AsyncFd`) may be many: all are woken. The first takes the lone
//!   place if it is free, so most of a hundred thousand connections need no list; a lone waiter that comes later moves
//!   it to the list. Where that first waiter had given up, it is woken once without need.
//! - Foreign wakers have places of their own: `alone` (`&mut self`, the last), `polled` (`poll_` functions through
//!   `&self`, the last: a list of wakers that are never taken back would grow until the next event) and `waiting`
//!   (futures, which take theirs out on drop).

use crate::observe::site::{Note, Site, Task};
use crate::observe::watch::By;
use crate::observe::woken::Woken;
use crate::reactor::readiness::{Direction, Readiness};
use crate::wake::key::TaskKey;
use crate::wake::queue::Batch;
#[cfg(feature = "inspect")]
use crate::wake::waiter::Waiter;
use crate::wake::waker;
use std::cell::{Cell, OnceCell, RefCell};
use std::num::NonZeroU64;
use std::task::Waker;

/// Below this length the list grows without a search for wakers of tasks that have ended.
const SMALL: usize = 8;

#[derive(Default)]
pub(crate) struct Waiters {
    alone: [Cell<Option<TaskKey>>; 2],
    /// Of the tasks in `alone`.
    notes: [Cell<Note>; 2],
    shared: OnceCell<Box<RefCell<SharedWaiters>>>,
}

struct SharedWaiters {
    /// Foreign wakers that wait as the only one of their direction.
    alone: [Option<Noted>; 2],
    /// The last waker from a `poll_` function through `&self` that is not a task of this executor.
    polled: [Option<Noted>; 2],
    last_number: NonZeroU64,
    waiting: [Vec<WaiterPlace>; 2],
}

struct WaiterPlace {
    /// Greater than those before it in the list.
    number: NonZeroU64,
    /// Whether a future has the number, and takes itself out when it is dropped; `poll_` functions do not.
    ticket: bool,
    noted: Noted,
}

/// A waker, with where and since when it waits.
struct Noted {
    waker: Waker,
    note: Note,
    #[cfg_attr(not(feature = "inspect"), expect(dead_code, reason = "there is no dump"))]
    task: Task,
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
    /// Returns its number: not 0, and less than 2^63, which no source reaches in practice.
    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }

    /// Returns the ticket with this number. No ticket has 0.
    pub(crate) fn from_number(number: u64) -> Option<Ticket> {
        NonZeroU64::new(number).map(Ticket)
    }
}

impl Waiters {
    /// Waits as the only one in its direction: an earlier waiter is replaced.
    #[inline]
    pub(crate) fn wait_alone(&self, direction: Direction, waker: &Waker, at: Site) -> Waiting {
        match waker::key_of(waker) {
            Some(key) => {
                let (place, note) = (&self.alone[direction as usize], &self.notes[direction as usize]);
                match place.replace(Some(key)) {
                    None => note.set(Note::in_poll(at)),
                    Some(before) => self.waited_already(direction, before, key, at),
                }
                Waiting::Certain
            }
            None => {
                self.wait_alone_foreign(direction, waker, at);
                Waiting::LookAgain
            }
        }
    }

    /// The task `key` has taken the lone place, in which a task was `before`: perhaps itself.
    #[cfg_attr(not(feature = "inspect"), inline)]
    #[cfg_attr(feature = "inspect", cold)]
    fn waited_already(&self, direction: Direction, before: TaskKey, key: TaskKey, at: Site) {
        let note = &self.notes[direction as usize];
        if before == key {
            note.set(note.get().again(at));
        } else {
            self.displaced(direction, before, note.replace(Note::now(at)));
        }
    }

    #[cold]
    fn wait_alone_foreign(&self, direction: Direction, waker: &Waker, at: Site) {
        let place = direction as usize;
        let waker = waker.clone();
        let before = self.with_shared(|shared| {
            let before = shared.alone[place].as_ref().filter(|before| before.waker.will_wake(&waker));
            let note = Note::next(before.map(|before| before.note), at);
            shared.alone[place].replace(Noted { waker, note, task: Task::current() })
        });
        drop(before);
        if let Some(before) = self.alone[place].take() {
            self.displaced(direction, before, self.notes[place].get());
        }
    }

    /// Moves to the list a task that had the lone place and may still be waiting.
    #[cold]
    fn displaced(&self, direction: Direction, before: TaskKey, note: Note) {
        let waker = waker::new(before);
        if !waker::is_stale(&waker) {
            self.wait_shared(direction, &waker, |_| note); // a waker of egret: cloning it runs no user code
        }
    }

    /// Waits as one of many by a `poll_` function: a task of `executor` in a place of its own, any other waker in the
    /// place of the one before it.
    pub(crate) fn wait_polled(
        &self,
        direction: Direction,
        waker: &Waker,
        executor: u16,
        at: Site,
    ) -> Waiting {
        if waker::key_of(waker).is_some_and(|key| key.executor() == executor) {
            self.wait_shared(direction, waker, |before| Note::next(before, at));
            return Waiting::Certain;
        }
        let place = direction as usize;
        let known = |shared: &mut SharedWaiters| {
            let last = shared.polled[place].as_mut().filter(|last| last.waker.will_wake(waker));
            last.map(|last| last.note = last.note.again(at)).is_some()
        };
        if !self.with_shared(known) {
            let noted = Noted::new(waker.clone(), at);
            drop(self.with_shared(|shared| shared.polled[place].replace(noted)));
        }
        Waiting::LookAgain
    }

    /// Puts a task in the list, once for each direction.
    fn wait_shared(&self, direction: Direction, task: &Waker, note: impl Fn(Option<Note>) -> Note) {
        let known = self.with_shared(|shared| {
            let mut waiting = shared.waiting[direction as usize].iter_mut();
            let same = waiting.find(|other| !other.ticket && other.noted.waker.will_wake(task));
            same.map(|WaiterPlace { noted, .. }| noted.note = note(Some(noted.note))).is_some()
        });
        if !known {
            let noted = Noted { waker: task.clone(), note: note(None), task: Task::current() };
            self.push(direction, false, noted);
        }
    }

    /// Waits as one of many, in the place that `ticket` names, or in a new one when that is gone. The first to come
    /// needs no ticket; if it gives up, the place it leaves costs one wake without need.
    pub(crate) fn wait_with_ticket(
        &self,
        direction: Direction,
        waker: &Waker,
        ticket: &mut Option<Ticket>,
        at: Site,
    ) -> Waiting {
        let (lone, note) = (&self.alone[direction as usize], &self.notes[direction as usize]);
        match (*ticket, waker::key_of(waker)) {
            (None, Some(key)) if lone.get().is_none_or(|other| other == key) => {
                note.set(Note::next(lone.replace(Some(key)).map(|_| note.get()), at));
                return Waiting::Certain;
            }
            _ => {}
        }
        if let Some(ticket) = *ticket {
            let same = self.with_shared(|shared| {
                let Some(place) = shared.find(direction, ticket) else { return false };
                let noted = &mut shared.waiting[direction as usize][place].noted;
                noted.note = noted.note.again(at);
                noted.waker.will_wake(waker)
            });
            if same {
                return Waiting::LookAgain;
            }
        }
        // User code, which may call back: cloned before the list is borrowed.
        let waker = waker.clone();
        if let Some(old) = ticket.take() {
            self.leave(direction, old);
        }
        *ticket = Some(self.push(direction, true, Noted::new(waker, at)));
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

    /// Returns whether `foreign`, which is no task's waker, is here.
    pub(crate) fn has(&self, foreign: &Waker) -> bool {
        self.shared.get().is_some_and(|shared| {
            let shared = shared.borrow();
            let in_direction =
                |direction| shared.noted(direction).any(|noted| noted.waker.will_wake(foreign));
            in_direction(Direction::Read) || in_direction(Direction::Write)
        })
    }

    /// Returns whether a waiter is registered in this direction.
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

    /// Returns the waiters in this direction: tasks of egret by their key, other wakers as `None`.
    #[cfg(feature = "sim")]
    pub(crate) fn waiting(&self, direction: Direction) -> Vec<Option<TaskKey>> {
        let mut waiting: Vec<_> = self.alone[direction as usize].get().into_iter().map(Some).collect();
        if let Some(shared) = self.shared.get() {
            let shared = shared.borrow();
            waiting.extend(shared.noted(direction).map(|noted| waker::key_of(&noted.waker)));
        }
        waiting
    }

    /// Shows the waiters in this direction, for a dump.
    #[cfg(feature = "inspect")]
    pub(crate) fn each(&self, direction: Direction, mut see: impl FnMut(Waiter)) {
        if let Some(key) = self.alone[direction as usize].get() {
            see(Waiter::of_key(key, self.notes[direction as usize].get()));
        }
        if let Some(shared) = self.shared.get() {
            let of = |noted: &Noted| Waiter::of_waker(&noted.waker, noted.note, noted.task);
            shared.borrow().noted(direction).map(of).for_each(see);
        }
    }

    /// Wakes the tasks of `queue` that wait alone in the directions of `ready`. Returns whether no other waiter may be left, which
    /// [`wake`](Waiters::wake) would wake. `cause` makes the cause of the wakes of that of the batch.
    #[inline(always)] // into the walk over the events
    pub(crate) fn wake_tasks(
        &self,
        ready: Readiness,
        queue: &mut Batch<'_>,
        cause: impl Fn(By) -> By,
    ) -> bool {
        for direction in [Direction::Read, Direction::Write] {
            if !ready.is_ready(direction) {
                continue;
            }
            let place = &self.alone[direction as usize];
            let Some(key) = place.get() else { continue };
            if queue.wake_alive(key, &cause).is_none() {
                return false;
            }
            place.set(None);
        }
        self.shared.get().is_none()
    }

    /// Wakes the tasks of `queue` that wait in the directions of `ready`, and moves all other wakers to `others`.
    ///
    /// No user code runs: the caller wakes `others` when it holds no borrow.
    pub(crate) fn wake(&self, ready: Readiness, queue: &mut Batch<'_>, others: &mut Vec<Waker>) {
        for direction in [Direction::Read, Direction::Write] {
            if !ready.is_ready(direction) {
                continue;
            }
            let place = &self.alone[direction as usize];
            let Some(key) = place.get() else { continue };
            place.set(None);
            if queue.wake(key) == Woken::Elsewhere {
                others.push(waker::new(key));
            }
        }
        if let Some(shared) = self.shared.get() {
            shared.borrow_mut().wake(ready, others);
        }
    }

    /// Returns how many wakers are here.
    #[cfg(test)]
    fn len(&self) -> usize {
        let alone = self.alone.iter().filter(|place| place.get().is_some()).count();
        let shared = |shared: &mut SharedWaiters| {
            let waiting = shared.waiting.iter().map(Vec::len).sum::<usize>();
            waiting + shared.alone.iter().chain(&shared.polled).flatten().count()
        };
        alone + self.with_shared(shared)
    }

    fn push(&self, direction: Direction, ticket: bool, noted: Noted) -> Ticket {
        // A task that ended while its `poll_` function was pending left its waker here. Such wakers are searched only
        // when the list would grow, so that many live waiters are not searched each time.
        let (stale, kept): (Vec<_>, Vec<_>) = self
            .with_shared(|shared| {
                let waiting = &mut shared.waiting[direction as usize];
                let full = waiting.len() >= SMALL && waiting.len() == waiting.capacity();
                if full { std::mem::take(waiting) } else { Vec::new() }
            })
            .into_iter()
            .partition(|waiting| waker::is_stale(&waiting.noted.waker));
        let number = self.with_shared(|shared| {
            let number = shared.last_number.saturating_add(1);
            shared.last_number = number;
            let waiting = &mut shared.waiting[direction as usize];
            if !kept.is_empty() {
                *waiting = kept;
            }
            waiting.push(WaiterPlace { number, ticket, noted });
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

impl Noted {
    /// Creates the entry of a waker that begins to wait.
    fn new(waker: Waker, at: Site) -> Noted {
        Noted { waker, note: Note::now(at), task: Task::current() }
    }
}

impl SharedWaiters {
    /// Returns all of a direction.
    fn noted(&self, direction: Direction) -> impl Iterator<Item = &Noted> {
        let place = direction as usize;
        let waiting = self.waiting[place].iter().map(|waiting| &waiting.noted);
        self.alone[place].iter().chain(&self.polled[place]).chain(waiting)
    }

    /// Returns the position of the place that `ticket` names. The list is in the order of the numbers.
    fn find(&self, direction: Direction, ticket: Ticket) -> Option<usize> {
        self.waiting[direction as usize].binary_search_by_key(&ticket.0, |place| place.number).ok()
    }

    fn wake(&mut self, ready: Readiness, others: &mut Vec<Waker>) {
        for direction in [Direction::Read, Direction::Write] {
            if ready.is_ready(direction) {
                let place = direction as usize;
                others.extend(self.alone[place].take().map(|noted| noted.waker));
                others.extend(self.polled[place].take().map(|noted| noted.waker));
                others.extend(self.waiting[place].drain(..).map(|waiting| waiting.noted.waker));
            }
        }
    }
}

#[cfg(test)]
mod tests;
