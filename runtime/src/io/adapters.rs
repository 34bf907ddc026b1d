//! What other crates ask of streams and timers.

#[cfg(feature = "hyper")]
pub mod hyper; // what hyper asks of a runtime
#[cfg(feature = "tokio-io")]
pub(crate) mod tokio_io; // a stream with tokio's traits as one with those of others
