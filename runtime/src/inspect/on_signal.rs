//! Dumps when a signal comes.
//!
//! Each kind of signal has a thread with a runtime of its own, which waits for the signal and for nothing else: it
//! answers while every other loop is stuck. It ends with the process.

use super::dump::Dump;
use crate::runtime::{Handle, Runtime};
use crate::signal::unix::{SignalKind, signal};
use crate::wake::{remote, waker};
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// The kinds that have a thread.
static KINDS: Mutex<Vec<SignalKind>> = Mutex::new(Vec::new());

/// Writes a dump of every runtime of the process to standard error, whenever a signal of this kind comes, until the
/// process ends. With feature `inspect`.
///
/// A thread of its own waits for the signal, so that it also comes when the loops are stuck: see
/// [`Handle::dump`](crate::runtime::Handle::dump) for what is written then. For the effects of listening on the
/// process see [`signal`](crate::signal).
///
/// # Errors
///
/// As [`unix::signal`](crate::signal::unix::signal) for a kind that cannot be listened to;
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when the kind has been given before; those of
/// [`Builder::build`](crate::runtime::Builder::build); `EAGAIN` when the thread cannot be started.
///
/// ```no_run
/// use egret_runtime::inspect::dump_on;
/// use egret_runtime::signal::unix::SignalKind;
///
/// dump_on(SignalKind::user_defined1())?; // now `kill -USR1` prints what every task waits for
/// # std::io::Result::Ok(())
/// ```
pub fn dump_on(kind: SignalKind) -> io::Result<()> {
    dump_on_with(kind, |dumps| {
        let mut page: String = dumps.iter().map(|dump| format!("{dump}\n")).collect();
        if dumps.is_empty() {
            page = format!("there is no egret runtime in process {}\n", std::process::id());
        }
        // Standard error may be closed, or a pipe without a reader.
        let _ = io::stderr().lock().write_all(page.as_bytes());
    })
}

/// [`dump_on`] with a function that receives the dumps, one for each runtime of the process. It is called on the thread
/// that waits for the signal; signals that come meanwhile are one.
///
/// # Errors
///
/// As [`dump_on`].
///
/// ```no_run
/// use egret_runtime::inspect::dump_on_with;
/// use egret_runtime::signal::unix::SignalKind;
///
/// dump_on_with(SignalKind::user_defined2(), |dumps| {
///     for dump in dumps {
///         let _ = std::fs::write(format!("/tmp/dump-{}.txt", dump.runtime.number), dump.to_string());
///     }
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub fn dump_on_with(kind: SignalKind, write: impl FnMut(&[Dump]) + Send + 'static) -> io::Result<()> {
    let mut kinds = KINDS.lock().unwrap_or_else(PoisonError::into_inner);
    if kinds.contains(&kind) {
        let message = format!("signal {} writes dumps already", kind.as_raw_value());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    let (report, started) = sync_channel(1);
    std::thread::Builder::new().name("egret-dump".to_owned()).spawn(move || wait(kind, write, &report))?;
    started.recv().unwrap_or_else(|_| Err(io::Error::other("the thread for dumps has panicked")))?;
    kinds.push(kind);
    Ok(())
}

/// Runs on the thread. Reports once whether it listens.
fn wait(kind: SignalKind, mut write: impl FnMut(&[Dump]), report: &SyncSender<io::Result<()>>) {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return drop(report.send(Err(error))),
    };
    let own = runtime.handle().address();
    runtime.block_on(async {
        let mut signals = match signal(kind) {
            Ok(signals) => signals,
            Err(error) => return drop(report.send(Err(error))),
        };
        let _ = report.send(Ok(()));
        while signals.recv().await.is_some() {
            let others = remote::addresses().into_iter().filter(|address| *address != own);
            let asked: Vec<_> = others.map(|address| Handle::new(address).request_dump()).collect();
            let dumps: Vec<_> = asked.into_iter().filter_map(|dump| dump().ok()).collect();
            waker::contain(|| write(&dumps));
        }
    });
}
