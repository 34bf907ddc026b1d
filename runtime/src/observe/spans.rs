//! What `tracing` is told, with feature `trace`: tasks, their polls, their wakes, and the events of descriptors.
//!
//! The names and fields are those that the subscriber of tokio-console looks for; `docs/tracing.md` lists them. Without
//! the feature there is nothing of it: what differs is in `spans/none.rs` and `spans/told.rs`, of which one is compiled.
//!
//! A subscriber is user code. It may wake tasks, spawn them and close sockets, so it is never called while the run queue,
//! the timers or the sources are borrowed. A [`TaskSpan`] and a [`SourceSpan`] belong to a task and to a source, and are
//! opened, entered and closed where user code may run anyway. A wake and an event happen where it may not: those are
//! written down, and [`tell`] hands them over, in their order. It is called after each wake by a waker, so that a task
//! which wakes itself is seen to; and by the loop before it polls anything, which is after the events, the timers and
//! the letters of the turn.

#[cfg(not(feature = "trace"))]
#[path = "spans/none.rs"]
mod kind;

#[cfg(feature = "trace")]
#[path = "spans/told.rs"]
mod kind;

pub(crate) use kind::{SourceSpan, SpanKey, TaskSpan, WakeSpans, of_job, tell};

use crate::observe::id::Id;
use std::panic::Location;

/// What a span says of the task or of the job that it is of.
#[cfg_attr(not(feature = "trace"), expect(dead_code, reason = "nobody is told"))]
pub(crate) struct Spawned<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: Option<&'a str>,
    /// `None` for the future of `block_on`.
    pub(crate) id: Option<Id>,
    /// Of the future, or of the closure.
    pub(crate) size: usize,
    pub(crate) at: &'static Location<'static>,
}

/// In the words of tokio-console.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A task.
    Local,
    /// A job of `spawn_blocking`.
    Blocking,
    /// The future of `block_on`.
    BlockOn,
}
