//! Less frequent types of TCP: the halves of a stream, a listener's connections as a stream, and connecting to several
//! addresses at a time. The sockets
//! themselves are at the root of the crate.

mod connect;
mod connector;
pub(crate) mod listener;
mod option;
pub(crate) mod socket;
mod split;
pub(crate) mod stream;

pub use crate::serve::{Serve, ServeCounts};
pub use connector::Connector;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};

/// The connections of a [`TcpListener`](crate::TcpListener) as a [`Stream`](futures_core::Stream), made by
/// [`incoming`](crate::TcpListener::incoming).
pub type Incoming<'a> = crate::listener::Incoming<'a, crate::family::Tcp>;
