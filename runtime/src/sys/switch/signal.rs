//! Signals of the process, or of a simulated host.

pub(crate) use crate::sys::linux::signal::{Disposition, NUMBERS, eventfd_number, install, number, restore};

use super::{Fd, sim};
use crate::sys::linux;
use std::ffi::c_int;
use std::io;

/// Whether signals belong to the process, with a disposition that must be set.
pub(crate) fn are_of_the_process() -> bool {
    sim::program().is_none()
}

pub(crate) fn delivered(signal: c_int) -> u64 {
    sim::signals_delivered(signal).unwrap_or_else(|| linux::signal::delivered(signal))
}

pub(crate) fn eventfd() -> io::Result<Fd> {
    match sim::signal_eventfd() {
        Some(made) => made.map(Fd::from),
        None => linux::signal::eventfd().map(Fd::from),
    }
}
