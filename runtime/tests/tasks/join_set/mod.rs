//! Tasks that belong together, taken in the order in which they end. N10 is of docs/pitfalls.md: the cost of a wake must not grow with the number of those who wait.

#![allow(missing_docs)]

mod ends;
mod outputs;
mod polled;
mod wakes;
