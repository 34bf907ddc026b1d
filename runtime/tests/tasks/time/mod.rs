//! Timers, on a clock that the test controls wherever the real one is not itself under test.
//!
//! Rows T, R5, R8 and N of the pitfalls are named beside the tests.

#![allow(missing_docs)]

mod clock;
mod intervals;
mod limits;
mod pause;
mod sleeps;
