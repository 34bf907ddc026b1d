//! Signals as events.
//!
//! [`unix::signal`] returns a stream of the signals of one kind, [`ctrl_c`] waits for the first `SIGINT`.
//!
//! ```no_run
//! use egret_runtime::signal::unix::{SignalKind, signal};
//!
//! # egret_runtime::block_on(async {
//! let mut terminate = signal(SignalKind::terminate())?;
//! terminate.recv().await;
//! println!("asked to stop");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # What listening changes
//!
//! While a kind has a listener anywhere in the process, its signals only reach the listeners. The previous effect
//! (mostly ending the process) **is restored when the last listener of the kind is dropped**: a server that has
//! dropped the listener of its first Ctrl-C is ended by the second. Four consequences:
//!
//! * A handler installed before egret's is not called while there are listeners.
//! * Code that sets another disposition takes the signals from the listeners, until the first new listener after all
//!   were dropped. The drop of the last listener leaves a disposition that is not egret's unchanged.
//! * Interrupted system calls of other code are restarted (`SA_RESTART`). Those of egret never return
//!   [`Interrupted`](std::io::ErrorKind::Interrupted), whichever code handles the signal.
//! * A signal that is [blocked](https://man7.org/linux/man-pages/man2/sigprocmask.2.html) in every thread stays
//!   pending in the kernel. egret blocks none.
//!
//! # Processes
//!
//! A program started by `exec` begins with the default in place of egret's handler, as for any handler. A child of a
//! bare `fork` has the handler and the counts of its parent, in its own memory, but shares the descriptor: signals of
//! one may wake listeners of the other, which find nothing. As in any process with threads, such a child should only
//! `exec`; it must neither use nor drop anything of egret: see [`Runtime`](crate::runtime::Runtime). A program that
//! closes all its descriptors, as daemons did, must do so before the first listener and the first runtime.
//!
//! [`signal(7)`](https://man7.org/linux/man-pages/man7/signal.7.html),
//! [`sigaction(2)`](https://man7.org/linux/man-pages/man2/sigaction.2.html)

mod listeners; // who listens in this process, and what was there before
pub mod unix; // the streams of signals

use crate::observe::site::Site;
use crate::reactor::gone::no_signal_can_be_told;
use std::io;

/// Waits for a Ctrl-C: a `SIGINT`, from the terminal or by `kill -INT`.
///
/// It listens from the first poll until it resolves or is dropped: a second Ctrl-C ends the process, unless there is
/// another listener. For more than one, or to miss none between two waits, keep a [`Signal`](unix::Signal) of
/// [`SignalKind::interrupt`](unix::SignalKind::interrupt).
///
/// # Errors
///
/// As [`unix::signal`]; `Other` when the runtime is gone.
///
/// # Cancel safety
///
/// Dropped before it resolves, it has no effect; a later Ctrl-C ends the process.
///
/// # Panics
///
/// When this thread is not in a runtime.
///
/// ```
/// # egret_runtime::block_on(async {
/// let stop = egret_runtime::spawn(egret_runtime::signal::ctrl_c());
/// // ... serve, until `stop` resolves.
/// # stop.abort();
/// # });
/// ```
#[inline]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> {
    Site::caller().within(async move {
        let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
        interrupt.recv().await.ok_or_else(no_signal_can_be_told)
    })
}
