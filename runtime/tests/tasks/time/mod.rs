//! Timers, on a clock that the test controls, except where the real clock is under test.
//!
//! Comments name the rows T, R5, R8 and N of docs/pitfalls.md.

#![allow(missing_docs)]

mod clock;
mod intervals;
mod limits;
mod pause;
mod sleeps;
