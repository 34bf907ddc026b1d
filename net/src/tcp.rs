//! The parts of TCP that are not named every day: the halves of a stream, and a listener's connections as a
//! stream. The sockets themselves are at the root of the crate.

mod incoming;
pub(crate) mod listener;
mod serve;
pub(crate) mod socket;
mod split;
pub(crate) mod stream;

pub use incoming::Incoming;
pub use serve::{Serve, ServeCounts};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
