//! No record, without feature `test-util`. See also `kept.rs`.

use crate::observe::id::Id;
use crate::observe::woken::Woken;
use std::os::fd::RawFd;

/// Records nothing.
#[derive(Debug, Default)]
pub(crate) struct Trace;

/// An empty record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TurnRecord;

const _: () = assert!(size_of::<Trace>() == 0 && size_of::<TurnRecord>() == 0);

impl Trace {
    #[inline]
    pub(crate) fn begin(&self) {}

    #[inline]
    pub(crate) fn timers_begin(&self) {}

    #[inline]
    pub(crate) fn letters_begin(&self) {}

    #[inline]
    pub(crate) fn end(&self) -> TurnRecord {
        TurnRecord
    }

    #[inline]
    pub(crate) fn spawned(&self, _index: u32, _id: Id) {}

    /// Calls neither closure: computing a length costs two instructions an event even when it is unused.
    #[inline]
    pub(crate) fn event(
        &self,
        _fd: RawFd,
        _mask: u32,
        _becomes_ready: impl FnOnce() -> (bool, bool),
        _foreign: impl FnOnce() -> usize,
    ) {
    }

    #[inline]
    pub(crate) fn foreign(&self, _position: usize) {}

    #[inline]
    pub(crate) fn woken(&self, _index: u32, _woken: Woken) {}

    #[inline]
    pub(crate) fn popped(&self, _index: u32) {}
}
