//! The reactor: turns readiness edges into wake-ups.
//!
//! It owns the `epoll` instance and a slab of sources, one for each registered descriptor. A source is shared
//! with the [`Registration`](crate::io::Registration) of its descriptor, which asks it for readiness and waits
//! in it; nobody else touches it, and all of it happens on the loop's thread.
//!
//! A descriptor is registered once, for everything, by its first edge until it is closed. The kernel hands
//! back a [`SourceKey`] with each event. An event for a key whose source is gone is counted and ignored: a
//! duplicate of a closed descriptor keeps its registration in the kernel alive, and a batch may hold
//! events for what an earlier one of the same batch has closed.
//!
//! Wakers are collected from the whole batch before the first is woken, because a foreign waker is user code,
//! and user code may close sockets, register new ones and run into the borrow that walks the batch.

use crate::key::SourceKey;
use crate::readiness::{Direction, INTEREST, Readiness, Start};
use crate::stats::Counter;
use crate::sys::{Backend, Epoll, Events, mask};
use crate::waiters::{Ticket, Waiters};
use crate::waker;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

/// How many events one `epoll_wait` may report. More would make the first task wait for the last event's
/// bookkeeping, fewer would not share the call well; what does not fit comes with the next one.
const BATCH: usize = 256;

pub(crate) struct Reactor {
    epoll: Epoll,
    sources: RefCell<Slab<Rc<Source>>>,
    events: RefCell<Events>,
    next_generation: Cell<u32>,
    /// The runtime is gone: nobody will wait for events any more.
    closed: Cell<bool>,
    pub(crate) waits: Counter,
    pub(crate) reported: Counter,
    pub(crate) stale: Counter,
    pub(crate) controls: Counter,
    pub(crate) control_errors: Counter,
}

/// A registered descriptor: what is believed of it and who waits for it.
pub(crate) struct Source {
    reactor: Rc<Reactor>,
    key: SourceKey,
    readiness: Cell<Readiness>,
    /// How many events came. What was learned before an event must not clear what the event set.
    ticks: Cell<u64>,
    waiters: Waiters,
}

impl Reactor {
    /// A reactor whose waits are ended by `bell`.
    pub(crate) fn new(backend: Backend, bell: BorrowedFd<'_>) -> io::Result<Rc<Reactor>> {
        let reactor = Reactor {
            epoll: backend.epoll()?,
            sources: RefCell::default(),
            events: RefCell::new(Events::with_capacity(BATCH)),
            next_generation: Cell::new(0),
            closed: Cell::new(false),
            waits: Counter::default(),
            reported: Counter::default(),
            stale: Counter::default(),
            controls: Counter::default(),
            control_errors: Counter::default(),
        };
        reactor.controls.bump();
        // Edge-triggered and never read: each write to it is an edge.
        reactor.epoll.add(bell, mask::IN | mask::EDGE, SourceKey::BELL.bits())?;
        Ok(Rc::new(reactor))
    }

    /// Registers a descriptor, once and for everything.
    ///
    /// # Errors
    ///
    /// Those of [`Epoll::add`]; nothing is left behind then.
    pub(crate) fn register(self: &Rc<Reactor>, fd: BorrowedFd<'_>, start: Start) -> io::Result<Rc<Source>> {
        if self.closed.get() {
            return Err(runtime_is_gone());
        }
        let mut sources = self.sources.borrow_mut();
        let entry = sources.vacant_entry();
        let index = u32::try_from(entry.key()).expect("a process has fewer than 2^32 descriptors");
        let generation = self.next_generation.get();
        self.next_generation.set(generation.wrapping_add(1));
        let source = Rc::new(Source {
            reactor: self.clone(),
            key: SourceKey::new(generation, index),
            readiness: Cell::new(Readiness::at(start)),
            ticks: Cell::new(0),
            waiters: Waiters::default(),
        });
        self.controls.bump();
        self.epoll.add(fd, INTEREST, source.key.bits())?;
        entry.insert(source.clone());
        Ok(source)
    }

