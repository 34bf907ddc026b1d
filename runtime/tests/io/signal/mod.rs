//! Signals as events. What a signal does is a matter of the whole process, and some of these end in being
//! killed by one: so each test runs in a process of its own. The rows are S3, S5, S6, S8 and S9 of docs/pitfalls.md.

#![allow(missing_docs)]
#![cfg(not(miri))] // which starts no process and handles no signal

mod delivery;
mod disposition;
mod dispositions;
mod listeners;
mod storms;
