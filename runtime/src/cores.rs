//! One runtime on each of several threads: a server on every processor.
//!
//! ```
//! use egret_runtime::cores;
//! use std::io;
//!
//! let ended = cores::Builder::new().count(2).run(async |core| io::Result::Ok(core.index() * 10))?;
//! assert_eq!(ended.outputs, [0, 10]);
//! # io::Result::Ok(())
//! ```
//!
//! Each core is a thread with a plain [`Runtime`](crate::runtime::Runtime). Tasks, sockets and timers stay on the core
//! that made them; nothing moves to an idle core by itself. What cores share:
//!
//! | shared | how |
//! |---|---|
//! | the end | [`Core::shutdown`]: a request on one core reaches all; [`Stop`] for any other thread |
//! | the deadline of the end | [`Builder::deadline`], counted from the first request |
//! | work | [`Core::handles`], with [`spawn_with`](crate::runtime::Handle::spawn_with); channels of other crates |
//! | a listening address | `egret_net::TcpShares`, which gives each core its share |
//!
//! # Files
//!
//! | file | what |
//! |---|---|
//! | `builder.rs` | [`Builder`]: count, pinning, names, policies |
//! | `run.rs`, `gate.rs` | the threads: start together, run, end together |
//! | `core.rs` | [`Core`]: what the closure of a core is given |
//! | `joint.rs` | the shared state of the shutdown; [`Stop`] |
//! | `simulated.rs` | cores as programs of simulated hosts, for tests |
//! | `macro_support.rs` | `#[egret::main(cores = ..)]` |

mod builder;
mod core;
mod gate;
mod joint;
#[doc(hidden)]
pub mod macro_support; // what the attributes of `egret-macros` call
mod run;
#[cfg(feature = "sim")]
mod simulated;

pub use self::core::Core;
pub use builder::{Builder, OnFailure, available};
pub use joint::Stop;
pub use run::Ended;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub use simulated::Simulated;
