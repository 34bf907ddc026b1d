//! The record of a turn, for tests, with feature `test-util`. See also `none.rs`.
//!
//! A test that counts allocations may step the loop by turns: the lists of a turn return to their thread when the
//! [`Turn`](crate::runtime::Turn) is dropped, and the next turn reuses their memory.

use crate::observe::id::Id;
use crate::observe::woken::Woken;
use crate::sys::mask;
#[cfg(feature = "sim")]
use crate::sys::sim;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::BitOr;
use std::os::fd::RawFd;

/// The bits of an `epoll` event, as [`epoll_ctl(2)`] numbers them.
///
/// An edge-triggered event reports the whole state at its delivery and not only the change: bytes that come to a
/// socket with buffer space to send are `IN|OUT`.
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
    /// Bytes, a connection to accept, or the end of the stream.
    pub const IN: Mask = Mask(mask::IN);
    /// Urgent data.
    pub const PRI: Mask = Mask(mask::PRI);
    /// Buffer space to write, or a connect that is over.
    pub const OUT: Mask = Mask(mask::OUT);
    /// An error to fetch.
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

    /// Returns whether every bit of `other` is set.
    pub fn contains(self, other: Mask) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the number that the kernel uses.
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

/// An event of a registered descriptor, from [`Turn::ready`](crate::runtime::Turn::ready).
///
/// A direction whose cached state was ready before the event does not become ready by it: after a read that filled its
/// buffer the descriptor is still ready, and an event for the next bytes changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ready {
    /// The number of the descriptor: `as_raw_fd` of the socket.
    pub fd: RawFd,
    /// The mask that the kernel reported.
    pub mask: Mask,
    /// Whether the descriptor became ready for reading.
    pub read: bool,
    /// Whether the descriptor became ready for writing.
    pub write: bool,
}

/// A wake of a task, from [`Turn::wakes`](crate::runtime::Turn::wakes).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Wake {
    /// The task: the [`id`](crate::task::JoinHandle::id) of its handle.
    pub task: Id,
    /// The cause.
    pub by: WokenBy,
}

/// The cause of a wake.
///
/// A wake through a foreign waker (those of `FuturesUnordered` and of `select!` macros) is attributed to the cause
/// that woke that waker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WokenBy {
    /// An event of the descriptor with this number.
    Event(RawFd),
    /// A timer that fired.
    Timer,
    /// The task with this id, while it was polled. It may be the same one.
    Task(Id),
    /// Another thread, or this one outside the runtime.
    Thread,
}

/// Records what the queue and the reactor report.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// The task at each index.
    tasks: RefCell<Vec<Option<Id>>>,
    recording: RefCell<Option<TurnRecording>>,
}

#[derive(Debug)]
struct TurnRecording {
    /// The current cause of wakes.
    by: WokenBy,
    lists: Box<TurnLists>,
}

#[derive(Clone, Debug, Default)]
struct TurnLists {
    ready: Vec<Ready>,
    wakes: Vec<Wake>,
    coalesced: Vec<Wake>,
    /// The descriptor of the foreign wakers from each position on.
    foreign: Vec<(usize, RawFd)>,
}

/// The record of a turn; `None` when it is empty.
///
/// All are equal: two turns are compared by their counts, with this feature on and without.
#[derive(Clone, Default)]
pub(crate) struct TurnRecord(Option<Box<TurnLists>>);

thread_local! {
    /// Lists to reuse.
    static SPARE: Cell<Option<Box<TurnLists>>> = const { Cell::new(None) };
}

