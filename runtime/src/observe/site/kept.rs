//! The sites and the notes, with feature `inspect`. See also `none.rs`.

use crate::observe::ticks;
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A line of the program that waits; nothing without feature `inspect`.
#[derive(Clone, Copy)]
pub struct Site(&'static Location<'static>);

pin_project! {
    /// An operation that has others inside.
    struct Within<F> {
        #[pin]
        future: F,
        at: Site,
    }
}

/// Keeps a site for the operations inside.
struct Entered(Option<Site>);

/// Where and since when a waiter waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Note {
    at: Option<Site>,
    stamp: Stamp,
}

/// What the waiters of one turn and one frame have in common: since when they wait, in ticks; the named frame, counted
/// from 1, or 0, in the low half of the second word, and the turn of the last poll in its high half.
///
/// The time is that of the begin of the turn: a clock for each waiter would cost more than all of its note. It is an
/// array, so that it is copied as a whole.
#[derive(Clone, Copy, Debug, Default)]
struct Stamp([u64; 2]);

/// The number of a turn of a loop: names a poll of a task, as a task is polled once in a turn. None has 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Serial(u32);

/// What is being polled on this thread.
struct Polling {
    /// The task, as the bits of its key; 0 outside of polls.
    task: Cell<u64>,
    /// Of the waiters of this poll. Its time is 0 outside of turns, its frame outside of frames.
    stamp: Cell<Stamp>,
}

/// A time, in ticks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment(u64);

/// The task that was polled when a waiter was registered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Task(u64);

thread_local! {
    static POLLING: Polling = const { Polling { task: Cell::new(0), stamp: Cell::new(Stamp([0, 0])) } };
    /// The operation of egret that is being polled and has others inside.
    static WHOLE: Cell<Option<Site>> = const { Cell::new(None) };
}

impl Site {
    /// The line that calls.
    #[inline(always)]
    #[track_caller]
    pub fn caller() -> Site {
        Site(Location::caller())
    }

    /// The line of the operation that this one is a part of; without one, the line that calls.
    #[inline]
    #[track_caller]
    pub fn current() -> Site {
        Site(Location::caller()).outermost()
    }

    /// The line of the operation that one at this line is a part of; without one, this line.
    #[inline]
    pub(crate) fn outermost(self) -> Site {
        WHOLE.get().unwrap_or(self)
    }

    /// While `future` is polled, [`current`](Site::current) is this line. The outermost operation counts.
    #[inline]
    pub fn within<T>(self, future: impl Future<Output = T>) -> impl Future<Output = T> {
        Within { future, at: self }
    }

    /// Until the guard is dropped, [`current`](Site::current) is this line.
    #[inline]
    fn enter(self) -> Entered {
        Entered(WHOLE.replace(Some(self.outermost())))
    }

    pub(crate) fn location(self) -> &'static Location<'static> {
        self.0
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Site({})", self.0)
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.at.enter();
        this.future.poll(cx)
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        WHOLE.set(self.0);
    }
}

impl Note {
    /// Of a waiter that begins to wait in this poll, or outside of polls.
    pub(crate) fn now(at: Site) -> Note {
        let note = Note::in_poll(at);
        Note { stamp: note.stamp.since(note.ticks()), ..note }
    }

    /// Of a waiter that begins to wait in this poll. Without a poll it has no time.
    #[inline(always)]
    pub(crate) fn in_poll(at: Site) -> Note {
        POLLING.with(|polling| Note { at: Some(at), stamp: polling.stamp.get() })
    }

    /// Of a waiter that is registered again: it waits since the same time if it is at the same line.
    #[inline(never)]
    pub(crate) fn again(self, at: Site) -> Note {
        let now = Note::now(at);
        if self.at.is_some_and(|before| std::ptr::eq(before.0, at.0)) {
            return Note { stamp: now.stamp.since(self.ticks()), ..now };
        }
        now
    }

    /// Of a waiter that may have been registered `before`.
    #[inline]
    pub(crate) fn next(before: Option<Note>, at: Site) -> Note {
        match before {
            None => Note::now(at),
            Some(before) => before.again(at),
        }
    }

    /// Since when it waits, in ticks.
    pub(crate) fn ticks(self) -> u64 {
        match self.stamp.0[0] {
            0 => ticks::now(), // a task that registered its waker outside of polls
            since => since,
        }
    }

