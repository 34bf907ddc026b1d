//! The record of a turn, for tests. The other half of `none.rs`.
//!
//! A test that counts allocations may step the loop by turns. So the lists of a turn go back to their thread when the
//! [`Turn`](crate::runtime::Turn) is dropped, and the next one that asks for lists finds them large enough.

use crate::observe::id::Id;
use crate::observe::woken::Woken;
use crate::sys::mask;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::BitOr;
use std::os::fd::RawFd;

/// What an event of `epoll` says, bit for bit as [`epoll_ctl(2)`] numbers them.
///
/// An edge-triggered event reports the whole state at its delivery and not only what is new: bytes that come to a socket
/// with room to send are `IN|OUT`.
///
/// ```
/// use egret_runtime::test::Mask;
///
/// let mask = Mask::IN | Mask::OUT;
/// assert!(mask.contains(Mask::IN) && !mask.contains(Mask::RDHUP));
/// assert_eq!(format!("{mask:?}"), "IN|OUT");
/// ```
///
/// [`epoll_ctl(2)`]: https://man7.org/linux/man-pages/man2/epoll_ctl.2.html
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mask(u32);

impl Mask {
    /// There is something to read, to accept, or the end of the stream.
    pub const IN: Mask = Mask(mask::IN);
    /// There is urgent data.
    pub const PRI: Mask = Mask(mask::PRI);
    /// There is room to write, or a connect is over.
    pub const OUT: Mask = Mask(mask::OUT);
    /// There is an error to be fetched.
    pub const ERR: Mask = Mask(mask::ERR);
    /// Both directions are closed.
    pub const HUP: Mask = Mask(mask::HUP);
    /// The peer will send no more.
    pub const RDHUP: Mask = Mask(mask::RDHUP);

    const NAMES: [(Mask, &str); 6] = [
        (Mask::IN, "IN"),
        (Mask::PRI, "PRI"),
        (Mask::OUT, "OUT"),
        (Mask::ERR, "ERR"),
        (Mask::HUP, "HUP"),
        (Mask::RDHUP, "RDHUP"),
    ];

    /// Whether every bit of `other` is set.
    pub fn contains(self, other: Mask) -> bool {
        self.0 & other.0 == other.0
    }

    /// The number that the kernel uses.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl BitOr for Mask {
    type Output = Mask;

    fn bitor(self, other: Mask) -> Mask {
        Mask(self.0 | other.0)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut between = "";
        for (bit, name) in Mask::NAMES {
            if self.contains(bit) {
                write!(f, "{between}{name}")?;
                (rest, between) = (rest & !bit.0, "|");
            }
        }
        if rest != 0 || self.0 == 0 { write!(f, "{between}{rest:#x}") } else { Ok(()) }
    }
}

/// An event of a registered descriptor, by [`Turn::ready`](crate::runtime::Turn::ready).
///
/// A direction that was believed to be ready before the event does not become ready by it: after a read that filled
/// its buffer the descriptor still is, and the next bytes are an event that changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ready {
    /// The descriptor, by its number: that of `as_raw_fd` of the socket.
    pub fd: RawFd,
    /// What the kernel reported.
    pub mask: Mask,
    /// Whether it was not ready for reading before, and is now.
    pub read: bool,
    /// Whether it was not ready for writing before, and is now.
    pub write: bool,
}

/// A task was woken, by [`Turn::wakes`](crate::runtime::Turn::wakes).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Wake {
    /// Which: the [`id`](crate::task::JoinHandle::id) of its handle.
    pub task: Id,
    /// By what.
    pub by: WokenBy,
}

/// What woke a task.
///
/// A wake that goes through a waker of somebody else's (those of `FuturesUnordered` and of `select!` macros) is put down to
/// what woke that waker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WokenBy {
    /// An event of the descriptor of this number.
    Event(RawFd),
    /// A timer that fired.
    Timer,
    /// The task of this number, while it was polled. It may be the same one.
    Task(Id),
    /// Another thread, or this one while it was not in the runtime.
    Thread,
}

/// Told by the queue and by the reactor what happens.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Which task has which index.
    tasks: RefCell<Vec<Option<Id>>>,
    recording: RefCell<Option<Recording>>,
}

#[derive(Debug)]
struct Recording {
    /// What is under way: what is woken now is woken by this.
    by: WokenBy,
    lists: Box<Lists>,
}

#[derive(Clone, Debug, Default)]
struct Lists {
    ready: Vec<Ready>,
    wakes: Vec<Wake>,
    coalesced: Vec<Wake>,
    /// From which position on the wakers that were set aside are those of which descriptor.
    foreign: Vec<(usize, RawFd)>,
}

/// What happened in a turn; `None` for nothing.
///
/// All are equal: two turns are compared by their counts, with this feature on and without.
#[derive(Clone, Default)]
pub(crate) struct Record(Option<Box<Lists>>);

thread_local! {
    /// Lists that nobody needs any more.
    static SPARE: Cell<Option<Box<Lists>>> = const { Cell::new(None) };
}