impl TurnLists {
    fn take() -> Box<TurnLists> {
        SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    fn give_back(mut self: Box<TurnLists>) {
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
    /// Starts a turn, with its `epoll_wait`. A wake seen before the first event is attributed to another thread.
    pub(crate) fn begin(&self) {
        let recording = TurnRecording { by: WokenBy::Thread, lists: TurnLists::take() };
        let _ = self.recording.replace(Some(recording)); // a panic may have left one
    }

    /// Attributes the next wakes to timers.
    pub(crate) fn timers_begin(&self) {
        self.with(|recording| {
            recording.by = WokenBy::Timer;
            recording.lists.foreign.clear();
        });
    }

    /// Attributes the next wakes to other threads: their wakes and errands are collected.
    pub(crate) fn letters_begin(&self) {
        self.with(|recording| recording.by = WokenBy::Thread);
    }

    /// Ends the turn.
    pub(crate) fn end(&self) -> TurnRecord {
        let Some(recording) = self.recording.take() else { return TurnRecord(None) };
        if recording.lists.is_empty() {
            recording.lists.give_back();
            return TurnRecord(None);
        }
        TurnRecord(Some(recording.lists))
    }

    /// Sets the task at an index.
    pub(crate) fn spawned(&self, index: u32, id: Id) {
        let tasks = &mut *self.tasks.borrow_mut();
        let at = index as usize;
        if tasks.len() <= at {
            tasks.resize(at + 1, None);
        }
        tasks[at] = Some(id);
    }

    /// Records an event of a descriptor, whose waiters are about to be woken. Foreign ones are set aside, from the
    /// position `foreign` on. `becomes_ready` has the directions that the event makes ready: reading, and writing.
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

    /// Attributes the next wake to the event of the foreign waker at this position.
    pub(crate) fn foreign(&self, position: usize) {
        self.with(|recording| {
            let events = recording.lists.foreign.iter();
            if let Some((_, fd)) = events.take_while(|(from, _)| *from <= position).last() {
                recording.by = WokenBy::Event(*fd);
            }
        });
    }

    /// Records a wake of the task at an index.
    pub(crate) fn woken(&self, index: u32, woken: Woken) {
        #[cfg(feature = "sim")]
        if woken == Woken::Queued {
            sim::mark(|host| sim::Marked::Woken { host, task: index });
        }
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

    /// Records that the task at an index is about to be polled.
    pub(crate) fn popped(&self, index: u32) {
        if let Some(task) = self.task(index) {
            #[cfg(feature = "sim")]
            sim::mark(|host| sim::Marked::Polled { host, task: index });
            self.with(|recording| recording.by = WokenBy::Task(task));
        }
    }

    /// Returns the task at an index; `None` for the future of `block_on`.
    fn task(&self, index: u32) -> Option<Id> {
        self.tasks.borrow().get(index as usize).copied().flatten()
    }

    /// Calls `f`, which runs no user code, if a turn is being recorded.
    fn with(&self, f: impl FnOnce(&mut TurnRecording)) {
        if let Some(recording) = self.recording.borrow_mut().as_mut() {
            f(recording);
        }
    }
}

impl TurnRecord {
    pub(crate) fn ready(&self) -> &[Ready] {
        self.0.as_ref().map_or(&[], |lists| &lists.ready)
    }

    pub(crate) fn wakes(&self) -> &[Wake] {
        self.0.as_ref().map_or(&[], |lists| &lists.wakes)
    }

    pub(crate) fn coalesced(&self) -> &[Wake] {
        self.0.as_ref().map_or(&[], |lists| &lists.coalesced)
    }

    /// Adds the lists of a later turn.
    pub(crate) fn append(&mut self, later: &TurnRecord) {
        if let Some(later) = &later.0 {
            let lists = self.0.get_or_insert_with(TurnLists::take);
            lists.ready.extend_from_slice(&later.ready);
            lists.wakes.extend_from_slice(&later.wakes);
            lists.coalesced.extend_from_slice(&later.coalesced);
        }
    }
}

impl Drop for TurnRecord {
    fn drop(&mut self) {
        if let Some(lists) = self.0.take() {
            lists.give_back();
        }
    }
}

impl PartialEq for TurnRecord {
    fn eq(&self, _: &TurnRecord) -> bool {
        true
    }
}

impl Eq for TurnRecord {}

impl fmt::Debug for TurnRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ready, wakes, coalesced) = (self.ready(), self.wakes(), self.coalesced());
        f.debug_struct("Record")
            .field("ready", &ready)
            .field("wakes", &wakes)
            .field("coalesced", &coalesced)
            .finish()
    }
}
