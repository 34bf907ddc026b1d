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
    since: Moment,
    /// The last poll that waited here, and its frame.
    place: u64,
}

/// Names a poll of this thread, until 2^32 others have come. 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Serial(u32);

/// A time, in ticks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment(u64);

/// The task that was polled when a waiter was registered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Task(u64);

thread_local! {
    /// The task that is being polled, as the bits of its key; 0 outside of polls.
    static POLLED: Cell<u64> = const { Cell::new(0) };
    /// Upper half: the serial number of that poll. Lower half: the innermost named frame that is being polled, counted
    /// from 1. In one number, which a note copies by one store.
    static PLACE: Cell<u64> = const { Cell::new(0) };
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
    /// Of a waiter that begins to wait in this poll.
    #[inline]
    pub(crate) fn now(at: Site) -> Note {
        Note { at: Some(at), since: Moment::now(), place: PLACE.get() }
    }

    /// Of a waiter that is registered again: it waits since the same time if it is at the same line.
    #[inline]
    pub(crate) fn again(self, at: Site) -> Note {
        if !self.at.is_some_and(|before| std::ptr::eq(before.0, at.0)) {
            return Note::now(at);
        }
        Note { place: PLACE.get(), ..self }
    }

    /// Of a waiter that may have been registered `before`.
    #[inline]
    pub(crate) fn next(before: Option<Note>, at: Site) -> Note {
        match before {
            None => Note::now(at),
            Some(before) => before.again(at),
        }
    }

    pub(crate) fn at(self) -> Option<&'static Location<'static>> {
        self.at.map(Site::location)
    }

    /// When the waiter began to wait, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) fn since(self) -> u64 {
        self.since.nanoseconds()
    }

    /// The last poll that waited here.
    pub(crate) fn poll(self) -> Serial {
        Serial((self.place >> 32) as u32)
    }

    /// The named frame that waits, counted from 1.
    pub(crate) fn frame(self) -> Option<u32> {
        Some(self.place as u32).filter(|frame| *frame != 0)
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
        Task(POLLED.get())
    }

    /// The bits of its key; 0 when no task was polled.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

/// The poll of `task` begins, outside of all frames.
#[inline]
pub(crate) fn poll_begins(task: u64) -> Serial {
    let serial = ((PLACE.get() >> 32) as u32).wrapping_add(1);
    PLACE.set(u64::from(serial) << 32);
    POLLED.set(task);
    Serial(serial)
}

/// No task is polled any more.
#[inline]
pub(crate) fn polls_end() {
    POLLED.set(0);
}

/// Makes `frame` the innermost frame, and returns the one before.
pub(crate) fn swap_frame(frame: u32) -> u32 {
    let before = PLACE.get();
    PLACE.set(before >> 32 << 32 | u64::from(frame));
    before as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_keeps_its_time_at_the_same_line_and_begins_anew_at_another() {
        let [here, there] = [Site::caller(), Site::caller()];
        let first = poll_begins(1);
        let note = Note::now(here);
        assert_eq!((note.poll(), note.frame()), (first, None));
        let second = poll_begins(1);
        assert_ne!(first, second);
        while Moment::now().0 == note.since.0 {}
        assert_eq!(swap_frame(7), 0);
        let again = note.again(here);
        assert_eq!((again.poll(), again.frame(), again.since.0), (second, Some(7), note.since.0));
        assert_eq!(swap_frame(0), 7);
        let moved = again.again(there);
        assert_eq!((moved.poll(), moved.frame()), (second, None));
        assert!(moved.since.0 > note.since.0);
        assert_eq!(moved.at().map(Location::column), Some(there.0.column()));
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
