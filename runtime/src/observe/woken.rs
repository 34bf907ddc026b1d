//! [`Woken`]: the outcome of a wake.

/// What became of a wake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Woken {
    /// The task is in the queue now and was not before.
    Queued,
    /// It was in the queue already.
    Coalesced,
    /// The task is gone.
    Stale,
    /// It is another executor's.
    Elsewhere,
}
