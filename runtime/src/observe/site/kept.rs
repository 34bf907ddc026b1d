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
    struct SiteFuture<F> {
        #[pin]
        future: F,
        at: Site,
    }
}

/// Keeps a site for the operations inside.
struct EnteredSite(Option<Site>);

/// Where and since when a waiter waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Note {
    at: Option<Site>,
    stamp: Stamp,
}

/// The part that the waiters of one turn and one frame have in common, so that it is copied as a whole.
///
/// - The first word is when the polls of the turn began, in ticks; 0 outside of polls. A clock for each waiter would
///   cost more than all of its note.
/// - The low half of the second word is the named frame, counted from 1, or 0. The high half is for how long the waiter
///   had waited at that time, in ticks, as the bits of an `f32`: 0 but for a waiter that was registered again.
#[derive(Clone, Copy, Debug, Default)]
struct Stamp([u64; 2]);

/// A time, in ticks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment(u64);

/// The task that was polled when a waiter was registered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Task(u64);

/// The frame of a stamp.
const FRAME: u64 = u32::MAX as u64;

thread_local! {
    /// Returns the task that this thread polls, as the bits of its key, or 0: see [`ask`].
    static POLLED: Cell<fn() -> u64> = const { Cell::new(no_task) };
    /// Of the waiters of this turn.
    static STAMP: Cell<Stamp> = const { Cell::new(Stamp([0, 0])) };
    /// The operation of egret that is being polled and has others inside.
    static WHOLE: Cell<Option<Site>> = const { Cell::new(None) };
}

impl Site {
    /// Returns the line that calls.
    #[inline(always)]
    #[track_caller]
    pub fn caller() -> Site {
        Site(Location::caller())
    }

    /// Returns the line of the operation that this one is a part of; without one, the line that calls.
    #[inline]
    #[track_caller]
    pub fn current() -> Site {
        Site(Location::caller()).outermost()
    }

    /// Returns the line of the operation that one at this line is a part of; without one, this line.
    #[inline]
    pub(crate) fn outermost(self) -> Site {
        WHOLE.get().unwrap_or(self)
    }

    /// While `future` is polled, [`current`](Site::current) is this line. The outermost operation counts.
    #[inline]
    pub fn within<T>(self, future: impl Future<Output = T>) -> impl Future<Output = T> {
        SiteFuture { future, at: self }
    }

    /// Until the guard is dropped, [`current`](Site::current) is this line.
    #[inline]
    fn enter(self) -> EnteredSite {
        EnteredSite(WHOLE.replace(Some(self.outermost())))
    }

    pub(crate) fn location(self) -> &'static Location<'static> {
        self.0
    }

    /// Returns the line, or without feature `inspect` the other one.
    pub(crate) fn location_or(self, _other: &'static Location<'static>) -> &'static Location<'static> {
        self.0
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Site({})", self.0)
    }
}

impl<F: Future> Future for SiteFuture<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.at.enter();
        this.future.poll(cx)
    }
}

impl Drop for EnteredSite {
    #[inline]
    fn drop(&mut self) {
        WHOLE.set(self.0);
    }
}

impl Note {
    /// Returns the note of a waiter that begins to wait in this poll, or outside of polls.
    pub(crate) fn now(at: Site) -> Note {
        let note = Note::in_poll(at);
        Note { stamp: note.stamp.at(note.stamp.began()), ..note }
    }

    /// Returns the note of a waiter that begins to wait in this poll. Without a poll it has no time.
    #[inline(always)]
    pub(crate) fn in_poll(at: Site) -> Note {
        Note { at: Some(at), stamp: STAMP.get() }
    }

    /// Returns the note of a waiter that is registered again: it waits since the same time if it is at the same line.
    #[inline(never)]
    pub(crate) fn again(self, at: Site) -> Note {
        let now = Note::now(at);
        if self.at.is_some_and(|before| std::ptr::eq(before.0, at.0)) {
            return Note { stamp: now.stamp.since(self.ticks()), ..now };
        }
        now
    }

