//! Nothing is watched, without feature `inspect`. See also `kept.rs`.

use super::Polls;
use crate::observe::id::Id;
use crate::sys::Head;
use std::panic::Location;

/// Watches nothing.
#[derive(Debug, Default)]
pub(crate) struct Watch;

/// Keeps nothing of a task's wakes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WakeNote(());

/// The polls of a turn, of which no record is written.
pub(crate) struct Unwatched;

/// The cause of a wake is not kept.
#[derive(Clone, Copy)]
pub(crate) struct By;

/// The cause of a wake is not kept.
#[derive(Clone, Copy)]
pub(crate) struct Woke;

/// The name and the line of a task are not kept.
pub(crate) struct Label;

/// Nothing to set.
#[derive(Debug, Default)]
pub(crate) struct WatchSettings;

/// Nothing that other threads could read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Post(());

const _: () = assert!(size_of::<Watch>() == 0 && size_of::<WakeNote>() == 0 && size_of::<By>() == 0);
const _: () = assert!(size_of::<WatchSettings>() == 0 && size_of::<Post>() == 0);

impl Watch {
    #[inline]
    pub(crate) fn new(_settings: &WatchSettings) -> Watch {
        Watch
    }

    #[inline]
    pub(crate) fn post(&self) -> Post {
        Post(())
    }

    #[inline(always)]
    pub(crate) fn records(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn recorded(&self, batch: usize) -> (Unwatched, impl Iterator<Item = ()>) {
        self.unrecorded(batch)
    }

    #[inline(always)]
    pub(crate) fn unrecorded(&self, batch: usize) -> (Unwatched, impl Iterator<Item = ()>) {
        (Unwatched, (0..batch).map(|_| ()))
    }

    #[inline]
    pub(crate) fn not_polled(&self) {}

    #[inline]
    pub(crate) fn waits(&self) {}

    #[inline]
    pub(crate) fn waited(&self, _timeout: u64, _events: usize) -> By {
        By
    }

    #[inline]
    pub(crate) fn timers(&self) -> By {
        By
    }

    #[inline]
    pub(crate) fn late(&self, _now: u64, _deadline: u64) {}

    #[inline]
    pub(crate) fn fired(&self, _timers: usize) {}

    #[inline]
    pub(crate) fn waker(&self) -> By {
        By
    }

    #[inline]
    pub(crate) fn woken(&self, _index: u32, _by: By) {}

    #[inline]
    pub(crate) fn spawned(&self, _index: u32, _id: Option<Id>, _label: Label) {}

    #[inline]
    pub(crate) fn ended(&self, _index: u32) {}

    #[inline]
    pub(crate) fn registered(&self, _index: u32, _fd: i32) {}
}

impl WakeNote {
    #[inline]
    pub(crate) fn woken_at(&self) -> u64 {
        0
    }

    #[inline]
    pub(crate) fn spawned() -> WakeNote {
        WakeNote(())
    }

    #[inline]
    pub(crate) fn woke(&self) -> Woke {
        Woke
    }

    #[inline]
    pub(crate) fn queued(&mut self, _by: By) {}
}

impl Label {
    #[inline]
    pub(crate) fn root(_at: &'static Location<'static>) -> Label {
        Label
    }
}

impl By {
    #[inline]
    pub(crate) fn event(self, _head: Head<'_>) -> By {
        By
    }
}

impl Polls for Unwatched {
    type Slot = ();

    #[inline(always)]
    fn begin(&self, _slot: (), _index: u32, _woke: Woke) {}

    #[inline(always)]
    fn end(self, _woken_at: impl Fn(u32) -> u64) {}
}
