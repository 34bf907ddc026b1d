//! [`Confined`](crate::task::Confined) streams: each pair of traits that the stream has.

mod egret; // for copies
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "tokio-io")]
mod tokio_io;

#[cfg(all(test, feature = "tokio-io"))]
mod tests;