    /// Waits for events, for `timeout` at most, and moves the wakers of whoever waited for them to `woken`.
    ///
    /// Returns how many events there were, those for the bell left out.
    pub(crate) fn wait(&self, timeout: Option<Duration>, woken: &mut Vec<Waker>) -> io::Result<usize> {
        let mut events = self.events.borrow_mut();
        self.waits.bump();
        let mut count = self.epoll.wait(&mut events, timeout)?;
        let sources = self.sources.borrow();
        for (token, mask) in events.iter() {
            let key = SourceKey::from_bits(token);
            match sources.get(key.index() as usize) {
                Some(source) if source.key == key => source.on_event(mask, woken),
                _ if key == SourceKey::BELL => count -= 1,
                _ => self.stale.bump(),
            }
        }
        self.reported.add(count as u64);
        Ok(count)
    }

    /// Lets go of all sources, whose descriptors may outlive the runtime, and wakes whoever waits for them.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let sources = std::mem::take(&mut *self.sources.borrow_mut());
        let mut woken = Vec::new();
        for (_, source) in &sources {
            source.take_waiters(&mut woken);
        }
        drop(sources);
        wake_all(&mut woken);
    }

    pub(crate) fn sources_alive(&self) -> usize {
        self.sources.borrow().len()
    }
}

impl Source {
    #[inline]
    fn on_event(&self, mask: u32, woken: &mut Vec<Waker>) {
        let event = Readiness::from_mask(mask);
        self.readiness.set(self.readiness.get().merged(event));
        self.ticks.set(self.ticks.get() + 1);
        for direction in [Direction::Read, Direction::Write] {
            if event.is_ready(direction) {
                self.waiters.take(direction, woken);
            }
        }
    }

    #[inline]
    pub(crate) fn readiness(&self) -> Readiness {
        self.readiness.get()
    }

    #[inline]
    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        self.readiness.set(readiness);
    }

    /// How many events came so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks.get()
    }

    /// Waits for an event as the only one in `direction`.
    ///
    /// # Errors
    ///
    /// When the runtime is gone, which would make the wait one for ever. So do the other two.
    #[inline]
    pub(crate) fn wait_alone(&self, direction: Direction, waker: &Waker) -> io::Result<()> {
        self.check_open()?;
        self.waiters.wait_alone(direction, waker);
        Ok(())
    }

    /// Waits for an event among others.
    pub(crate) fn wait_shared(&self, direction: Direction, waker: &Waker) -> io::Result<()> {
        self.check_open()?;
        self.waiters.wait_shared(direction, waker);
        Ok(())
    }

    /// Waits for an event among others, until the ticket is given back.
    pub(crate) fn wait_with_ticket(
        &self,
        direction: Direction,
        waker: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> io::Result<()> {
        self.check_open()?;
        self.waiters.wait_with_ticket(direction, waker, ticket);
        Ok(())
    }

    /// Gives a place in the list of waiters up.
    pub(crate) fn leave(&self, ticket: Ticket) {
        self.waiters.leave(ticket);
    }

    /// Ends the registration of `fd`, which is about to be closed or handed back: DEL, slot, waiters.
    pub(crate) fn deregister(&self, fd: BorrowedFd<'_>) {
        let reactor = &self.reactor;
        reactor.controls.bump();
        if reactor.epoll.delete(fd).is_err() {
            // Closed behind our back, perhaps with the number in use again. The generation makes what the
            // kernel may still report harmless, and there is nobody here who could do more about it.
            reactor.control_errors.bump();
        }
        if reactor.closed.get() {
            return;
        }
        let gone = reactor.sources.borrow_mut().try_remove(self.key.index() as usize);
        drop(gone);
        let mut woken = Vec::new();
        self.take_waiters(&mut woken);
        wake_all(&mut woken);
    }

    fn take_waiters(&self, woken: &mut Vec<Waker>) {
        for direction in [Direction::Read, Direction::Write] {
            self.waiters.take(direction, woken);
        }
    }

    #[inline]
    fn check_open(&self) -> io::Result<()> {
        if self.reactor.closed.get() { Err(runtime_is_gone()) } else { Ok(()) }
    }
}

#[cold]
fn runtime_is_gone() -> io::Error {
    io::Error::other(
        "the egret runtime that this descriptor is registered with is gone; \
         keep the Runtime for as long as its sockets, or move them out with into_std",
    )
}

/// Wakes all, in the order in which they were collected.
pub(crate) fn wake_all(woken: &mut Vec<Waker>) {
    woken.drain(..).for_each(waker::wake_contained);
}
