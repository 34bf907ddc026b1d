//! The synchronisation types that `mailbox` is built on: std's here, loom's where the model checker includes
//! that file (`tests/mailbox_loom.rs`). Nothing else in the crate needs the choice.

pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::atomic::{AtomicU32, Ordering};
