//! Signals of the process, or of a simulated host.

pub(crate) use crate::sys::linux::signal::{Disposition, NUMBERS, eventfd_number, install, number, restore};

use super::{Fd, sim};
use crate::sys::linux;
use std::ffi::c_int;
use std::io;

/// Returns whether a new listener, or the end of one, changes the disposition of the process. A simulated program
/// counts its own.
pub(crate) fn changes_disposition(signal: c_int, is_new: bool) -> bool {
    let Some(world) = sim::program() else { return true };
    world.listens(signal, is_new);
    false
}

pub(crate) fn delivered(signal: c_int) -> u64 {
    sim::program().map_or_else(|| linux::signal::delivered(signal), |world| world.delivered(signal))
}

pub(crate) fn eventfd() -> io::Result<Fd> {
    match sim::program() {
        Some(world) => world.signal_eventfd().map(Fd::from),
        None => linux::signal::eventfd().map(Fd::from),
    }
}
