//! The synchronisation types of `mailbox`: std's here, loom's where the model checker includes that file
//! (`tests/mailbox_loom.rs`).

pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The places of the filter: 4 KiB for each runtime. Tasks whose indices differ by less never share one.
pub(crate) const SLOTS: usize = 256;

/// The count at which a place of the filter is emptied into its counter. It has twice the room: as many threads as Linux can
/// have (`PID_MAX_LIMIT`) may each add 1 before one of them comes to that.
pub(crate) const FULL: u64 = 1 << 22;
