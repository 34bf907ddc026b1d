//! Streams and registered descriptors: the traits, copies, pipes, the standard streams, and files.

pub(crate) mod adapters; // the traits of hyper and tokio (features)
mod copy; // from stream to stream
pub mod fs; // files and folders, on the blocking threads
pub mod pipe; // the ends of a pipe
mod stdio; // standard input and output
pub(crate) mod traits; // what a stream is

#[cfg(feature = "futures-io")]
pub use adapters::futures_io::FuturesIo;
#[cfg(feature = "tokio-io")]
pub use adapters::tokio_io::TokioIo;
pub use copy::{CopyBidirectional, copy, copy_bidirectional};
pub use stdio::{StandardStream, Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use traits::{AsyncRead, AsyncWrite};

pub use crate::observe::site::Site;
pub use crate::reactor::async_fd::{
    AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdTryNewError, TryIoError,
};
pub use crate::reactor::interest::Interest;
pub use crate::reactor::readiness::{Clears, Direction, Start};
pub use crate::reactor::ready::Ready;
pub use crate::reactor::registration::Registration;
pub use crate::sys::{Append, TrustedFd};
