//! Adapters: streams and timers for other crates.

#[cfg(feature = "hyper")]
pub mod hyper; // hyper's runtime traits
#[cfg(feature = "tokio-io")]
pub(crate) mod tokio_io; // other traits for a stream with tokio's
