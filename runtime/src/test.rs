//! The kit for unit tests of wake-ups, on the real kernel. Each question has its part:
//!
//! | question | part |
//! |---|---|
//! | Is this future ready, and does it ask to be polled again? | [`spawn`] makes a [`Probe`], which is polled directly and counts; [`assert_ready!`], [`assert_pending!`] and [`assert_wakes!`] |
//! | What did the kernel report, and which task did it wake? | [`Runtime::turn`](crate::runtime::Runtime::turn), whose [`Turn`] lists it |
//! | What if another thread wakes a loop that sleeps? | [`when_asleep`] |
//! | What if two tasks poll it, one after the other? | [`Probe::poll_by`] |
//! | What if the peer sends exactly this, and stops there? | [`Peer`] for TCP, [`UnixPeer`], [`UdpPeer`], [`PipePeer`] |
//! | And without a kernel, for code that takes any stream? | [`Script`]: the other end as a list of reads, writes, errors and delays |
//! | Has the loop nothing left to do? | [`settle`]; [`settled`] in a task |
//! | How does the test set a timer or register a socket, and move the clock? | [`within`], [`advance`] |
//! | Is anything left behind? | [`LeakGuard`] |
//!
//! Timers join in by the paused clock ([`time::pause`](crate::time::pause)). `docs/testing.md` in the repository has
//! worked examples, which are tests themselves.
//!
//! The runtime calls nothing in here. It records for `Turn` in `observe/record.rs`, which is empty without feature
//! `test-util`.

mod asleep; // acts while a loop sleeps
mod assertions; // the macros
mod expect; // what the steps of the peers have in common
mod leak_guard; // what a test has left behind
mod peer; // the other end of a TCP connection
mod probe; // a future that the test polls
mod proc_net; // the state of sockets, from `/proc/net`
mod script; // a stream without a kernel
mod settle; // turns a loop until it has nothing to do
mod turn; // the record of a turn
mod udp_peer; // the other end of a UDP socket
mod unix_peer; // the other end of a Unix stream, and of a pipe

pub use crate::observe::record::{Mask, Ready, Wake, WokenBy};
pub use crate::runtime::Turn;
#[doc(inline)]
pub use crate::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, assert_wakes};
pub use asleep::when_asleep;
#[doc(hidden)]
pub use assertions::{is_error, is_ok, is_pending, is_ready};
pub use leak_guard::{LeakGuard, Leaks};
pub use peer::Peer;
pub use probe::{Probe, spawn};
pub use script::{Script, Scripted};
pub use settle::{advance, settle, settled, within};
pub use udp_peer::UdpPeer;
pub use unix_peer::{PipePeer, UnixPeer};

use expect::excerpt;
