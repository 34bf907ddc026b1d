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
//! A waker of this executor is a number, and to wake it while the batch is walked is to push that number to the
//! run queue. Any other waker is user code, which may close sockets, register new ones and run into the borrow
//! that walks the batch: those are collected from the whole batch before the first is woken.

#[cfg(feature = "sim")]
pub(crate) mod inspect;
mod table;

use crate::observe::spans::SourceSpan;
use crate::observe::stats::Counter;
use crate::reactor::readiness::{INTEREST, Readiness, Start};
use crate::reactor::waiters::Waiters;
use crate::sys::{Backend, Epoll, Events, mask};
use crate::wake::key::SourceKey;
use crate::wake::queue::{Batch, RunQueue};
use crate::wake::waker;
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;
use table::Table;

/// How many events one `epoll_wait` may report. More would make the first task wait for the last event's
/// bookkeeping, fewer would not share the call well; what does not fit comes with the next one.
const BATCH: usize = 256;

/// Owns the descriptor numbers that were never registered: no index of a source.
const NOBODY: u32 = u32::MAX;

pub(crate) struct Reactor {
    epoll: Epoll,
    /// Where this executor's own wakers go.
    queue: Rc<RunQueue>,
    sources: RefCell<Table>,
    /// The index of the source that was the last to be registered under each descriptor number. A number that was closed
    /// behind our back may be another source's by now, and a DEL would end that one's registration. An index is enough:
    /// of the sources that live no two have the same, and the one that asks lives.
    owners: RefCell<Vec<u32>>,
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
///
/// Named for the error about a socket that is sent to another thread; the code calls it [`Source`].
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(crate) struct IoStaysOnItsThread_UseIntoStd {
    reactor: Rc<Reactor>,
    key: SourceKey,
    /// The number under which the kernel knows the descriptor.
    fd: RawFd,
    readiness: Cell<Readiness>,
    /// How many events came. What was learned before an event must not clear what the event set.
    ticks: Cell<u64>,
    waiters: Waiters,
    span: SourceSpan,
}

pub(crate) use IoStaysOnItsThread_UseIntoStd as Source;

impl Reactor {
    /// A reactor that wakes tasks into `queue` and whose waits are ended by `bell`.
    pub(crate) fn new(
        backend: Backend,
        queue: Rc<RunQueue>,
        bell: BorrowedFd<'_>,
    ) -> io::Result<Rc<Reactor>> {
        let reactor = Reactor {
            epoll: backend.epoll()?,
            queue,
            sources: RefCell::default(),
            owners: RefCell::default(),
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
        reactor.epoll.add(bell, mask::IN | mask::EDGE, SourceKey::EVENTFD.bits())?;
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
        let span = SourceSpan::open(fd.as_raw_fd()); // before anything is borrowed, and dropped after
        let mut sources = self.sources.borrow_mut();
        let index = sources.vacant();
        let generation = self.next_generation.get();
        self.next_generation.set(generation.wrapping_add(1));
        let source = Rc::new(Source {
            reactor: self.clone(),
            key: SourceKey::new(generation, index),
            fd: fd.as_raw_fd(),
            readiness: Cell::new(Readiness::at(start)),
            ticks: Cell::new(0),
            waiters: Waiters::default(),
            span: span.clone(),
        });
        self.controls.bump();
        self.epoll.add(fd, INTEREST, source.key.bits())?;
        sources.insert(source.clone());
        let owners = &mut *self.owners.borrow_mut();
        let number = source.fd as usize;
        if owners.len() <= number {
            owners.resize(number + 1, NOBODY);
        }
        owners[number] = index;
        Ok(source)
    }

    /// Ends the kernel's registration of `source`, if it is still there.
    fn delete(&self, source: &Source) {
        if self.owners.borrow()[source.fd as usize] == source.key.index() {
            self.controls.bump();
            if self.epoll.delete(source.fd).is_ok() {
                return;
            }
        }
        // Closed behind our back, perhaps with the number in use again. The generation makes what the kernel
        // may still report harmless, and there is nobody here who could do more about it.
        self.control_errors.bump();
    }

    /// Waits for events, for `timeout` at most, and wakes whoever waited for them; foreign wakers are left in
    /// `foreign` to be woken by the caller.
    ///
    /// Returns how many events there were, those for the bell left out.
    pub(crate) fn wait(&self, timeout: Option<Duration>, foreign: &mut Vec<Waker>) -> io::Result<usize> {
        let mut events = self.events.borrow_mut();
        self.waits.bump();
        let mut count = self.epoll.wait(&mut events, timeout)?;
        let sources = self.sources.borrow();
        let queue = &mut self.queue.batch();
        for (token, mask) in events.iter() {
            let key = SourceKey::from_bits(token);
            match sources.get(key.index()) {
                Some(source) if source.key == key => source.on_event(mask, queue, foreign),
                _ if key == SourceKey::EVENTFD => count -= 1,
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
        let mut foreign = Vec::new();
        for source in sources.iter() {
            source.readiness.set(source.readiness.get().gone());
            source.wake_waiters(&mut foreign);
        }
        drop(sources);
        wake_all(&mut foreign);
    }

    pub(crate) fn sources_alive(&self) -> usize {
        self.sources.borrow().len()
    }

    /// The descriptors that are registered, each with the key that no other registration of this reactor has.
    #[cfg(feature = "test-util")]
    pub(crate) fn registered(&self) -> Vec<(SourceKey, RawFd)> {
        self.sources.borrow().iter().map(|source| (source.key, source.fd)).collect()
    }
}

impl Source {
    #[inline]
    fn on_event(&self, mask: u32, queue: &mut Batch<'_>, foreign: &mut Vec<Waker>) {
        let (before, event) = (self.readiness.get(), Readiness::from_mask(mask));
        let after = before.merged(event);
        queue.trace().event(self.fd, mask, || after.becomes_ready(before), || foreign.len());
        self.span.event(mask);
        self.readiness.set(after);
        self.ticks.set(self.ticks.get() + 1);
        self.waiters.wake(event, queue, foreign);
    }

    #[inline]
    pub(crate) fn readiness(&self) -> Readiness {
        self.readiness.get()
    }

    #[inline]
    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        self.readiness.set(readiness);
    }

    /// The number of the executor that this is registered with.
    pub(crate) fn executor(&self) -> u16 {
        self.reactor.queue.executor
    }

    /// How many events came so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks.get()
    }

    /// Who waits for events. Only for those who have found the source not ready: once the runtime is gone it
    /// always is, and a wait would be one for ever.
    #[inline]
    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// Ends the registration of the descriptor, which is about to be closed or handed back: DEL, slot,
    /// waiters.
    pub(crate) fn deregister(&self) {
        let reactor = &self.reactor;
        reactor.delete(self);
        if reactor.closed.get() {
            return;
        }
        let gone = reactor.sources.borrow_mut().remove(self.key.index());
        drop(gone);
        let mut foreign = Vec::new();
        self.wake_waiters(&mut foreign);
        wake_all(&mut foreign);
    }

    /// Wakes whoever waits, but for foreign wakers, which are left in `foreign`.
    fn wake_waiters(&self, foreign: &mut Vec<Waker>) {
        self.waiters.wake(Readiness::ALL, &mut self.reactor.queue.batch(), foreign);
    }
}

#[cold]
pub(crate) fn runtime_is_gone() -> io::Error {
    io::Error::other(
        "the egret runtime that this descriptor is registered with is gone; \
         keep the Runtime for as long as its sockets, or move them out with into_std",
    )
}

/// Wakes all, in the order in which they were collected.
pub(crate) fn wake_all(woken: &mut Vec<Waker>) {
    woken.drain(..).for_each(waker::wake_contained);
}
