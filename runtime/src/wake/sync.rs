//! The synchronisation types of `mailbox`: std's here, loom's where the model checker includes that file
//! (`tests/mailbox_loom.rs`).

pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::atomic::{AtomicU32, Ordering};
