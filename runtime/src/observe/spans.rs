//! Spans and events for `tracing`, with feature `trace`: tasks, their polls, their wakes, and the events of
//! descriptors.
//!
//! - The names and fields are those that the subscriber of tokio-console expects; `docs/tracing.md` lists them. The
//!   two versions are `spans/none.rs` and `spans/told.rs`, of which one is compiled.
//! - A subscriber is user code: it may wake and spawn tasks and close sockets. It is never called while the run queue,
//!   the timers or the sources are borrowed.
//! - A [`TaskSpan`] and a [`SourceSpan`] are opened, entered and closed where user code may run. A wake and an event
//!   happen where it may not: they are queued, and [`tell`] passes them on in their order. It is called after each
//!   wake by a waker, so that a self-wake is reported within its poll; and by the loop before it polls, after the
//!   events, the timers and the letters of the turn.

#[cfg(not(feature = "trace"))]
#[path = "spans/none.rs"]
mod kind;

#[cfg(feature = "trace")]
#[path = "spans/told.rs"]
mod kind;

pub(crate) use kind::{SourceSpan, SpanKey, TaskSpan, WakeSpans, of_job, tell};

use crate::observe::id::Id;
use std::panic::Location;

/// The fields of the span of a task or a job.
#[cfg_attr(not(feature = "trace"), expect(dead_code, reason = "there is no subscriber"))]
pub(crate) struct Spawned<'a> {
    pub(crate) kind: SpanKind,
    pub(crate) name: Option<&'a str>,
    /// `None` for the future of `block_on`.
    pub(crate) id: Option<Id>,
    /// The size of the future or of the closure.
    pub(crate) size: usize,
    pub(crate) at: &'static Location<'static>,
}

/// The kinds of tasks, in tokio-console's terms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanKind {
    /// A task.
    Local,
    /// A job of `spawn_blocking`.
    Blocking,
    /// The future of `block_on`.
    BlockOn,
}
