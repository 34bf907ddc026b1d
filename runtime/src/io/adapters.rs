//! Adapters: streams and timers for other crates.

mod confined; // the traits on a stream that is `Confined`
#[cfg(feature = "futures-io")]
pub(crate) mod futures_io; // egret's traits for a stream with those of futures-io
#[cfg(feature = "hyper")]
pub mod hyper; // hyper's runtime traits
#[cfg(feature = "tokio-io")]
pub(crate) mod tokio_io; // other traits for a stream with tokio's
