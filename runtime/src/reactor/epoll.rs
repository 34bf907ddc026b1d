//! The reactor: turns readiness edges into wake-ups.
//!
//! - It owns the `epoll` instance and a slab of sources, one for each registered descriptor. A source is shared with
//!   the [`Registration`](crate::io::Registration) of its descriptor, which reads its readiness and waits in it. No
//!   other code touches it, and all of it runs on the loop's thread.
//! - A descriptor is registered once, until it is closed; for all events, unless an `AsyncFd` has an interest. The
//!   kernel returns its [`SourceKey`] with each event. An event for a key whose source is gone is counted and
//!   ignored: a duplicate of a closed descriptor keeps the kernel's registration alive, and a batch may hold events
//!   for a descriptor that was closed earlier in it.
//! - Waking a task of this executor pushes a number to the run queue. Any other waker is user code, which may close or
//!   register sockets and hit the borrow of the batch: those are collected, and woken after the batch.

#[cfg(feature = "sim")]
pub(crate) mod inspect;
mod table;
#[cfg(feature = "inspect")]
pub(crate) mod waits;

use crate::observe::spans::SourceSpan;
use crate::observe::stats::Counter;
use crate::observe::watch::By;
use crate::reactor::gone::runtime_is_gone;
use crate::reactor::label::{LabelCell, SourceLabel};
use crate::reactor::readiness::{Readiness, Start};
use crate::reactor::waiters::Waiters;
use crate::sys::{Backend, Epoll, Events, Head, mask};
use crate::wake::key::SourceKey;
use crate::wake::queue::{Batch, RunQueue};
use crate::wake::waker;
use std::cell::{Cell, RefCell, RefMut};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::RefUnwindSafe;
use std::rc::Rc;
use std::task::Waker;
use table::SourceTable;

/// How many events one `epoll_wait` may report. With more, the first task waits for the bookkeeping of the last event;
/// with fewer, the call is poorly shared. Events that do not fit come with the next call.
const BATCH: usize = 256;

/// In `owners`: a descriptor number that was never registered. No source has this index.
const NO_SOURCE: u32 = u32::MAX;

pub(crate) struct Reactor {
    epoll: Epoll,
    /// The run queue for this executor's own wakers.
    queue: Rc<RunQueue>,
    state: RefCell<WaitState>,
    /// The index of the source that was last registered under each descriptor number. A number that the user closed
    /// may be in use by another source, and a DEL would end that registration. The index is enough: no two live
    /// sources share one, and the source that compares is alive.
    owners: RefCell<Vec<u32>>,
    next_generation: Cell<u32>,
    /// The runtime is gone: no thread will wait for events again.
    closed: Cell<bool>,
    pub(crate) waits: Counter,
    pub(crate) reported: Counter,
    pub(crate) stale: Counter,
    pub(crate) controls: Counter,
    pub(crate) control_errors: Counter,
}

/// The state that a wait changes, in one cell: each turn borrows it once.
struct WaitState {
    sources: SourceTable,
    events: Events,
    /// Wakers that are not of tasks of this executor, until the caller of the wait has woken them.
    foreign: Vec<Waker>,
}

/// A registered descriptor: its cached readiness and its waiters.
///
/// Named for the error about a socket that is sent to another thread; the code calls it [`Source`].
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(crate) struct IoStaysOnItsThread_UseIntoStd {
    reactor: Rc<Reactor>,
    key: SourceKey,
    /// The number that the kernel's registration has.
    fd: RawFd,
    readiness: Cell<Readiness>,
    /// How many events came. An outcome from before an event must not clear what the event set.
    ticks: Cell<u64>,
    waiters: Waiters,
    span: SourceSpan,
    label: LabelCell,
}

pub(crate) use IoStaysOnItsThread_UseIntoStd as Source;

