//! [`Confined`](crate::task::Confined) streams: each pair of traits that the stream has.

mod egret; // for copies
#[cfg(feature = "futures-io")]
mod futures_io; // as a stream of futures-io
#[cfg(feature = "hyper")]
mod hyper; // as one of hyper
#[cfg(feature = "tokio-io")]
mod tokio_io; // as one of tokio

#[cfg(all(test, feature = "tokio-io"))]
mod tests;
