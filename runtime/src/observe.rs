//! What is seen of a runtime: names, counts, and what is told to tests and to `tracing`.

pub(crate) mod id; // the number of a task
pub(crate) mod record; // what a turn did, by name, for tests
pub(crate) mod spans; // what `tracing` is told, with feature `trace`
pub(crate) mod stats; // counters
pub(crate) mod woken; // the outcome of a wake
