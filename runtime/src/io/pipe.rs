//! [`ReadEnd`] and [`WriteEnd`]: a descriptor for `read` and one for `write`, as futures.
//!
//! What the pipes of `egret-net`, those to and from child processes, and standard input and output come down to. Each
//! is a [`Registration`](super::Registration) that `EAGAIN` clears and nothing else: a pipe in packet mode or a terminal in line mode ends a
//! read early with more behind it, and no edge follows (rule C4).
//!
//! Each has one waiter for its transfers, as they take `&mut`; what waits by `&self` waits in a list.

mod read_end;
mod transfer;
mod write_end;

pub use read_end::ReadEnd;
pub use transfer::{poll_read_uninit, poll_read_vectored, poll_write_vectored};
pub use write_end::WriteEnd;
