//! What can be observed of a runtime: names, counts, the record for tests, the spans for `tracing`.

pub(crate) mod frame; // named parts of a task, with feature `inspect`
pub(crate) mod id; // the number of a task
pub(crate) mod record; // the record of a turn, for tests
pub(crate) mod site; // where a task waits, with feature `inspect`
pub(crate) mod spans; // spans and events for `tracing`, with feature `trace`
pub(crate) mod stats; // counters
pub(crate) mod woken; // the outcome of a wake
