//! [`Woken`]: the outcome of a wake.

/// The outcome of a wake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Woken {
    /// The task is queued now and was not before.
    Queued,
    /// The task was queued already.
    Coalesced,
    /// The task has ended.
    Stale,
    /// The task is another executor's.
    Elsewhere,
}
