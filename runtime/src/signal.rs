//! Signals as events.
//!
//! [`unix::signal`] gives a stream of the signals of one kind, [`ctrl_c`] waits for the first `SIGINT`.
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
//! While there is a listener of a kind anywhere in the process, its signals do nothing but to be told to the
//! listeners; whichever thread the kernel interrupts. What they did before (end the process, mostly) **comes
//! back when the last listener of the kind is dropped**: a server that has dropped the listener of its first
//! Ctrl-C is ended by the second. Four consequences:
//!
//! * A handler that was there before egret's is not called while there are listeners.
//! * Whoever sets another disposition while there are listeners takes the signals from them, until the first
//!   listener after the last was dropped. It is not undone: the drop of the last listener leaves a
//!   disposition that is not egret's alone.
//! * Interrupted system calls of other code are restarted (`SA_RESTART`). Those of egret never show
//!   [`Interrupted`](std::io::ErrorKind::Interrupted), whoever handles the signal.
//! * A signal that is [blocked](https://man7.org/linux/man-pages/man2/sigprocmask.2.html) in every thread
//!   waits in the kernel. egret blocks none.
//!
//! # Processes
//!
//! A program that is started by `exec` begins with the default in place of egret's handler, as for every
//! handler. A child of a bare `fork` has the handler and the counts of its parent, in its own memory, but
//! shares the descriptor: signals of one may make listeners of the other look, and find nothing. As with
//! everything else in a process that has threads, such a child should do nothing but `exec`; nothing of egret may be
//! used there, nor dropped: see [`Runtime`](crate::runtime::Runtime). A program that closes all of its descriptors, as
//! daemons did, has to do so before the first listener, and before the first runtime.
//!
//! [`signal(7)`](https://man7.org/linux/man-pages/man7/signal.7.html),
//! [`sigaction(2)`](https://man7.org/linux/man-pages/man2/sigaction.2.html)

mod listeners;
pub mod unix;

use std::io;

/// Waits for a Ctrl-C: a `SIGINT`, from the terminal or by `kill -INT`.
///
/// It listens from the first poll until it resolves or is dropped, and no longer: a second Ctrl-C ends the
/// process, unless somebody else listens. For more than one, or to miss none between two waits, keep a
/// [`Signal`](unix::Signal) of [`SignalKind::interrupt`](unix::SignalKind::interrupt).
///
/// # Errors
///
/// As [`unix::signal`]; `Other` when the runtime is gone.
///
/// # Cancel safety
///
/// Dropped before it resolves, it has no effect; a Ctrl-C that comes afterwards ends the process.
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
pub async fn ctrl_c() -> io::Result<()> {
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    interrupt.recv().await.ok_or_else(|| io::Error::other("the egret runtime is gone: no signal can be told"))
}
