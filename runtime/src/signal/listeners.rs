//! Who listens to which signal, and what the process did with it before.
//!
//! One table for the process, behind a mutex that the handler never touches: loops on several threads begin
//! and end listening at the same time, and a disposition that two of them saved or restored at once would be
//! lost. Nothing else in egret changes a disposition.

use crate::sys::signal::{self as sys, Disposition, NUMBERS};
use std::ffi::c_int;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

static TABLE: Mutex<[Entry; NUMBERS]> = Mutex::new([const { Entry { listeners: 0, before: None } }; NUMBERS]);

struct Entry {
    listeners: usize,
    /// What the process did before egret's handler was installed. Kept after it was restored, for the case
    /// that somebody who had found our handler puts it back: then it is not "before", and this still is.
    before: Option<Disposition>,
}

/// Keeps egret's handler installed for a signal.
#[derive(Debug)]
pub(super) struct Listener {
    /// `None` where signals need no handler, because they are not the process's.
    signal: Option<c_int>,
}

impl Listener {
    /// Installs the handler, unless there are listeners already.
    ///
    /// # Errors
    ///
    /// Those of [`sys::install`].
    #[inline]
    pub(super) fn add(signal: c_int) -> io::Result<Listener> {
        if !sys::are_of_the_process() {
            return Ok(Listener { signal: None });
        }
        let entry = &mut table()[signal as usize];
        if entry.listeners == 0 {
            let before = sys::install(signal)?;
            if !before.is_ours() {
                entry.before = Some(before);
            }
        }
        entry.listeners += 1;
        Ok(Listener { signal: Some(signal) })
    }
}

impl Drop for Listener {
    /// Restores what was before, when this is the last.
    #[inline]
    fn drop(&mut self) {
        let Some(signal) = self.signal else { return };
        let entry = &mut table()[signal as usize];
        entry.listeners -= 1;
        if let (0, Some(before)) = (entry.listeners, &entry.before) {
            // EINVAL for a signal that could be installed is impossible.
            let _ = sys::restore(signal, before);
        }
    }
}

#[inline]
fn table() -> MutexGuard<'static, [Entry; NUMBERS]> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}
