//! The listeners of each signal, and the previous disposition.
//!
//! One table for the process, behind a mutex that the handler never takes: loops on several threads begin and end
//! listening concurrently, and an unsynchronised save or restore would lose a disposition. Nothing else in egret
//! changes a disposition.

use crate::sys::signal::{self as sys, Disposition, NUMBERS};
use std::ffi::c_int;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

static TABLE: Mutex<[SignalEntry; NUMBERS]> =
    Mutex::new([const { SignalEntry { listeners: 0, before: None } }; NUMBERS]);

struct SignalEntry {
    listeners: usize,
    /// The disposition before egret's handler was installed. Kept after it was restored, in case other code that had
    /// saved our handler puts it back: then this is still the one before.
    before: Option<Disposition>,
}

/// Keeps egret's handler installed for a signal.
#[derive(Debug)]
pub(super) struct SignalListener {
    signal: c_int,
    /// False in a simulation, where signals need no handler.
    is_handled: bool,
}

impl SignalListener {
    /// Installs the handler, unless there are listeners already.
    ///
    /// # Errors
    ///
    /// Those of [`sys::install`].
    #[inline]
    pub(super) fn add(signal: c_int) -> io::Result<SignalListener> {
        if !sys::changes_disposition(signal, true) {
            return Ok(SignalListener { signal, is_handled: false });
        }
        let entry = &mut table()[signal as usize];
        if entry.listeners == 0 {
            let before = sys::install(signal)?;
            if !before.is_ours() {
                entry.before = Some(before);
            }
        }
        entry.listeners += 1;
        Ok(SignalListener { signal, is_handled: true })
    }
}

impl Drop for SignalListener {
    /// Restores the previous disposition with the last listener.
    #[inline]
    fn drop(&mut self) {
        let signal = self.signal;
        if !self.is_handled {
            sys::changes_disposition(signal, false);
            return;
        }
        let entry = &mut table()[signal as usize];
        entry.listeners -= 1;
        if let (0, Some(before)) = (entry.listeners, &entry.before) {
            // EINVAL is impossible for a signal that could be installed.
            let _ = sys::restore(signal, before);
        }
    }
}

#[inline]
fn table() -> MutexGuard<'static, [SignalEntry; NUMBERS]> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}