impl Lists {
    fn take() -> Box<Lists> {
        SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    fn give_back(mut self: Box<Lists>) {
        self.ready.clear();
        self.wakes.clear();
        self.coalesced.clear();
        self.foreign.clear();
        let _ = SPARE.try_with(|spare| spare.set(Some(self))); // dropped when the thread is about to end
    }

    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.wakes.is_empty() && self.coalesced.is_empty()
    }
}

impl Trace {
    /// A turn begins, with its look at the kernel: what is woken before an event is would be by nobody on this thread.
    pub(crate) fn begin(&self) {
        let recording = Recording { by: WokenBy::Thread, lists: Lists::take() };
        let _ = self.recording.replace(Some(recording)); // one that a panic left
    }

    /// From here on timers fire.
    pub(crate) fn timers_begin(&self) {
        self.with(|recording| {
            recording.by = WokenBy::Timer;
            recording.lists.foreign.clear();
        });
    }

    /// From here on the wakes and the errands of other threads are collected.
    pub(crate) fn letters_begin(&self) {
        self.with(|recording| recording.by = WokenBy::Thread);
    }

    /// The turn is over.
    pub(crate) fn end(&self) -> Record {
        let Some(recording) = self.recording.take() else { return Record(None) };
        if recording.lists.is_empty() {
            recording.lists.give_back();
            return Record(None);
        }
        Record(Some(recording.lists))
    }

    /// The task of this number has this index from now on.
    pub(crate) fn spawned(&self, index: u32, id: Id) {
        let tasks = &mut *self.tasks.borrow_mut();
        let at = index as usize;
        if tasks.len() <= at {
            tasks.resize(at + 1, None);
        }
        tasks[at] = Some(id);
    }

    /// A descriptor has an event, and its waiters are about to be woken; those that are not tasks of this executor
    /// are set aside, at the position that `foreign` says and after it. `becomes_ready` says of which directions the
    /// event is news: of reading, and of writing.
    pub(crate) fn event(
        &self,
        fd: RawFd,
        mask: u32,
        becomes_ready: impl FnOnce() -> (bool, bool),
        foreign: impl FnOnce() -> usize,
    ) {
        self.with(|recording| {
            let foreign = foreign();
            let (read, write) = becomes_ready();
            recording.by = WokenBy::Event(fd);
            recording.lists.ready.push(Ready { fd, mask: Mask(mask), read, write });
            if recording.lists.foreign.last().is_some_and(|(from, _)| *from > foreign) {
                recording.lists.foreign.clear(); // they are of an earlier look in this turn
            }
            recording.lists.foreign.push((foreign, fd));
        });
    }

    /// The waker at this position of those that were set aside is about to be woken.
    pub(crate) fn foreign(&self, position: usize) {
        self.with(|recording| {
            let events = recording.lists.foreign.iter();
            if let Some((_, fd)) = events.take_while(|(from, _)| *from <= position).last() {
                recording.by = WokenBy::Event(*fd);
            }
        });
    }

    /// The task of this index was woken.
    pub(crate) fn woken(&self, index: u32, woken: Woken) {
        let Some(task) = self.task(index) else { return };
        self.with(|recording| {
            let wake = Wake { task, by: recording.by };
            match woken {
                Woken::Queued => recording.lists.wakes.push(wake),
                Woken::Coalesced => recording.lists.coalesced.push(wake),
                Woken::Stale | Woken::Elsewhere => {}
            }
        });
    }

    /// The task of this index is about to be polled.
    pub(crate) fn popped(&self, index: u32) {
        if let Some(task) = self.task(index) {
            self.with(|recording| recording.by = WokenBy::Task(task));
        }
    }

    /// `None` for the future of `block_on`.
    fn task(&self, index: u32) -> Option<Id> {
        self.tasks.borrow().get(index as usize).copied().flatten()
    }

    /// Calls `f`, which reaches no user code, if a turn is being recorded.
    fn with(&self, f: impl FnOnce(&mut Recording)) {
        if let Some(recording) = self.recording.borrow_mut().as_mut() {
            f(recording);
        }
    }
}

impl Record {
    pub(crate) fn ready(&self) -> &[Ready] {
        self.0.as_ref().map_or(&[], |lists| &lists.ready)
    }

    pub(crate) fn wakes(&self) -> &[Wake] {
        self.0.as_ref().map_or(&[], |lists| &lists.wakes)
    }

    pub(crate) fn coalesced(&self) -> &[Wake] {
        self.0.as_ref().map_or(&[], |lists| &lists.coalesced)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(lists) = self.0.take() {
            lists.give_back();
        }
    }
}

impl PartialEq for Record {
    fn eq(&self, _: &Record) -> bool {
        true
    }
}

impl Eq for Record {}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ready, wakes, coalesced) = (self.ready(), self.wakes(), self.coalesced());
        f.debug_struct("Record")
            .field("ready", &ready)
            .field("wakes", &wakes)
            .field("coalesced", &coalesced)
            .finish()
    }
}
