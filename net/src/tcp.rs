//! The parts of TCP that are not named every day: the halves of a stream, and a listener's connections as a
//! stream. The sockets themselves are at the root of the crate.

mod connect;
mod option;
pub(crate) mod socket;
mod split;

pub use crate::listener::Incoming;
pub use crate::serve::{Serve, ServeCounts};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
