//! No sites and no notes, without feature `inspect`. See also `kept.rs`.

use std::panic::Location;

/// A line of the program that waits; nothing without feature `inspect`.
#[derive(Clone, Copy, Debug)]
pub struct Site(());

/// Notes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Note(());

/// Names no task.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Task(());

const _: () = assert!(size_of::<Site>() == 0 && size_of::<Note>() == 0 && size_of::<Task>() == 0);

/// No time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(());

impl Moment {
    #[inline(always)]
    pub(crate) fn now() -> Moment {
        Moment(())
    }
}

impl Site {
    /// Returns the line that calls.
    #[inline(always)]
    pub fn caller() -> Site {
        Site(())
    }

    /// Returns the line of the operation that this one is a part of; without one, the line that calls.
    #[inline(always)]
    pub fn current() -> Site {
        Site(())
    }

    /// Returns the line of the operation that one at this line is a part of; without one, this line.
    #[inline(always)]
    pub(crate) fn outermost(self) -> Site {
        self
    }

    /// Returns the line, or without feature `inspect` the other one.
    #[inline(always)]
    pub(crate) fn location_or(self, other: &'static Location<'static>) -> &'static Location<'static> {
        other
    }

    /// While `future` is polled, [`current`](Site::current) is this line. The outermost operation counts.
    #[inline(always)]
    pub fn within<T>(self, future: impl Future<Output = T>) -> impl Future<Output = T> {
        future
    }
}

impl Note {
    #[inline(always)]
    pub(crate) fn now(_at: Site) -> Note {
        Note(())
    }

    #[inline(always)]
    pub(crate) fn in_poll(_at: Site) -> Note {
        Note(())
    }

    #[inline(always)]
    pub(crate) fn again(self, _at: Site) -> Note {
        Note(())
    }

    #[inline(always)]
    pub(crate) fn next(_before: Option<Note>, _at: Site) -> Note {
        Note(())
    }
}

impl Task {
    #[inline(always)]
    pub(crate) fn current() -> Task {
        Task(())
    }
}

#[inline(always)]
pub(crate) fn polls_end() {}
