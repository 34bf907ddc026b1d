//! No spans, without feature `trace`. See also `told.rs`.

use crate::observe::spans::Spawned;
use crate::observe::woken::Woken;
use std::os::fd::RawFd;

/// No span.
pub(crate) struct TaskSpan;

/// No span.
#[derive(Clone)]
pub(crate) struct SourceSpan;

/// Names no span.
pub(crate) struct SpanKey;

/// Keeps no spans.
#[derive(Debug, Default)]
pub(crate) struct WakeSpans;

const _: () = assert!(size_of::<TaskSpan>() == 0 && size_of::<SourceSpan>() == 0);
const _: () = assert!(size_of::<SpanKey>() == 0 && size_of::<WakeSpans>() == 0);

impl TaskSpan {
    #[inline]
    pub(crate) fn none() -> TaskSpan {
        TaskSpan
    }

    #[inline]
    pub(crate) fn open(_spawned: Spawned<'_>) -> TaskSpan {
        TaskSpan
    }

    #[inline]
    pub(crate) fn key(&self) -> SpanKey {
        SpanKey
    }

    #[inline(always)] // like `TaskCell::poll_future`, which it wraps
    pub(crate) fn poll<R>(&self, poll: impl FnOnce() -> R) -> R {
        poll()
    }

    #[inline]
    pub(crate) fn end<R>(&self, end: impl FnOnce() -> R) -> R {
        end()
    }
}

/// `job`, unchanged.
#[inline]
pub(crate) fn of_job<F>(job: F, _spawned: Spawned<'_>) -> F {
    job
}

impl SourceSpan {
    #[inline]
    pub(crate) fn open(_fd: RawFd) -> SourceSpan {
        SourceSpan
    }

    #[inline]
    pub(crate) fn event(&self, _mask: u32) {}
}

impl WakeSpans {
    #[inline]
    pub(crate) fn spawned(&self, _index: u32, _key: SpanKey) {}

    #[inline]
    pub(crate) fn woken(&self, _index: u32, _woken: Woken) {}
}

#[inline]
pub(crate) fn tell() {}
