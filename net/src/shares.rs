//! One address for all cores of [`egret_runtime::cores`]: each takes its share and serves it as it would serve a
//! listener of its own.
//!
//! ```
//! use egret_net::{Sharing, TcpShares};
//! use egret_runtime::cores;
//! use std::io;
//!
//! let shares = TcpShares::bind("127.0.0.1:0", Sharing::Group)?;
//! cores::Builder::new().count(2).run(async |core| {
//!     let share = shares.share(&core)?;
//!     # core.shutdown().request(); // a server would wait for it
//!     share.serve(core.shutdown()).run(|mut stream, peer| async move {
//!         let _ = stream.write_all(format!("hello, {peer}\n").as_bytes()).await;
//!     }).await
//! })?;
//! # io::Result::Ok(())
//! ```
//!
//! [`Sharing`] is how the connections are distributed, and the only word to change between them.
//!
//! # Files
//!
//! | file | what |
//! |---|---|
//! | `bind.rs` | the sockets: one that is bound, then a group that listens together |
//! | `share.rs` | [`Share`]: what one core has, and its [`Serve`](crate::tcp::Serve) |
//! | `hub.rs` | the connections on their way from the core that accepts to the one that serves |
//! | `fed.rs` | a share that is fed by the hub, and accepts for it while it leads |
//! | `udp.rs` | [`UdpShares`] |

mod bind;
mod fed;
mod hub;
mod share;
mod udp;

pub use bind::{Shares, TcpShares, UnixShares};
pub use share::Share;
pub use udp::UdpShares;

/// How the cores share an address.
///
/// | | who chooses the core | best for |
/// |---|---|---|
/// | `Group` | the kernel, by a hash of the addresses and ports | many connections; anything that is not measured |
/// | `ByProcessor` | the kernel, by the processor that received the packet | pinned cores, network queues pinned likewise |
/// | `FewestOpen` | one core accepts for all | few connections that live long or cost much |
///
/// With `Group` each core has a queue of its own, which no other core can take from. With 8 connections on 2 cores, one
/// core has 6 or more of them in 29 of 100 cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sharing {
    /// A socket for each core, in a group of `SO_REUSEPORT`.
    #[default]
    Group,
    /// As [`Group`](Sharing::Group), with a filter that chooses the core by the processor: its number modulo the count
    /// of cores.
    ByProcessor,
    /// One socket. One core accepts and hands each connection over to the core that has the fewest open. If it ends,
    /// another accepts in its place.
    FewestOpen,
}
