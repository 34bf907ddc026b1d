//! Less frequent types of TCP: the halves of a stream, and a listener's connections as a stream. The sockets
//! themselves are at the root of the crate.

mod connect;
pub(crate) mod listener;
mod option;
pub(crate) mod socket;
mod split;
pub(crate) mod stream;

pub use crate::serve::{Serve, ServeCounts};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};

/// The connections of a [`TcpListener`](crate::TcpListener) as a [`Stream`](futures_core::Stream), made by
/// [`incoming`](crate::TcpListener::incoming).
pub type Incoming<'a> = crate::listener::Incoming<'a, crate::family::Tcp>;
