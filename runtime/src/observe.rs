//! Names, counts, the record of a turn for tests, and the spans for `tracing`.

#[cfg(any(feature = "inspect", feature = "sim"))]
pub(crate) mod chrome; // a trace for Perfetto
pub(crate) mod frame; // named parts of a task, with feature `inspect`
#[cfg(feature = "inspect")]
pub(crate) mod histogram; // counts of durations, by length
pub(crate) mod id; // the number of a task
#[cfg(feature = "inspect")]
pub(crate) mod progress; // what a loop does now, for other threads
pub(crate) mod record; // the record of a turn, for tests
#[cfg(feature = "inspect")]
pub(crate) mod recorder; // what a loop did last, in a ring
#[cfg(feature = "inspect")]
pub(crate) mod remembered; // what the descriptors are, for the next dump
pub(crate) mod site; // where a task waits, with feature `inspect`
pub(crate) mod spans; // spans and events for `tracing`, with feature `trace`
pub(crate) mod stats; // counters
#[cfg(feature = "inspect")]
pub(crate) mod ticks; // times in ticks of the processor
pub(crate) mod watch; // times and causes, with feature `inspect`
pub(crate) mod woken; // the outcome of a wake