impl Reactor {
    /// Creates a reactor that wakes tasks into `queue` and whose waits are ended by a write to `eventfd`.
    pub(crate) fn new(
        backend: Backend,
        queue: Rc<RunQueue>,
        eventfd: BorrowedFd<'_>,
    ) -> io::Result<Rc<Reactor>> {
        let reactor = Reactor {
            epoll: backend.epoll()?,
            queue,
            state: RefCell::new(WaitState {
                sources: SourceTable::default(),
                events: Events::with_capacity(BATCH),
                foreign: Vec::new(),
            }),
            owners: RefCell::default(),
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
        reactor.epoll.add_eventfd(eventfd, mask::IN | mask::EDGE, SourceKey::EVENTFD.bits())?;
        Ok(Rc::new(reactor))
    }

    /// Registers a descriptor, once, for `events`.
    ///
    /// # Errors
    ///
    /// Those of [`Epoll::add`]; nothing is left behind then.
    pub(crate) fn register(
        self: &Rc<Reactor>,
        fd: BorrowedFd<'_>,
        start: Start,
        events: u32,
    ) -> io::Result<Rc<Source>> {
        if self.closed.get() {
            return Err(runtime_is_gone());
        }
        let span = SourceSpan::open(fd.as_raw_fd()); // before anything is borrowed, and dropped after
        let sources = &mut self.state.borrow_mut().sources;
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
            label: LabelCell::default(),
        });
        self.controls.bump();
        self.epoll.add(fd, events, source.key.bits())?;
        sources.insert(source.clone());
        let owners = &mut *self.owners.borrow_mut();
        let number = source.fd as usize;
        if owners.len() <= number {
            owners.resize(number + 1, NO_SOURCE);
        }
        owners[number] = index;
        self.queue.watch.registered(index, source.fd);
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
        // The user closed it, perhaps with the number in use again. The generation makes later events of the old
        // registration harmless, and no caller could do more about it.
        self.control_errors.bump();
    }

    /// Waits for events, for `timeout` nanoseconds at most or, with `u64::MAX`, without a limit, and wakes their waiters.
    /// Returns whether there are any in [`foreign`](Reactor::foreign), which the caller wakes.
    #[inline(always)] // into the loop
    pub(crate) fn wait(&self, timeout: u64) -> bool {
        let WaitState { sources, events, foreign } = &mut *self.state.borrow_mut();
        self.waits.bump();
        self.queue.watch.waits();
        let waited = self.epoll.wait_for(events, timeout);
        let count =
            waited.expect("epoll_wait on egret's own epoll descriptor; was it closed behind egret's back?");
        let mut heads = events.with_heads();
        let by = self.queue.watch.waited(timeout, count);
        self.reported.add(count as u64);
        while let Some((key, head)) = {
            let queue = &mut self.queue.batch_by(by);
            // The events that wake tasks of this executor: a loop that calls nothing has all registers for itself.
            loop {
                let Some((token, head)) = heads.next() else { break None };
                let key = SourceKey::from_bits(token);
                match sources.get(key.index()) {
                    Some(source) if source.key == key && source.on_event(head, queue, foreign) => {}
                    _ => break Some((key, head)),
                }
            }
        } {
            self.on_other_event(key, head, by, sources, foreign);
        }
        !foreign.is_empty()
    }

    /// Handles an event of something else than a source, or of one with other waiters than tasks that wait alone.
    #[cold]
    #[inline(never)] // it would take registers of the walk
    fn on_other_event(
        &self,
        key: SourceKey,
        head: Head<'_>,
        by: By,
        sources: &SourceTable,
        foreign: &mut Vec<Waker>,
    ) {
        match sources.get(key.index()) {
            Some(source) if source.key == key => {
                let ready = Readiness::from_mask(head.mask());
                source.waiters.wake(ready, &mut self.queue.batch_by(by.event(head)), foreign);
            }
            _ if key == SourceKey::EVENTFD => self.reported.take_back(),
            _ => self.stale.bump(),
        }
    }

    /// Wakers that are not of tasks of this executor, collected while something is borrowed.
    pub(crate) fn foreign(&self) -> RefMut<'_, Vec<Waker>> {
        RefMut::map(self.state.borrow_mut(), |state| &mut state.foreign)
    }

    /// Drops all sources, whose descriptors may outlive the runtime, and wakes their waiters.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let sources = std::mem::take(&mut self.state.borrow_mut().sources);
        let mut foreign = Vec::new();
        for source in sources.iter() {
            source.readiness.set(source.readiness.get().gone());
            source.wake_waiters(&mut foreign);
        }
        drop(sources);
        wake_all(&mut foreign);
    }

    /// Returns whether `foreign`, which is no task's waker, waits for a source.
    pub(crate) fn has_waiter(&self, foreign: &Waker) -> bool {
        self.state.borrow().sources.iter().any(|source| source.waiters.has(foreign))
    }

    pub(crate) fn sources_alive(&self) -> usize {
        self.state.borrow().sources.len()
    }

    /// Returns the registered descriptors, each with its key, which no other registration of this reactor has.
    #[cfg(feature = "test-util")]
    pub(crate) fn registered(&self) -> Vec<(SourceKey, RawFd)> {
        self.state.borrow().sources.iter().map(|source| (source.key, source.fd)).collect()
    }
}

impl AsFd for Reactor {
    /// Returns the epoll instance.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

// No user code runs while a source is changed: wakers are called after the batch, or by the operation that has let go.
impl RefUnwindSafe for Source {}

impl Source {
    #[inline(always)] // into the walk over the events
    fn on_event(&self, head: Head<'_>, queue: &mut Batch<'_>, foreign: &[Waker]) -> bool {
        let mask = head.mask();
        let (before, event) = (self.readiness.get(), Readiness::from_mask(mask));
        let after = before.merged(event);
        queue.trace().event(self.fd, mask, || after.becomes_ready(before), || foreign.len());
        self.span.event(mask);
        self.readiness.set(after);
        self.ticks.set(self.ticks.get() + 1);
        self.waiters.wake_tasks(event, queue, |by| by.event(head))
    }

    #[inline]
    pub(crate) fn readiness(&self) -> Readiness {
        self.readiness.get()
    }

    #[inline]
    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        self.readiness.set(readiness);
    }

    /// Returns the number of the executor of this source.
    pub(crate) fn executor(&self) -> u16 {
        self.reactor.queue.executor
    }

    /// Returns how many events came so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks.get()
    }

    /// Says what the descriptor is for.
    #[inline]
    pub(crate) fn set_label(&self, label: SourceLabel) {
        self.label.set(label);
    }

    /// Returns the waiters for events. Only for an operation that has found the source not ready: once the runtime is
    /// gone the source is always ready, and a wait would never end.
    #[inline]
    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// Ends the registration of the descriptor, which is about to be closed or returned: DEL, slot, waiters.
    pub(crate) fn deregister(&self) {
        let reactor = &self.reactor;
        reactor.delete(self);
        if reactor.closed.get() {
            return;
        }
        let gone = reactor.state.borrow_mut().sources.remove(self.key.index());
        drop(gone);
        let mut foreign = Vec::new();
        self.wake_waiters(&mut foreign);
        wake_all(&mut foreign);
    }

    /// Wakes the waiters; foreign wakers are left in `foreign`.
    fn wake_waiters(&self, foreign: &mut Vec<Waker>) {
        self.waiters.wake(Readiness::ALL, &mut self.reactor.queue.batch(), foreign);
    }
}

/// Wakes all, in the order in which they were collected.
pub(crate) fn wake_all(woken: &mut Vec<Waker>) {
    woken.drain(..).for_each(waker::wake_contained);
}
