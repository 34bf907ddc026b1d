//! Named frames: parts of a task that a program has named, as a dump shows them. With feature `inspect`.
//!
//! - A [`Frame`] is entered for each poll of its future. Its node is made by the first poll and removed on drop; it
//!   knows the frame around it. A [`Note`](crate::observe::site::Note) names the innermost frame of its waiter.
//! - Nodes are kept for each thread. A frame that moves to another thread between two polls gets a new node there, and
//!   leaves the old one behind.
//! - Without the feature a frame is zero-sized: the two versions are `frame/none.rs` and `frame/kept.rs`.

#[cfg(not(feature = "inspect"))]
#[path = "frame/none.rs"]
mod kind;

#[cfg(feature = "inspect")]
#[path = "frame/kept.rs"]
mod kind;

pub(crate) use kind::Frame;
#[cfg(feature = "inspect")]
pub(crate) use kind::{FrameNode, frames};
