//! Signals as events. A disposition belongs to the whole process, and some of these tests end by a signal, so each runs in a
//! process of its own. The rows are S3, S5, S6, S8 and S9 of docs/pitfalls.md.

#![allow(missing_docs)]
#![cfg(not(miri))] // which starts no process and handles no signal

mod delivery;
mod disposition;
mod dispositions;
mod listeners;
mod storms;
