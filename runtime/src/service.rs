//! Communication between a server and its supervisor, in the protocol of systemd.
//!
//! - Descriptors that the supervisor has opened: [`passed`], and `from_env` of the socket types in `egret_net`.
//! - The state of the service, by [`sd_notify(3)`](https://man7.org/linux/man-pages/man3/sd_notify.3.html): [`ready`],
//!   [`reloading`], [`stopping`], [`status`], [`main_pid`], [`store_fd`]. Each sends one datagram, and returns `false`
//!   where no supervisor wants it.
//! - The limit of open descriptors, which a service raises itself: [`raise_open_files`].
//! - The [`watchdog`], which the loop itself feeds: the supervisor restarts a process whose loop is stuck.
//!
//! No library of systemd is needed. A supervisor that sets the same variables works as well.
//!
//! ```
//! use egret_runtime::service;
//!
//! # egret_runtime::block_on(async {
//! egret_runtime::spawn(service::watchdog());
//! // ... once the server listens:
//! service::ready()?;
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # Files
//!
//! | file | what |
//! |---|---|
//! | `notify.rs` | the datagrams |
//! | `open_files.rs` | the limit of open descriptors |
//! | `passed.rs` | the descriptors: `LISTEN_FDS` |
//! | `watchdog.rs` | the watchdog |

mod notify;
mod open_files;
mod passed;
mod watchdog;

pub use notify::{main_pid, notify, ready, reloading, status, stopping, store_fd};
pub use open_files::raise_open_files;
#[doc(hidden)]
pub use passed::take_passed_if;
pub use passed::{passed, take_passed};
pub use watchdog::{watchdog, watchdog_of};