    /// Returns the note of a waiter that may have been registered `before`.
    #[inline]
    pub(crate) fn next(before: Option<Note>, at: Site) -> Note {
        match before {
            None => Note::now(at),
            Some(before) => before.again(at),
        }
    }

    /// Returns since when it waits, in ticks.
    pub(crate) fn ticks(self) -> u64 {
        self.stamp.began().saturating_sub(self.stamp.age())
    }

    pub(crate) fn at(self) -> Option<&'static Location<'static>> {
        self.at.map(Site::location)
    }

    /// Returns when the polls began of which one has registered the waiter last, in ticks.
    pub(crate) fn polled(self) -> u64 {
        self.stamp.began()
    }

    /// Returns the named frame that waits, counted from 1.
    pub(crate) fn frame(self) -> Option<u32> {
        Some(self.stamp.0[1] as u32).filter(|frame| *frame != 0)
    }
}

impl Stamp {
    /// Returns when the polls began; now, where the waiter was registered outside of polls.
    fn began(self) -> u64 {
        match self.0[0] {
            0 => ticks::now(),
            began => began,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was made from a count of ticks"
    )]
    fn age(self) -> u64 {
        f32::from_bits((self.0[1] >> 32) as u32) as u64
    }

    /// The same of polls that began at a time.
    fn at(self, began: u64) -> Stamp {
        Stamp([began, self.0[1]])
    }

    /// The same of a waiter that waits since a time before.
    #[expect(clippy::cast_precision_loss, reason = "it is right to a ten-millionth of the age")]
    fn since(self, ticks: u64) -> Stamp {
        let age = self.began().saturating_sub(ticks) as f32;
        Stamp([self.0[0], u64::from(age.to_bits()) << 32 | self.0[1] & FRAME])
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
        Task(POLLED.get()())
    }

    /// Returns the bits of its key; 0 when no task was polled.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

fn no_task() -> u64 {
    0
}

/// From now on `polled` tells the task that this thread polls. The run queue knows it; it need not say it for each poll.
pub(crate) fn ask(polled: fn() -> u64) {
    POLLED.set(polled);
}

/// Notes that the polls of a turn begin, at `began`.
#[inline]
pub(crate) fn polls_begin(began: u64) {
    STAMP.set(STAMP.get().at(began));
}

/// Notes that no task is polled any more.
#[inline]
pub(crate) fn polls_end() {
    polls_begin(0);
}

/// Makes `frame` the innermost frame, and returns the one before.
pub(crate) fn swap_frame(frame: u32) -> u32 {
    let Stamp([began, before]) = STAMP.get();
    STAMP.set(Stamp([began, u64::from(frame)]));
    before as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polls of the next turn begin.
    fn next_poll() -> u64 {
        let began = ticks::now();
        polls_begin(began);
        began
    }

    #[test]
    fn a_note_keeps_its_time_at_the_same_line_and_begins_anew_at_another() {
        let [here, there] = [Site::caller(), Site::caller()];
        let began = ticks::now();
        let first = next_poll();
        let note = Note::in_poll(here);
        assert_eq!((note.polled(), note.frame()), (first, None));
        assert!((began..=ticks::now()).contains(&note.ticks()));
        let later = ticks::now();
        while ticks::now() == later {}
        let second = next_poll();
        assert_ne!(first, second);
        assert_eq!(swap_frame(7), 0);
        let again = note.again(here);
        assert_eq!((again.polled(), again.frame()), (second, Some(7)));
        assert!(again.ticks().abs_diff(note.ticks()) <= second / 10_000_000, "{again:?} {note:?}");
        assert_eq!(again.again(here).ticks(), again.ticks());
        assert_eq!(swap_frame(0), 7);
        let moved = again.again(there);
        assert_eq!((moved.polled(), moved.frame(), moved.ticks()), (second, None, second));
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
