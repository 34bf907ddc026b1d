//! Less frequent types of TCP: the halves of a stream, a listener's connections as a stream, and connecting to several
//! addresses at a time. The sockets themselves are at the root of the crate.

mod connect; // connects a stream
mod connector; // several addresses at a time
pub(crate) mod listener; // constructors and options of a listener
mod option; // options of a stream
pub(crate) mod socket; // options before the connection
mod split; // the names of the halves
pub(crate) mod stream; // what only TCP has

pub use crate::serve::{Serve, ServeCounts};
pub use connector::Connector;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};

/// The connections of a [`TcpListener`](crate::TcpListener) as a [`Stream`](futures_core::Stream), made by
/// [`incoming`](crate::TcpListener::incoming).
pub type Incoming<'a> = crate::listener::Incoming<'a, crate::family::Tcp>;