    pub(crate) fn at(self) -> Option<&'static Location<'static>> {
        self.at.map(Site::location)
    }

    /// The last poll that waited here.
    pub(crate) fn poll(self) -> Serial {
        Serial((self.stamp.0[1] >> 32) as u32)
    }

    /// The named frame that waits, counted from 1.
    pub(crate) fn frame(self) -> Option<u32> {
        Some(self.stamp.0[1] as u32).filter(|frame| *frame != 0)
    }
}

impl Stamp {
    fn since(self, ticks: u64) -> Stamp {
        Stamp([ticks, self.0[1]])
    }
}

impl Moment {
    #[inline]
    pub(crate) fn now() -> Moment {
        Moment(ticks::now())
    }

    /// In nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) fn nanoseconds(self) -> u64 {
        ticks::monotonic(self.0)
    }
}

impl Task {
    #[inline]
    pub(crate) fn current() -> Task {
        Task(POLLING.with(|polling| polling.task.get()))
    }

    /// The bits of its key; 0 when no task was polled.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

impl Serial {
    /// Of the turn after this one.
    #[inline]
    pub(crate) fn next(self) -> Serial {
        Serial(self.0.wrapping_add(1).max(1))
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// A turn begins, at `began`; its polls come next.
#[inline]
pub(crate) fn polls_begin(began: u64, turn: Serial) {
    POLLING.with(|polling| {
        let Stamp([_, before]) = polling.stamp.get();
        polling.stamp.set(Stamp([began, u64::from(turn.0) << 32 | before & u64::from(u32::MAX)]));
    });
}

/// The poll of `task` begins.
#[inline(always)]
pub(crate) fn poll_begins(task: u64) {
    POLLING.with(|polling| polling.task.set(task));
}

/// No task is polled any more.
#[inline]
pub(crate) fn polls_end() {
    POLLING.with(|polling| {
        polling.task.set(0);
        polling.stamp.set(polling.stamp.get().since(0));
    });
}

/// Makes `frame` the innermost frame, and returns the one before.
pub(crate) fn swap_frame(frame: u32) -> u32 {
    POLLING.with(|polling| {
        let Stamp([since, before]) = polling.stamp.get();
        polling.stamp.set(Stamp([since, before >> 32 << 32 | u64::from(frame)]));
        before as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A poll of the next turn, which begins now.
    fn next_poll() -> Serial {
        let turn = Note::in_poll(Site::caller()).poll().next();
        polls_begin(ticks::now(), turn);
        poll_begins(1);
        turn
    }

    #[test]
    fn a_note_keeps_its_time_at_the_same_line_and_begins_anew_at_another() {
        let [here, there] = [Site::caller(), Site::caller()];
        let began = ticks::now();
        let first = next_poll();
        let note = Note::in_poll(here);
        assert_eq!((note.poll(), note.frame()), (first, None));
        assert!((began..=ticks::now()).contains(&note.ticks()));
        let later = ticks::now();
        while ticks::now() == later {}
        let second = next_poll();
        assert_ne!(first, second);
        assert_eq!(swap_frame(7), 0);
        let again = note.again(here);
        assert_eq!((again.poll(), again.frame(), again.ticks()), (second, Some(7), note.ticks()));
        assert_eq!(again.again(here).ticks(), again.ticks());
        assert_eq!(swap_frame(0), 7);
        let moved = again.again(there);
        assert_eq!((moved.poll(), moved.frame()), (second, None));
        assert!(moved.ticks() > note.ticks());
        assert_eq!(moved.at().map(Location::column), Some(there.0.column()));
        polls_end();
    }

    #[test]
    fn a_note_outside_of_polls_has_the_time_of_the_clock() {
        next_poll();
        polls_end();
        let before = ticks::now();
        let note = Note::now(Site::caller());
        assert!((before..=ticks::now()).contains(&note.ticks()));
        assert_eq!(note.ticks(), note.ticks());
        assert_eq!(Task::current().bits(), 0);
    }

    #[test]
    fn the_outermost_operation_is_the_whole() {
        let [outer, inner] = [Site::caller(), Site::caller()];
        {
            let _outer = outer.enter();
            let _inner = inner.enter();
            assert!(std::ptr::eq(Site::current().0, outer.0));
        }
        assert_eq!(Site::current().0.line(), line!());
    }
}
